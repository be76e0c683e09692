/** What goes wrong, by what is the same when it happens again: how often, where, since when, and the newest of each. */

import type { ComponentChildren } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";

import { KINDS } from "../core/kinds";
import { type Told, together } from "../core/faults";
import { ago, clock, count, plural, whole } from "../core/format";
import { asked } from "../core/period";
import {
  type ErrorsRoute,
  FAULT_SORTS,
  type FaultSort,
  type Filters,
  print,
  sessionRoute,
  sessionsRoute,
} from "../core/url";
import type { ErrorList, Fault } from "../gen/api";
import { follow, go } from "../router";
import { useAnswer } from "../ui/ask";
import { Icon } from "../ui/icons";
import { useKeys } from "../ui/keys";
import { useNow } from "../ui/now";
import { Failure, Figure, Kind } from "../ui/primitives";
import { useRefresh } from "../ui/refresh";
import { Sparkline } from "../views/charts/chart";
import { Chips, Clear, Menus, SearchLine, Times } from "../views/sessions/filters";

import "../styles/charts.css";

const MOST = 200;
const REFRESH_MS = 3_000;

const SORTS: Record<FaultSort, { text: string; by: (a: Told, b: Told) => number }> = {
  newest: { text: "Last seen", by: (a, b) => b.last - a.last },
  count: { text: "Spans", by: (a, b) => b.count - a.count },
  sessions: { text: "Sessions", by: (a, b) => b.sessions - a.sessions },
};

