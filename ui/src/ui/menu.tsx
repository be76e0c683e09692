/** What opens below a button, and closes by itself: the browser's own `details`, with the manners of a menu. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export function Menu({
  label,
  children,
  class: className = "",
  title,
}: {
  label: ComponentChildren;
  /** What it holds; told how to close it. */
  children: (close: () => void) => ComponentChildren;
  class?: string;
  title?: string | undefined;
}) {
  const place = useRef<HTMLDetailsElement>(null);
  const [isOpen, setOpen] = useState(false);
  const close = () => {
    if (place.current) place.current.open = false;
  };
  useEffect(() => {
    const onDown = (event: Event) => {
      if (event.target instanceof Node && !place.current?.contains(event.target)) close();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !place.current?.open) return;
      event.stopPropagation();
      close();
      place.current.querySelector("summary")?.focus();
    };
    const element = place.current;
    addEventListener("pointerdown", onDown);
    element?.addEventListener("keydown", onKey);
    return () => {
      removeEventListener("pointerdown", onDown);
      element?.removeEventListener("keydown", onKey);
    };
  }, []);
  return (
    <details
      ref={place}
      class={`menu ${className}`}
      onToggle={() => setOpen(place.current?.open ?? false)}
    >
      <summary title={title}>{label}</summary>
      {isOpen && <div class="menu-body">{children(close)}</div>}
    </details>
  );
}
