/**
 * Tree and timeline side by side: rows as elements, of which only those in view are there, and their bars on one canvas.
 *
 * A treegrid with one tab stop: arrows or j and k move, h and l fold, and the address follows.
 */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { count, duration, money, nanoUsd } from "../core/format";
import { SUM, type Sums } from "../core/rollup";
import { extent, fit, pan, toTime, width as widthOf, zoom } from "../core/timescale";
import { Kind } from "../ui/primitives";
import { MARGIN, drawAxis, drawBars, palette, prepare } from "./paint";
import type { SessionModel } from "./session-model";
import { useSize } from "./size";

export const ROW = 26;
const BEYOND = 8;
/** Deeper rows are not pushed further to the right, or their names would leave the view. */
const DEEPEST_INDENT = 12;

export function Timeline({ model, bars }: { model: SessionModel; bars: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const axis = useRef<HTMLCanvasElement>(null);
  const [top, setTop] = useState(0);
  const size = useSize(scroller);
  const { store } = model;
  const { rows, rowOf } = model.layout.value;
  const view = model.view.value;
  const whole = model.whole.value;
  const now = model.nowHere.value;
  const selected = model.selected.value;
  const sums = model.sums.value;
  const folds = model.folds.value;
  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((top + size.height) / ROW) + BEYOND);

  useLayoutEffect(() => {
    const pen = canvas.current && prepare(canvas.current);
    if (!pen || !bars) return;
    const colours = palette(canvas.current!.parentElement!);
    const critical = model.critical.value;
    const { errors } = sums;
    drawBars(pen, colours, {
      store,
      origin: whole.from,
      rows,
      view,
      now,
      top,
      row: ROW,
      selected,
      critical,
      errors,
    });
    const above = axis.current && prepare(axis.current);
    if (above) drawAxis(above, colours, view, whole.from);
  });

  // What is selected is in view, wherever the selection came from.
  useLayoutEffect(() => {
    const shown = scroller.current;
    const row = selected < 0 ? -1 : rowOf[selected];
    if (!shown || row < 0 || size.height === 0) return;
    const y = row * ROW;
    if (y < shown.scrollTop) shown.scrollTop = y - ROW;
    else if (y + ROW > shown.scrollTop + shown.clientHeight) {
      shown.scrollTop = y - shown.clientHeight + 2 * ROW;
    }
  }, [selected, size.height > 0]);

  const onWheel = (event: WheelEvent) => {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    const area = canvas.current?.getBoundingClientRect();
    if (!area) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const anchor = toTime(view, event.clientX - area.left - MARGIN, area.width - 2 * MARGIN);
      model.show(zoom(view, whole, 1.0015 ** event.deltaY, anchor));
    } else if (
      sideways !== 0 &&
      Math.abs(sideways) > Math.abs(event.deltaX === sideways ? event.deltaY : 0)
    ) {
      event.preventDefault();
      model.show(pan(view, whole, (sideways / area.width) * widthOf(view)));
    }
  };
  useLayoutEffect(() => {
    const shown = scroller.current;
    // Not passive, so that zooming does not scroll as well.
    shown?.addEventListener("wheel", onWheel, { passive: false });
    return () => shown?.removeEventListener("wheel", onWheel);
  });

  const followRows = () => {
    const from = Math.floor(top / ROW);
    const to = Math.ceil((top + size.height) / ROW);
    const range = extent(rows, from, to, store.start, (at) => store.endAt(at, now));
    if (range) model.show(fit(range, whole, 0.04));
  };

  return (
    <div class={bars ? "timeline" : "timeline no-bars"}>
      <div class="heads">
        <span class="head-name">
          {rows.length === store.n ? "" : `${count(rows.length)} of ${count(store.n)} spans`}
        </span>
        <span class="num" title="Tokens of the span and all beneath it">
          Σ tok
        </span>
        <span class="num" title="Cost of the span and all beneath it">
          Σ $
        </span>
        {bars ? (
          <>
            <canvas ref={axis} class="axis" aria-hidden="true" />
            <span class="zooms">
              <button type="button" title="The whole run (f)" onClick={() => model.show(null)}>
                all
              </button>
              <button type="button" title="The time of the rows in view (r)" onClick={followRows}>
                rows
              </button>
            </span>
          </>
        ) : (
          <span class="num">time</span>
        )}
      </div>
      <div class="scroll-area">
        <canvas ref={canvas} class="bars" aria-hidden="true" />
        <div
          ref={scroller}
          class="scroller"
          role="treegrid"
          aria-label="Spans"
          aria-rowcount={rows.length}
          aria-activedescendant={selected < 0 ? undefined : `row-${store.ids[selected]}`}
          tabIndex={0}
          onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        >
          <div class="rows" style={{ height: `${rows.length * ROW}px` }}>
            {Array.from(rows.subarray(first, last), (at, k) => (
              <Row
                key={store.ids[at]}
                model={model}
                sums={sums}
                at={at}
                row={first + k}
                isFolded={folds.has(store.ids[at])}
                isSelected={at === selected}
                time={bars ? null : duration(store.endAt(at, now) - store.start[at])}
              />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}

/** Reads no signals itself: rows come and go with every frame that is scrolled. */
function Row({
  model,
  sums,
  at,
  row,
  isFolded,
  isSelected,
  time,
}: {
  model: SessionModel;
  sums: Sums;
  at: number;
  row: number;
  isFolded: boolean;
  isSelected: boolean;
  /** How long it took, where no bar shows it. */
  time: string | null;
}) {
  const { store } = model;
  const kids = store.kids[at];
  const isError = store.isError(at);
  const isRoot = at === store.root;
  // Spans without their parent stand under the run, and count there.
  const tokens = isRoot ? sums.all.tokens : sums.tokens[at];
  const nano = isRoot ? sums.all.cost : sums.cost[at];
  const partial = isRoot ? sums.all.partial : (sums.marks[at] & SUM.partial) !== 0;
  const errors = sums.errors[at] - (isError ? 1 : 0);
  const modelName = store.texts.get(store.model[at]);
  const classes = ["row", isError && "error", isSelected && "selected"].filter(Boolean).join(" ");
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the page reads keys, wherever the focus is
    <div
      id={`row-${store.ids[at]}`}
      role="row"
      class={classes}
      aria-level={store.depth[at] + 1}
      aria-rowindex={row + 1}
      aria-selected={isSelected}
      aria-expanded={kids > 0 ? !isFolded : undefined}
      style={{ transform: `translateY(${row * ROW}px)` }}
      onClick={() => model.select(at)}
      tabIndex={-1}
    >
      <span
        role="gridcell"
        class="name"
        style={{ paddingLeft: `${8 + Math.min(store.depth[at], DEEPEST_INDENT) * 14}px` }}
      >
        {kids > 0 ? (
          <button
            type="button"
            class="fold"
            tabIndex={-1}
            aria-label={isFolded ? "unfold" : "fold"}
            onClick={(event) => {
              event.stopPropagation();
              model.fold(at, !isFolded);
            }}
          >
            {isFolded ? "▸" : "▾"}
          </button>
        ) : (
          <span class="fold" />
        )}
        <Kind kind={store.kind[at]} />
        <span class="text">{store.texts.get(store.name[at])}</span>
        {modelName && <span class="quiet model"> {modelName}</span>}
        {isError && (
          <span class="tone-bad" title="failed">
            {" "}
            ✕<span class="unseen"> failed</span>
          </span>
        )}
        {isFolded && <span class="chip">{count(store.size[at] - 1)}</span>}
        {isFolded && errors > 0 && <span class="chip bad">{count(errors)}</span>}
        {store.isOrphan(at) && (
          <span class="chip" title="Its parent has not been received">
            waiting for parent
          </span>
        )}
      </span>
      <span role="gridcell" class="num">
        {tokens > 0 ? count(tokens) : ""}
      </span>
      <span role="gridcell" class={partial ? "num tone-warn" : "num"}>
        {Number.isNaN(nano) && !partial ? "" : money({ usd: nanoUsd(nano), partial })}
      </span>
      {time !== null && (
        <span role="gridcell" class="num">
          {time}
        </span>
      )}
    </div>
  );
}
