/** What is drawn on a canvas: anew when a signal that it reads changes, or when its component is; never otherwise. */

import { effect, signal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

export function useDraw(draw: () => void): void {
  const latest = useRef(draw);
  latest.current = draw;
  const round = useMemo(() => signal(0), []);
  const isFirst = useRef(true);
  useLayoutEffect(
    () =>
      effect(() => {
        void round.value;
        latest.current();
      }),
    [round],
  );
  useLayoutEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else round.value++;
  });
}