export function Errors({ route }: { route: ErrorsRoute }) {
  const { q: words = "", ...filters } = route.filters;
  const query = useMemo(() => asked(filters, Date.now()).toString(), [route]);
  const { answer, error, isStale, again } = useAnswer<ErrorList>(`/errors?${query}&limit=${MOST}`);
  const place = useRef<HTMLTableSectionElement>(null);
  useRefresh(again, REFRESH_MS);
  const faults = useMemo(() => {
    const found =
      answer?.errors.filter(
        (fault) => (!route.kind || fault.kind === route.kind) && says(fault, words),
      ) ?? [];
    return together(found).sort(SORTS[route.sort].by);
  }, [answer, route.sort, route.kind, words]);
  const move = (by: number) => {
    const links = [...(place.current?.querySelectorAll<HTMLElement>(".fault-message") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  };
  useKeys({
    "/": () => document.querySelector<HTMLInputElement>("#search")?.focus(),
    j: () => move(1),
    k: () => move(-1),
  });
  const choose = (filters: Filters) => go({ ...route, filters });
  const isFiltered = Object.keys(route.filters).length > 0 || route.kind !== null;
  return (
    <main class="page errors">
      <h1 class="unseen">Errors</h1>
      <search class="controls">
        <SearchLine
          filters={route.filters}
          choose={choose}
          label="Search errors"
          hint="Search messages, codes, names   /"
        />
        <Times filters={route.filters} choose={choose} usual="All time" />
        <Menus filters={route.filters} choose={choose} />
        <Clear filters={route.filters} choose={choose} />
      </search>
      <Chips filters={route.filters} choose={choose} />
      {error !== null && <Failure error={error} retry={again} />}
      {answer === null && error === null && (
        <div class="skeleton-rows" role="status" aria-label="Loading" />
      )}
      {answer !== null && faults.length === 0 && (
        <section class="empty">
          <h2>{isFiltered ? "No error fits all of this" : "Nothing has gone wrong"}</h2>
          {isFiltered ? (
            <button type="button" onClick={() => go({ ...route, filters: {}, kind: null })}>
              Clear filters
            </button>
          ) : (
            <p class="quiet">Errors of sessions come together here, by what they have in common.</p>
          )}
        </section>
      )}
      {faults.length > 0 && (
        <>
          <div class="totals">
            <Figure
              value={whole(faults.length)}
              label={
                (answer?.errors.length ?? 0) >= MOST
                  ? "kinds of error, the most recent"
                  : faults.length === 1
                    ? "kind of error"
                    : "kinds of error"
              }
            />
            <Figure
              value={whole(faults.reduce((sum, fault) => sum + fault.count, 0))}
              label="spans that failed"
              tone="bad"
            />
            <span class="spring" />
            <Kinds all={answer?.errors ?? []} route={route} />
          </div>
          <div class="table-scroll">
            <table class="figures faults" aria-busy={isStale}>
              <thead>
                <tr>
                  <th>Error</th>
                  <th>Where</th>
                  {FAULT_SORTS.slice(1).map((sort) => (
                    <SortHead key={sort} sort={sort} route={route} />
                  ))}
                  <th>Over time</th>
                  <th>First seen</th>
                  <SortHead sort="newest" route={route} />
                  <th>
                    <span class="unseen">Newest</span>
                  </th>
                </tr>
              </thead>
              <tbody ref={place}>
                {faults.map((told) => (
                  <ToldRows key={told.from.id} told={told} filters={filters} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </main>
  );
}

/** By the kind of span that failed. */
function Kinds({ all, route }: { all: readonly Fault[]; route: ErrorsRoute }) {
  const counts = new Map<string, number>();
  for (const { kind } of all) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].sort(([, a], [, b]) => b - a);
  return (
    <span class="kinds" role="group" aria-label="In which kind of span">
      {kinds.map(([name, n]) => (
        <button
          key={name}
          type="button"
          aria-pressed={route.kind === name}
          onClick={() => go({ ...route, kind: route.kind === name ? null : name })}
        >
          <Kind kind={KINDS.findIndex((known) => known === name)} />
          {name.toLowerCase()} <span class="quiet">{n}</span>
        </button>
      ))}
    </span>
  );
}

/** Whether all words stand somewhere in what an error is known by. */
function says({ message, code, name }: Fault, words: string): boolean {
  const text = `${message} ${code} ${name}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** An error, and on request each of the places where it was. */
function ToldRows({ told, filters }: { told: Told; filters: Filters }) {
  const [isOpen, setOpen] = useState(false);
  const places = 1 + told.others.length;
  return (
    <>
      <FaultRow told={told} filters={filters}>
        {told.others.length > 0 && (
          <button
            type="button"
            class="places"
            aria-expanded={isOpen}
            onClick={(event) => (event.stopPropagation(), setOpen(!isOpen))}
          >
            {isOpen ? "▾" : "▸"} in {plural(places, "place")}
          </button>
        )}
      </FaultRow>
      {isOpen &&
        [told.from, ...told.others].map((fault) => (
          <FaultRow key={fault.id} told={together([fault])[0] as Told} filters={filters} isPlace />
        ))}
    </>
  );
}

function FaultRow({
  told,
  filters,
  isPlace = false,
  children,
}: {
  told: Told;
  filters: Filters;
  /** One of the places of the row above. */
  isPlace?: boolean;
  children?: ComponentChildren;
}) {
  const now = useNow().value;
  const { from: fault, first, last } = told;
  const { sample } = fault;
  const newest = {
    ...sessionRoute(sample.session_id),
    span: sample.span_id,
    tab: "error" as const,
  };
  const sessions = sessionsRoute({ ...filters, fault: String(fault.id) });
  const kind = KINDS.findIndex((known) => known === fault.kind);
  return (
    <tr class={isPlace ? "is-place" : undefined} onClick={(event) => follow(event, newest)}>
      <td class="fault-what">
        <a
          class="fault-message"
          href={print(newest)}
          title={fault.message}
          onClick={(event) => (event.stopPropagation(), follow(event, newest))}
        >
          {fault.message || "no message"}
        </a>
        {fault.code && <span class="chip bad">{fault.code}</span>}
      </td>
      <td>
        <span class="fault-where">
          <Kind kind={kind} />
          <span class="fault-name" title={fault.name.slice(0, 300)}>
            {fault.name}
          </span>
          {children}
        </span>
      </td>
      <td class="num">
        <b>{count(told.count)}</b>
      </td>
      <td class="num">
        <a
          href={print(sessions)}
          onClick={(event) => (event.stopPropagation(), follow(event, sessions))}
          aria-label={`${told.isLeast ? "at least " : ""}${plural(told.sessions, "session")} with this error`}
        >
          {told.isLeast && "≥ "}
          {count(told.sessions)}
        </a>
      </td>
      <td>
        <Sparkline
          values={told.over_time}
          colour="bad"
          label={`${plural(told.count, "time")} since ${clock(first, now)}`}
        />
      </td>
      <td class="quiet" title={clock(first, 0)}>
        {ago(first, now)}
      </td>
      <td title={clock(last, 0)}>{ago(last, now)}</td>
      <td class="num">
        <a
          class="quiet newest"
          href={print(newest)}
          tabIndex={-1}
          aria-label="The newest span that failed so"
          onClick={(event) => (event.stopPropagation(), follow(event, newest))}
        >
          newest <Icon name="out" />
        </a>
      </td>
    </tr>
  );
}

function SortHead({ sort, route }: { sort: FaultSort; route: ErrorsRoute }) {
  const isChosen = route.sort === sort;
  return (
    <th class={sort === "newest" ? undefined : "num"} aria-sort={isChosen ? "descending" : "none"}>
      <button
        type="button"
        class={isChosen ? "is-chosen" : ""}
        onClick={() => go({ ...route, sort })}
      >
        {SORTS[sort].text}
        <span aria-hidden="true">{isChosen ? " ↓" : ""}</span>
      </button>
    </th>
  );
}
