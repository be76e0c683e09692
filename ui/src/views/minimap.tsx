/** The whole run at a glance; dragging over a part of it zooms to that part, a double click shows all again. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { fit, toPixel, toTime } from "../core/timescale";
import { drawMinimap, palette, prepare } from "./paint";
import type { SessionModel } from "./session-model";
import { useWidth } from "./size";

/** Less than this is a click, in pixels. */
const CLICK = 4;

export function Minimap({ model }: { model: SessionModel }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const width = useWidth(canvas);
  const whole = model.whole.value;
  const view = model.view.value;
  const version = model.version.value;
  const now = model.nowHere.value;

  useLayoutEffect(() => {
    const pen = canvas.current && prepare(canvas.current);
    if (pen) drawMinimap(pen, palette(canvas.current!.parentElement!), model.store, whole, now);
  }, [model, version, width, whole]);

  const at = (event: PointerEvent) =>
    event.clientX - (canvas.current?.getBoundingClientRect().left ?? 0);
  const end = () => {
    if (!drag) return;
    const [a, b] = [Math.min(...drag), Math.max(...drag)];
    setDrag(null);
    if (b - a < CLICK) return;
    const range = { from: toTime(whole, a, width), to: toTime(whole, b, width) };
    model.show(fit(range, whole, 0));
  };
  const left = toPixel(whole, view.from, width);
  const right = toPixel(whole, view.to, width);
  return (
    <div
      class="minimap"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag([at(event), at(event)]);
      }}
      onPointerMove={(event) => drag && setDrag([drag[0], at(event)])}
      onPointerUp={end}
      onPointerCancel={() => setDrag(null)}
      onDblClick={() => model.show(null)}
    >
      <canvas ref={canvas} aria-hidden="true" />
      {model.window.value && (
        <>
          <div class="shade" style={{ left: 0, width: `${left}px` }} />
          <div class="shade" style={{ left: `${right}px`, right: 0 }} />
        </>
      )}
      {drag && (
        <div
          class="brush"
          style={{ left: `${Math.min(...drag)}px`, width: `${Math.abs(drag[1] - drag[0])}px` }}
        />
      )}
    </div>
  );
}
