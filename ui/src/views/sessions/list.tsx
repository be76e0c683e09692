/**
 * The list itself: rows of one height, of which only those in view are drawn, however many there are. Keys move through
 * it, and it asks for more when its end comes near.
 */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { type LiveList, visible } from "../../core/live-list";
import { outcome } from "../../core/model";
import { type SessionsRoute, sessionRoute } from "../../core/url";
import type { Session, Verdict } from "../../gen/api";
import { follow, go } from "../../router";
import { useKeys } from "../../ui/keys";
import { Cell } from "./cells";
import { COLUMNS, type Column, shownColumns } from "./columns";
import { useVerdicts } from "./verdicts";

const ROW = 30;
/** Where there is no room for columns, a row is three lines. */
const TALL_ROW = 74;
const NARROW = "(max-width: 720px)";
const TIGHT = "(max-width: 1180px)";

export interface ListProps {
  route: SessionsRoute;
  list: LiveList<Session>;
  total: number;
  isStale: boolean;
  place: RefObject<HTMLDivElement | null>;
  selected: ReadonlyMap<string, Session>;
  select: (selected: ReadonlyMap<string, Session>) => void;
  more: () => void;
  remove: (ids: string[]) => void;
}

export function List(props: ListProps) {
  const { route, list, total, isStale, place, selected, select, more, remove } = props;
  const { rows } = list;
  const isNarrow = useMatch(NARROW);
  const height = isNarrow ? TALL_ROW : ROW;
  const { top, room } = useScroll(place, height);
  const { from, to } = visible(rows.length, height, top, room);
  const drawn = rows.slice(from, to);
  const verdictOf = useVerdicts(drawn);
  const [active, setActive] = useState<string | null>(null);
  const focus = useRef<string | null>(null);
  const anchor = useRef<string | null>(null);
  const shown = shownColumns.value;
  const isTight = useMatch(TIGHT);
  const columns = useMemo(
    () => COLUMNS.filter(({ id, isWide }) => shown.has(id) && !(isWide && isTight)),
    [shown, isTight],
  );

  useEffect(() => {
    if (list.cursor !== null && to > rows.length - 30) more();
  }, [to, rows.length, list.cursor]);

  const at = rows.findIndex((row) => row.id === active);
  const move = (by: number) => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
    if (!next) return;
    const index = rows.indexOf(next);
    const box = place.current;
    if (box) {
      // Below the heads, which stay.
      if (index * height < box.scrollTop) box.scrollTop = index * height;
      const low = (index + 1) * height + HEADS - box.clientHeight;
      if (low > box.scrollTop) box.scrollTop = low;
    }
    focus.current = next.id;
    setActive(next.id);
  };
  useEffect(() => {
    if (focus.current === null) return;
    const row = place.current?.querySelector<HTMLElement>(`[data-id="${focus.current}"]`);
    if (!row) return;
    focus.current = null;
    row.focus({ preventScroll: true });
  });

  const toggle = (session: Session, isRange: boolean) => {
    const next = new Map(selected);
    const a = rows.findIndex((row) => row.id === anchor.current);
    const b = rows.indexOf(session);
    if (isRange && a >= 0) {
      for (const row of rows.slice(Math.min(a, b), Math.max(a, b) + 1)) next.set(row.id, row);
    } else if (next.has(session.id)) next.delete(session.id);
    else next.set(session.id, session);
    anchor.current = session.id;
    select(next);
  };
  const here = at < 0 ? undefined : rows[at];
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    x: () => here && toggle(here, false),
    X: () => here && toggle(here, true),
    "#": () => selected.size > 0 && remove([...selected.keys()]),
    Escape: () => select(new Map()),
  });

  const all = rows.length > 0 && rows.every((row) => selected.has(row.id));
  return (
    <div
      ref={place}
      class={selected.size > 0 ? "list-scroll is-selecting" : "list-scroll"}
      role="grid"
      aria-label="Sessions"
      aria-rowcount={total + 1}
      aria-multiselectable="true"
      aria-busy={isStale}
      style={{ "--cols": `26px ${columns.map((column) => column.width).join(" ")}` }}
    >
      <div class="list-heads" role="row" aria-rowindex={1}>
        <div role="columnheader" class="cell cell-check">
          <input
            type="checkbox"
            aria-label="Select all that are loaded"
            checked={all}
            onChange={() => select(all ? new Map() : new Map(rows.map((row) => [row.id, row])))}
          />
        </div>
        {columns.map((column) => (
          <Head key={column.id} column={column} route={route} />
        ))}
      </div>
      <div role="rowgroup" class="list-rows" style={{ height: `${rows.length * height}px` }}>
        {drawn.map((session, index) => (
          <Row
            key={session.id}
            session={session}
            verdict={verdictOf(session)}
            route={route}
            columns={columns}
            index={from + index}
            top={(from + index) * height}
            isActive={session.id === active || (at < 0 && from + index === 0)}
            isSelected={selected.has(session.id)}
            isFresh={list.fresh.has(session.id)}
            activate={() => setActive(session.id)}
            toggle={toggle}
          />
        ))}
      </div>
    </div>
  );
}

