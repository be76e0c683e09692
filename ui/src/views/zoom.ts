/** Turning the wheel over time: with control it zooms about the pointer, sideways it moves, and else it scrolls. */

import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

import { pan, toTime, width, zoom } from "../core/timescale";
import { MARGIN } from "./paint";
import type { SessionModel } from "./session-model";

export function useZoom(
  element: RefObject<HTMLElement | null>,
  /** What shows time, as wide as it is. */
  time: RefObject<HTMLElement | null>,
  model: SessionModel,
  onScroll?: () => void,
): void {
  useLayoutEffect(() => {
    const shown = element.current;
    const onWheel = (event: WheelEvent) => {
      const area = time.current?.getBoundingClientRect();
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      const isSideways =
        sideways !== 0 && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY));
      if (!area || area.width === 0) return;
      const view = model.range.peek();
      const whole = model.whole.peek();
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const anchor = toTime(view, event.clientX - area.left - MARGIN, area.width - 2 * MARGIN);
        model.show(zoom(view, whole, 1.0015 ** event.deltaY, anchor));
      } else if (isSideways) {
        event.preventDefault();
        model.show(pan(view, whole, (sideways / area.width) * width(view)));
      } else onScroll?.();
    };
    // Not passive, so that zooming does not scroll as well.
    shown?.addEventListener("wheel", onWheel, { passive: false });
    return () => shown?.removeEventListener("wheel", onWheel);
  });
}
