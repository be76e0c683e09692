/**
 * What ran beside what: the spans that did the work in lanes by agent or by thread, and above them how many at once.
 *
 * Only what is in view is drawn, on one canvas; the names beside the lanes are elements. Rows of the tree are the same
 * spans for who does not see the canvas.
 */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { count, duration, percent, plural } from "../core/format";
import { type WorkLanes, firstIn, lanesOf } from "../core/lanes-of";
import { type SpanStore, NONE } from "../core/store";
import { toPixel, toTime, width as widthOf } from "../core/timescale";
import { LANES_BY, type LanesBy } from "../core/url";
import { useDraw } from "./draw";
import { MARGIN, type Palette, type Pen, drawAxis, drawPlayhead, palette, prepare } from "./paint";
import type { SessionModel } from "./session-model";
import { useSize } from "./size";
import { useZoom } from "./zoom";

/** How wide the button is that lies over the end of the axis. */
const ZOOM = 36;
const LANE = 22;
/** Room above each group. */
const GAP = 10;

const BY: Record<LanesBy, string> = { agent: "by agent", thread: "by thread" };

export function LanesView({ model }: { model: SessionModel }) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const axis = useRef<HTMLCanvasElement>(null);
  const strip = useRef<HTMLCanvasElement>(null);
  const [top, setTop] = useState(0);
  const size = useSize(scroller);
  useSize(strip);
  const { store } = model;
  const version = model.version.value;
  const by = model.state.value?.by ?? "agent";
  const lanes = useMemo(
    () => lanesOf(store, by, model.nowHere.peek()),
    [store, version, by, model.isRunning.value],
  );
  const tops = useMemo(() => topsOf(lanes), [lanes]);
  const height = tops.total;
  const selected = model.selected.value;

  useDraw(() => {
    const view = model.range.value;
    const pen = canvas.current && prepare(canvas.current);
    if (!pen) return;
    const colours = palette(canvas.current!);
    drawLanes(pen, colours, {
      store,
      lanes,
      tops: tops.lane,
      view,
      now: model.nowHere.value,
      top: scroller.current?.scrollTop ?? 0,
      selected: model.selected.value,
      playhead: model.playhead.value,
    });
    const above = axis.current && prepare(axis.current);
    if (above) drawAxis(above, colours, view, model.whole.peek().from, ZOOM);
    const over = strip.current && prepare(strip.current);
    if (over) drawSteps(over, colours, lanes, view, model.nowHere.peek());
  });
  useZoom(scroller, canvas, model);

  // The lane of what is selected is in view.
  useLayoutEffect(() => {
    const shown = scroller.current;
    if (!shown || selected === NONE) return;
    const lane = lanes.spans.findIndex((spans) => spans.includes(selected));
    if (lane < 0) return;
    const y = tops.lane[lane];
    if (y < shown.scrollTop || y + LANE > shown.scrollTop + shown.clientHeight) {
      shown.scrollTop = y - shown.clientHeight / 2;
    }
  }, [selected, lanes]);

  const hit = (event: MouseEvent): number => {
    const area = canvas.current?.getBoundingClientRect();
    if (!area || event.clientX < area.left) return NONE;
    const y = event.clientY - area.top + (scroller.current?.scrollTop ?? 0);
    const lane = tops.lane.findIndex((top) => y >= top && y < top + LANE);
    if (lane < 0) return NONE;
    const view = model.range.peek();
    const wide = area.width - 2 * MARGIN;
    const now = model.nowHere.peek();
    // A span is as easy to hit as it is to see.
    const near = (3 / wide) * widthOf(view);
    const time = toTime(view, event.clientX - area.left - MARGIN, wide);
    const spans = lanes.spans[lane];
    const at = spans[firstIn(store, spans, time - near, now)];
    return at !== undefined && store.start[at] <= time + near ? at : NONE;
  };
  const label = (key: number) =>
    by === "agent"
      ? key === NONE
        ? "no agent"
        : store.texts.get(key)
      : Number.isNaN(key)
        ? "no thread"
        : `thread ${key}`;
  const span = Math.max(1e-9, widthOf(model.whole.peek()));
  return (
    <div class="timeline lanes">
      <div class="heads lane-heads">
        <span class="head-name">
          {LANES_BY.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === by}
              onClick={() => model.change({ by: one })}
            >
              {BY[one]}
            </button>
          ))}
        </span>
        <canvas ref={axis} class="axis" aria-hidden="true" />
        <span class="zooms">
          <button
            type="button"
            aria-pressed={model.window.value === null}
            title="The whole run (f)"
            onClick={() => model.show(null)}
          >
            all
          </button>
        </span>
      </div>
      <div class="at-once">
        <span class="lane-label quiet">
          up to <b>{count(lanes.steps.most)}</b> at once, idle <b>{percent(lanes.idle / span)}</b>
        </span>
        <canvas ref={strip} aria-hidden="true" />
      </div>
      <div class="scroll-area">
        <canvas ref={canvas} class="bars" aria-hidden="true" />
        {/* oxlint-disable jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex -- it scrolls by keys, and the page reads those that select, wherever the focus is */}
        <div
          ref={scroller}
          class="scroller"
          role="group"
          aria-label={`${plural(lanes.count, "lane")} ${BY[by]}; j and k go from span to span`}
          tabIndex={0}
          onScroll={(event) => setTop(event.currentTarget.scrollTop)}
          onClick={(event) => model.select(hit(event))}
          onMouseMove={(event) => {
            const at = hit(event);
            event.currentTarget.title = at === NONE ? "" : about(store, at, model.nowHere.peek());
          }}
        >
          {/* oxlint-enable */}
          <div class="rows" style={{ height: `${height}px` }}>
            {lanes.groups.map((group, k) => {
              const y = tops.group[k];
              const high = group.count * LANE;
              if (y + high < top - 40 || y > top + size.height + 40) return null;
              return (
                <div
                  key={group.key}
                  class="lane-group"
                  style={{ transform: `translateY(${y}px)`, height: `${high}px` }}
                >
                  <span class="lane-label">{label(group.key)}</span>
                  {group.count > 1 && <span class="chip">{group.count} at once</span>}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

function about(store: SpanStore, at: number, now: number): string {
  const took = duration(store.endAt(at, now) - store.start[at]);
  return `${store.texts.get(store.name[at])} · ${took}${store.isError(at) ? " · failed" : ""}`;
}

/** Where lanes and groups stand. */
function topsOf(lanes: WorkLanes): { lane: number[]; group: number[]; total: number } {
  const lane: number[] = [];
  const group: number[] = [];
  let y = 0;
  for (const { count } of lanes.groups) {
    y += GAP;
    group.push(y);
    for (let k = 0; k < count; k++, y += LANE) lane.push(y);
  }
  return { lane, group, total: y + GAP };
}

interface Drawn {
  store: SpanStore;
  lanes: WorkLanes;
  tops: number[];
  view: { from: number; to: number };
  now: number;
  top: number;
  selected: number;
  playhead: number | null;
}

function drawLanes(pen: Pen, colours: Palette, drawn: Drawn): void {
  const { context, width, height } = pen;
  const { store, lanes, tops, view, now, top, playhead } = drawn;
  const wide = width - 2 * MARGIN;
  context.font = colours.font;
  context.textBaseline = "middle";
  for (const [lane, spans] of lanes.spans.entries()) {
    const y = tops[lane] - top;
    if (y + LANE < 0 || y > height) continue;
    context.fillStyle = colours.line;
    context.fillRect(0, y + LANE - 1, width, 1);
    let drawnTo = Number.NEGATIVE_INFINITY;
    for (let k = firstIn(store, spans, view.from, now); k < spans.length; k++) {
      const at = spans[k];
      if (store.start[at] > view.to) break;
      const x = MARGIN + toPixel(view, store.start[at], wide);
      const to = Math.max(x + 1, MARGIN + toPixel(view, store.endAt(at, now), wide));
      const isError = store.isError(at);
      // Of what falls into one pixel the first is drawn, and what failed.
      if (to < drawnTo + 0.5 && !isError && at !== drawn.selected) continue;
      drawnTo = to;
      context.globalAlpha = playhead !== null && store.start[at] > playhead ? 0.2 : 1;
      context.fillStyle = isError ? colours.bad : colours.kinds[store.kind[at]];
      const left = Math.max(-4, x);
      const right = Math.min(width + 4, Math.max(to - 0.5, x + 1));
      context.beginPath();
      context.roundRect(left, y + 2, right - left, LANE - 6, Math.min(3, (right - left) / 2));
      context.fill();
      if (at === drawn.selected) {
        context.strokeStyle = colours.fg;
        context.lineWidth = 2;
        context.stroke();
      }
      if (right - left > 34) {
        context.save();
        context.clip();
        context.fillStyle = colours.bg;
        context.fillText(
          store.texts.get(store.name[at]),
          Math.max(left, 0) + 5,
          y + LANE / 2 - 0.5,
        );
        context.restore();
      }
      context.globalAlpha = 1;
    }
  }
  if (playhead !== null) drawPlayhead(pen, colours, MARGIN + toPixel(view, playhead, wide));
}

function drawSteps(
  { context, width, height }: Pen,
  colours: Palette,
  { steps }: WorkLanes,
  view: { from: number; to: number },
  now: number,
): void {
  const { times, counts, most } = steps;
  const wide = width - 2 * MARGIN;
  if (most === 0) return;
  // The most in each pixel: a peak is seen however short it was.
  const columns = new Float64Array(Math.ceil(width) + 1);
  for (const [k, count] of counts.entries()) {
    const from = MARGIN + toPixel(view, times[k], wide);
    const to = MARGIN + toPixel(view, times[k + 1] ?? now, wide);
    if (to < 0 || from > width) continue;
    const last = Math.min(columns.length - 1, Math.max(Math.floor(from), Math.ceil(to) - 1));
    for (let x = Math.max(0, Math.floor(from)); x <= last; x++) {
      columns[x] = Math.max(columns[x], count);
    }
  }
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.55;
  for (const [x, count] of columns.entries()) {
    const high = (count / most) * (height - 4);
    if (count > 0) context.fillRect(x, height - high, 1, high);
  }
  context.globalAlpha = 1;
}