const HEADS = 28;

interface RowProps {
  session: Session;
  verdict: Verdict | null;
  route: SessionsRoute;
  columns: readonly Column[];
  index: number;
  top: number;
  isActive: boolean;
  isSelected: boolean;
  isFresh: boolean;
  activate: () => void;
  toggle: (session: Session, isRange: boolean) => void;
}

function Row(props: RowProps) {
  const { session, verdict, route, columns, index, top, isActive, isSelected, isFresh } = props;
  const target = sessionRoute(session.id);
  const failed = outcome(session).tone === "bad";
  // Scrolling moves rows, and changes nothing in them.
  const cells = useMemo(
    () =>
      columns.map((column) => (
        <Cell key={column.id} column={column} session={session} verdict={verdict} route={route} />
      )),
    [columns, session, verdict, route],
  );
  return (
    <div
      role="row"
      class={`list-row${failed ? " failed" : ""}${isFresh ? " fresh" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      data-id={session.id}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      tabIndex={isActive ? 0 : -1}
      onFocus={props.activate}
      onClick={(event) => follow(event, target)}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return;
        if (event.key === "Enter") go(target);
        else if (event.key === " ") {
          event.preventDefault();
          props.toggle(session, event.shiftKey);
        }
      }}
    >
      <div role="gridcell" class="cell cell-check">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Select ${session.name}`}
          checked={isSelected}
          onClick={(event) => {
            event.stopPropagation();
            props.toggle(session, event.shiftKey);
          }}
        />
      </div>
      {cells}
    </div>
  );
}

function Head({ column, route }: { column: Column; route: SessionsRoute }) {
  const { head, sort, isNumber } = column;
  const kind = `cell cell-${column.id}${isNumber ? " num" : ""}`;
  if (!sort) {
    return (
      <div role="columnheader" class={kind}>
        {head}
      </div>
    );
  }
  const isOldest = sort === "newest" && route.sort === "oldest";
  const isChosen = route.sort === sort || isOldest;
  const next = sort === "newest" && route.sort === "newest" ? "oldest" : sort;
  return (
    <div
      role="columnheader"
      class={kind}
      aria-sort={isChosen ? (isOldest ? "ascending" : "descending") : "none"}
    >
      <button
        type="button"
        class={isChosen ? "is-chosen" : ""}
        onClick={() => go({ ...route, sort: next })}
      >
        {head}
        <span aria-hidden="true">{isChosen ? (isOldest ? " ↑" : " ↓") : ""}</span>
      </button>
    </div>
  );
}

/** How far something is scrolled, and how much of it is seen. */
function useScroll(
  place: RefObject<HTMLElement | null>,
  row: number,
): { top: number; room: number } {
  const [at, setAt] = useState({ top: 0, room: 800 });
  useLayoutEffect(() => {
    const box = place.current;
    if (!box) return;
    const measure = () => {
      // By the row: what moves by less shows the same rows.
      const top = Math.floor(box.scrollTop / row) * row;
      const room = box.clientHeight;
      setAt((at) => (at.top === top && at.room === room ? at : { top, room }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    box.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", measure);
    };
  }, [row]);
  return at;
}

function useMatch(query: string): boolean {
  const [does, setDoes] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const found = matchMedia(query);
    const change = () => setDoes(found.matches);
    change();
    found.addEventListener("change", change);
    return () => found.removeEventListener("change", change);
  }, [query]);
  return does;
}
