/** How large an element is, as state; drawn anew when that changes, or when the theme does. */

import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

export function useSize(element: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const shown = element.current;
    if (!shown) return;
    const measure = () => setSize({ width: shown.clientWidth, height: shown.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(shown);
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", measure);
    return () => {
      observer.disconnect();
      theme.removeEventListener("change", measure);
    };
  }, [element]);
  return size;
}

export const useWidth = (element: RefObject<HTMLElement | null>): number => useSize(element).width;
