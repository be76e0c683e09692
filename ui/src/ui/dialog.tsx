/** Something over the page, until it is closed: the browser's own dialog, which keeps the focus and gives it back. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Dialog({
  label,
  close,
  class: className = "",
  children,
}: {
  label: string;
  close: () => void;
  class?: string;
  children: ComponentChildren;
}) {
  const place = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    // Beside it: what is in it has its own elements under the pointer.
    const onDown = (event: Event) => event.target === dialog && dialog?.close();
    dialog?.addEventListener("pointerdown", onDown);
    return () => {
      dialog?.removeEventListener("pointerdown", onDown);
      dialog?.close();
    };
  }, []);
  return (
    <dialog ref={place} class={className} aria-label={label} onClose={close}>
      <div class="dialog-inner">{children}</div>
    </dialog>
  );
}
