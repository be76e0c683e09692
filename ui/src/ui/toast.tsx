/** Short messages about what was done, with the one thing that can be done about it. They go by themselves. */

import { signal } from "@preact/signals";

interface Toast {
  id: number;
  text: string;
  action: { text: string; run: () => void } | null;
}

const TOASTS = 4;
const SHOWN_MS = 8_000;
/** What can be taken back can be so for a while, also by those who are slow to find it. */
const OFFERED_MS = 30_000;

const toasts = signal<Toast[]>([]);
let last = 0;

export function toast(text: string, action: Toast["action"] = null): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, action }].slice(-TOASTS);
  setTimeout(() => dismiss(id), action ? OFFERED_MS : SHOWN_MS);
}

const dismiss = (id: number) => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
};

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, action }) => (
        <div key={id} class="toast">
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                dismiss(id);
                action.run();
              }}
            >
              {action.text}
            </button>
          )}
          <button type="button" class="close" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
