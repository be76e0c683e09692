/**
 * Tree and timeline side by side: rows as elements, of which only those in view are there, and their bars on one canvas.
 *
 * A treegrid with one tab stop: arrows or j and k move, h and l fold, and the address follows. What is in view stays where
 * it is when rows come in above it.
 */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { count, duration, money, nanoUsd, plural } from "../core/format";
import { SUM, type Sums } from "../core/rollup";
import { NONE, type SpanStore } from "../core/store";
import { Kind } from "../ui/primitives";
import { useDraw } from "./draw";
import { drawAxis, drawBars, palette, prepare } from "./paint";
import type { SessionModel } from "./session-model";
import { useSize } from "./size";
import { useZoom } from "./zoom";

export const ROW = 26;
const BEYOND = 8;
/** How wide the buttons are that lie over the end of the axis. */
const ZOOMS = 120;
/** Deeper rows are not pushed further to the right, or their names would leave the view. */
const DEEPEST_INDENT = 12;

export function Timeline({ model, bars }: { model: SessionModel; bars: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const axis = useRef<HTMLCanvasElement>(null);
  const [top, setTop] = useState(0);
  // How far it is scrolled, known without asking the browser, who would lay out the page to answer.
  const topNow = useRef(0);
  const size = useSize(scroller);
  const { store } = model;
  const version = model.version.value;
  const { rows, rowOf, isMatch } = model.layout.value;
  const selected = model.selected.value;
  const sums = model.sums.value;
  const loops = model.loops.value;
  const tries = model.tries.value;
  // Rows are dimmed anew only when a span begins.
  const isReplay = model.begun.value !== null;
  const playhead = isReplay ? model.playhead.peek() : null;
  const now = bars ? 0 : model.clock.value - store.epoch;
  model.rowsInView = [Math.floor(top / ROW), Math.ceil((top + size.height) / ROW)];
  useLayoutEffect(() => {
    if (bars && model.followsRows.value && size.height > 0) model.showRows();
  }, [model.followsRows.value, Math.floor(top / ROW), size.height, rows]);
  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((top + size.height) / ROW) + BEYOND);

  useDraw(() => {
    if (!bars) return;
    const view = model.range.value;
    const origin = model.whole.value.from;
    const pen = canvas.current && prepare(canvas.current);
    if (!pen) return;
    const colours = palette(canvas.current!.parentElement!);
    drawBars(pen, colours, {
      store,
      origin,
      rows: model.layout.value.rows,
      view,
      now: model.nowHere.value,
      top: topNow.current,
      row: ROW,
      selected: model.selected.value,
      critical: model.critical.value,
      errors: model.sums.value.errors,
      playhead: model.playhead.value,
    });
    const above = axis.current && prepare(axis.current);
    if (above && store.n > 0) drawAxis(above, colours, view, origin, ZOOMS);
  });

  const anchor = useAnchor(scroller, topNow, rows, rowOf, model);

  // What is selected is in view, wherever the selection came from, and stays so while the page finds its measures; but not
  // once the reader has moved on.
  const isMoved = useRef(false);
  useLayoutEffect(() => {
    isMoved.current = false;
  }, [selected]);
  const leave = () => {
    isMoved.current = true;
    model.followAlong(false);
  };
  useLayoutEffect(() => {
    const row = selected < 0 ? -1 : rowOf[selected];
    if (row < 0 || size.height === 0 || isMoved.current) return;
    const y = row * ROW;
    if (y < topNow.current) anchor.move(y - ROW);
    else if (y + ROW > topNow.current + size.height) anchor.move(y - size.height + 2 * ROW);
  }, [selected, size.height]);

  // The newest span is in view while the reader goes along.
  const follow = model.follow.value;
  const followed = useRef(NONE);
  useLayoutEffect(() => {
    if (!follow || size.height === 0) return;
    const newest = newestOf(store, followed);
    followed.current = store.above[newest];
    const y = (rowOf[newest] ?? 0) * ROW;
    if (y + ROW > topNow.current + size.height || y < topNow.current) {
      anchor.move(y - size.height + 3 * ROW);
    }
  }, [version, follow, size.height > 0]);

  useZoom(scroller, canvas, model, leave);

  return (
    <div class={bars ? "timeline" : "timeline no-bars"}>
      <Heads model={model} bars={bars} axis={axis} rows={rows.length} />
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
          onPointerDown={(event) => {
            // On the bar at the side.
            if (event.target === event.currentTarget) leave();
          }}
          onScroll={(event) => {
            anchor.keep();
            // The element that has the focus is about to show another row.
            if (document.activeElement?.closest(".row")) {
              event.currentTarget.focus({ preventScroll: true });
            }
            setTop(event.currentTarget.scrollTop);
          }}
        >
          <div class="rows" style={{ height: `${rows.length * ROW}px` }}>
            {slots(first, last, size.height).map(([slot, row]) => {
              const at = rows[row];
              return (
                <Row
                  key={slot}
                  model={model}
                  sums={sums}
                  at={at}
                  row={row}
                  isFolded={model.isFolded(at)}
                  isSelected={at === selected}
                  isFound={isMatch !== null && isMatch[at] === 1}
                  isAhead={playhead !== null && store.start[at] > playhead}
                  tries={tries.get(at) ?? 0}
                  loop={loops.get(store.ids[at]) ?? null}
                  time={bars ? null : duration(store.endAt(at, now) - store.start[at])}
                />
              );
            })}
          </div>
        </div>
        {store.n === 0 && (
          <p class="no-rows quiet">
            {model.isRunning.value
              ? "None of its spans has begun."
              : "None of its spans was received."}
          </p>
        )}
        {model.isRunning.value && !follow && (
          <button type="button" class="newer" onClick={() => model.followAlong(true)}>
            ▼ {model.arrived.value > 0 ? `${count(model.arrived.value)} new` : "follow"}
          </button>
        )}
      </div>
    </div>
  );
}

