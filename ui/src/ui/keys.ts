/** Keys for the whole page: single ones, and pairs such as `g s`. Not while somebody types, or a dialog is open. */

import { useEffect, useRef } from "preact/hooks";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const PAIR_MS = 900;

export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    let first = "";
    let at = 0;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || isTaken(event)) return;
      const held = event.ctrlKey || event.metaKey ? "mod+" : "";
      const pair = event.timeStamp - at < PAIR_MS ? `${first} ${event.key}` : "";
      const found = (pair && current.current[pair]) || current.current[held + event.key];
      first = held || pair in current.current ? "" : event.key;
      at = event.timeStamp;
      if (!found) return;
      event.preventDefault();
      found(event);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** Whether a key is for what has the focus. */
function isTaken(event: KeyboardEvent): boolean {
  if (document.querySelector("dialog[open]")) return true;
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (!target) return false;
  const isText = target.matches(
    "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]",
  );
  return isText && !(event.ctrlKey || event.metaKey);
}
