/**
 * The whole run at a glance: dragging over a part of it zooms to that part, a double click shows all again.
 *
 * The silhouette is drawn when the run changes, what lies over it (the part in view, the playhead) on a canvas above.
 */

import { useRef, useState } from "preact/hooks";

import { fit, toPixel, toTime } from "../core/timescale";
import { useDraw } from "./draw";
import { drawMinimap, drawPlayhead, palette, prepare } from "./paint";
import { MANY, type SessionModel } from "./session-model";
import { useWidth } from "./size";

/** Less than this is a click, in pixels. */
const CLICK = 4;

export function Minimap({ model }: { model: SessionModel }) {
  const silhouette = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const width = useWidth(silhouette);

  useDraw(() => {
    // A run that goes on is drawn anew a few times a second, however often its bars are; a large one as often as summed.
    if (model.isRunning.value && model.store.n <= MANY) void model.clock.value;
    void model.summed.value;
    const canvas = silhouette.current;
    const pen = canvas && prepare(canvas);
    if (!pen || !model.isSettled.value) return;
    drawMinimap(pen, palette(canvas), model.store, model.whole.peek(), model.nowHere.peek());
  });

  useDraw(() => {
    const canvas = over.current;
    const pen = canvas && prepare(canvas);
    if (!pen) return;
    const colours = palette(canvas);
    const whole = model.isRunning.value ? model.whole.peek() : model.whole.value;
    const window = model.window.value;
    if (window) {
      const left = toPixel(whole, window.from, pen.width);
      const right = toPixel(whole, window.to, pen.width);
      pen.context.globalAlpha = 0.7;
      pen.context.fillStyle = colours.bg;
      pen.context.fillRect(0, 0, left, pen.height);
      pen.context.fillRect(right, 0, pen.width - right, pen.height);
      pen.context.globalAlpha = 1;
      pen.context.fillStyle = colours.accent;
      pen.context.fillRect(Math.floor(left), 0, 1, pen.height);
      pen.context.fillRect(Math.ceil(right) - 1, 0, 1, pen.height);
    }
    const playhead = model.playhead.value;
    if (playhead !== null) drawPlayhead(pen, colours, toPixel(whole, playhead, pen.width));
  });

  const at = (event: PointerEvent) =>
    event.clientX - (silhouette.current?.getBoundingClientRect().left ?? 0);
  const end = () => {
    if (!drag) return;
    const [a, b] = [Math.min(...drag), Math.max(...drag)];
    const whole = model.whole.peek();
    setDrag(null);
    if (b - a >= CLICK) {
      const range = { from: toTime(whole, a, width), to: toTime(whole, b, width) };
      model.show(fit(range, whole, 0));
    } else if (model.playhead.value !== null) model.seek(toTime(whole, a, width));
  };
  return (
    <div
      class="minimap"
      title="Drag to zoom, double click for the whole run"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag([at(event), at(event)]);
      }}
      onPointerMove={(event) => drag && setDrag([drag[0], at(event)])}
      onPointerUp={end}
      onPointerCancel={() => setDrag(null)}
      onDblClick={() => model.show(null)}
    >
      <canvas ref={silhouette} aria-hidden="true" />
      <canvas ref={over} class="over" aria-hidden="true" />
      {drag && (
        <div
          class="brush"
          style={{ left: `${Math.min(...drag)}px`, width: `${Math.abs(drag[1] - drag[0])}px` }}
        />
      )}
    </div>
  );
}