/**
 * The rows in view by the element that shows each. An element whose row is scrolled away shows the next one that comes,
 * where it is: making elements is what costs most of a frame.
 */
function slots(first: number, last: number, height: number): [slot: number, row: number][] {
  const all = Math.ceil(height / ROW) + 1 + 2 * BEYOND;
  const shown: [number, number][] = [];
  for (let row = first; row < last; row++) shown.push([row % all, row]);
  return shown.sort(([a], [b]) => a - b);
}

/** What runs beneath the span that was followed, so that the view does not hop between those that run beside each other; else what began last. */
function newestOf(store: SpanStore, followed: { current: number }): number {
  let newest = 0;
  let beneath = NONE;
  for (let at = 0; at < store.n; at++) {
    if (store.start[at] >= store.start[newest]) newest = at;
    const isBeneath = store.above[at] === followed.current && store.isOpen(at);
    if (isBeneath && (beneath === NONE || store.start[at] >= store.start[beneath])) beneath = at;
  }
  return followed.current === NONE || beneath === NONE ? newest : beneath;
}

/** Keeps the first row in view where it is on the screen, whatever comes in above it. */
function useAnchor(
  scroller: preact.RefObject<HTMLDivElement | null>,
  topNow: { current: number },
  rows: Int32Array,
  rowOf: Int32Array,
  model: SessionModel,
): { keep: () => void; move: (to: number) => void } {
  const kept = useRef<{ id: string; beside: number } | null>(null);
  const keep = () => {
    const top = scroller.current?.scrollTop ?? 0;
    topNow.current = top;
    const row = Math.floor(top / ROW);
    const at = rows[row];
    kept.current = at === undefined ? null : { id: model.store.ids[at], beside: top - row * ROW };
  };
  const move = (to: number) => {
    if (scroller.current) scroller.current.scrollTop = to;
    keep();
  };
  useLayoutEffect(() => {
    const anchor = kept.current;
    const at = anchor ? model.store.indexOf(anchor.id) : -1;
    // At the very top one stays at the top.
    if (!anchor || at < 0 || rowOf[at] < 0 || topNow.current === 0) return;
    const wanted = rowOf[at] * ROW + anchor.beside;
    if (Math.abs(topNow.current - wanted) >= 1) move(wanted);
  }, [rows]);
  return { keep, move };
}

