/** Answers that are sums of everything, kept up with what changes. */

import { useEffect, useRef } from "preact/hooks";

import { listen } from "../live";

/** Asks again once something has changed, and so often at most. */
export function useRefresh(again: () => void, ms: number): void {
  const current = useRef(again);
  current.current = again;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const silence = listen({
      reset: () => current.current(),
      changes: () => {
        timer ??= setTimeout(() => {
          timer = null;
          current.current();
        }, ms);
      },
    });
    return () => {
      silence();
      if (timer !== null) clearTimeout(timer);
    };
  }, []);
}
