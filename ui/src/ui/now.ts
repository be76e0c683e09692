/** The time by a clock that ticks once a second, as long as somebody looks. */

import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const now = signal(Date.now());
let watchers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

const tick = () => {
  if (!document.hidden) now.value = Date.now();
};

export function useNow(): ReadonlySignal<number> {
  useEffect(() => {
    if (watchers++ === 0) {
      tick();
      timer = setInterval(tick, 1000);
    }
    return () => {
      if (--watchers === 0) clearInterval(timer);
    };
  }, []);
  return now;
}