function Heads({
  model,
  bars,
  axis,
  rows,
}: {
  model: SessionModel;
  bars: boolean;
  axis: preact.RefObject<HTMLCanvasElement | null>;
  rows: number;
}) {
  const { store } = model;
  const path = model.showsPath.value;
  return (
    <div class="heads">
      <span class="head-name">
        <button type="button" title="Open all" onClick={() => model.foldAll("none")}>
          open
        </button>
        <button type="button" title="Fold all" onClick={() => model.foldAll("all")}>
          fold
        </button>
        <button
          type="button"
          title="Fold all but the way to what failed"
          onClick={() => model.foldAll("errors")}
        >
          errors
        </button>
        <span>{rows === store.n ? "" : `${count(rows)} of ${count(store.n)}`}</span>
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
            <button
              type="button"
              aria-pressed={path}
              title="Underline the critical path: what the run waited for"
              onClick={() => model.change({ path: !path })}
            >
              path
            </button>
            <button
              type="button"
              aria-pressed={model.window.value === null && !model.followsRows.value}
              title="The whole run (f)"
              onClick={() => model.show(null)}
            >
              all
            </button>
            <button
              type="button"
              aria-pressed={model.followsRows.value}
              title="The time of the rows in view, whichever they are (r)"
              onClick={() => model.followRows()}
            >
              rows
            </button>
          </span>
        </>
      ) : (
        <>
          <span class="num" title="Errors at and beneath it">
            Σ errors
          </span>
          <span class="num" title="Spans beneath it">
            spans
          </span>
          <span class="num">time</span>
        </>
      )}
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
  isFound,
  isAhead,
  tries,
  loop,
  time,
}: {
  model: SessionModel;
  sums: Sums;
  at: number;
  row: number;
  isFolded: boolean;
  isSelected: boolean;
  /** The search wants it. */
  isFound: boolean;
  /** A replay has not come to it. */
  isAhead: boolean;
  /** Attempts that failed before it. */
  tries: number;
  loop: { round: number; rounds: number } | null;
  /** How long it took, where no bar shows it. */
  time: string | null;
}) {
  const { store } = model;
  const kids = store.kids[at];
  const isError = store.isError(at);
  const isRoot = at === store.root;
  // Spans without their parent stand under the run, and count there.
  const tokens = isRoot ? sums.all.tokens : sums.tokens[at];
  const nano = isRoot ? sums.all.cost : (sums.cost[at] ?? Number.NaN);
  const partial = isRoot ? sums.all.partial : (sums.marks[at] & SUM.partial) !== 0;
  // What came after the last sum is in none yet.
  const failed = sums.errors[at] ?? 0;
  const errors = failed - (isError ? 1 : 0);
  const modelName = store.texts.get(store.model[at]);
  const indent = Math.min(store.depth[at], DEEPEST_INDENT) * 14;
  let classes = "row";
  if (isError) classes += " error";
  else if (errors > 0) classes += " to-error";
  if (isSelected) classes += " selected";
  if (isFound) classes += " found";
  if (isAhead) classes += " ahead";
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
      style={{ top: `${row * ROW}px` }}
      onClick={() => model.select(at)}
      tabIndex={-1}
    >
      <span role="gridcell" class="name" style={{ paddingLeft: `${8 + indent}px` }}>
        {indent > 0 && <span class="guides" style={{ width: `${indent}px` }} />}
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
        {isError && (
          <span class="tone-bad" title="failed">
            {" "}
            ✕<span class="unseen"> failed</span>
          </span>
        )}
        <span class="beside">
          {isFolded && <span class="chip">{count(store.size[at] - 1)}</span>}
          {isFolded && errors > 0 && <span class="chip bad">{count(errors)} ✕</span>}
          {tries > 0 && (
            <span class="chip warn" title={`another attempt, after ${plural(tries, "failure")}`}>
              ↻ {tries + 1}
            </span>
          )}
          {loop && (
            <span class="chip warn" title="the same call with the same arguments, again and again">
              loop {loop.round}/{loop.rounds}
            </span>
          )}
          {store.isOrphan(at) && (
            <span class="chip" title="Its parent has not been received">
              waiting for parent
            </span>
          )}
          {modelName && <span class="quiet model"> {modelName}</span>}
        </span>
      </span>
      <span role="gridcell" class="num">
        {tokens > 0 ? count(tokens) : ""}
      </span>
      <span role="gridcell" class={partial ? "num tone-warn" : "num"}>
        {Number.isNaN(nano) && !partial ? "" : money({ usd: nanoUsd(nano), partial })}
      </span>
      {time !== null && (
        <>
          <span role="gridcell" class={failed > 0 ? "num tone-bad" : "num"}>
            {failed > 0 ? count(failed) : ""}
          </span>
          <span role="gridcell" class="num">
            {kids > 0 ? count(store.size[at] - 1) : ""}
          </span>
          <span role="gridcell" class="num time">
            {store.isOpen(at) && <span class="tone-live">● </span>}
            {time}
          </span>
        </>
      )}
    </div>
  );
}
