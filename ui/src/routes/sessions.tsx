/** All runs, the newest first: what became of each, what it cost, and what it was about. Rows change where they stand. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ago, clock, count, duration, money, parseTime, percent, plural } from "../core/format";
import { type Changes, type Session, type SessionList, outcome } from "../core/model";
import {
  FILTERS,
  type Filter,
  SORTS,
  type SessionsRoute,
  type Sort,
  print,
  sessionRoute,
} from "../core/url";
import { listen } from "../live";
import { follow, go } from "../router";
import { api, useAnswer } from "../ui/ask";
import { Failure, Figure, Outcome } from "../ui/primitives";

const PAGE = 100;
/** How long rows must rest before their sums are asked for. */
const TOTALS_MS = 400;

export function Sessions({ route }: { route: SessionsRoute }) {
  const query = new URLSearchParams(route.filters as Record<string, string>);
  query.set("sort", route.sort);
  query.set("limit", String(PAGE));
  const path = `/sessions?${query.toString()}`;
  const { answer, error, isStale, again } = useAnswer<SessionList>(path);
  const [more, setMore] = useState<Session[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [fresh, setFresh] = useState<Map<string, Session>>(new Map());
  const [arrived, setArrived] = useState(0);
  const [totals, setTotals] = useState<SessionList["totals"] | null>(null);
  const shown = useRef(new Set<string>());

  useEffect(() => {
    setMore([]);
    setFresh(new Map());
    setArrived(0);
    setCursor(answer?.next_cursor ?? null);
    setTotals(answer?.totals ?? null);
  }, [answer]);

  // Sums follow the rows, once these rest.
  useEffect(() => {
    if (fresh.size === 0 && arrived === 0) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const sums = new URLSearchParams(query);
      sums.set("limit", "1");
      api.get<SessionList>(`/sessions?${sums.toString()}`, stop.signal).then(
        (list) => setTotals(list.totals),
        // The sums of before stay; whoever asks for the rows is told what is wrong.
        () => {},
      );
    }, TOTALS_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [fresh, arrived]);

  useEffect(
    () =>
      listen({
        reset: again,
        changes: (changes: Changes) => {
          const known = changes.sessions.filter((session) => shown.current.has(session.id));
          setArrived((arrived) => arrived + changes.sessions.length - known.length);
          if (changes.removed.some((id) => shown.current.has(id))) again();
          if (known.length === 0) return;
          setFresh((old) => {
            const all = new Map(old);
            for (const session of known) all.set(session.id, session);
            return all;
          });
        },
      }),
    [],
  );

  const isEmpty = answer !== null && answer.sessions.length === 0;
  const isFiltered = Object.keys(route.filters).length > 0;
  // The first run of all appears without being asked for.
  useEffect(() => {
    if (arrived > 0 && isEmpty) again();
  }, [arrived, isEmpty]);

  const sessions = [...(answer?.sessions ?? []), ...more].map((one) => fresh.get(one.id) ?? one);
  shown.current = new Set(sessions.map((session) => session.id));

  const goOn = async () => {
    const page = await api.get<SessionList>(`${path}&cursor=${encodeURIComponent(cursor ?? "")}`);
    setMore([...more, ...page.sessions]);
    setCursor(page.next_cursor);
  };

  return (
    <main class="page sessions">
      <h1 class="unseen">Sessions</h1>
      <Filters route={route} />
      {error !== null && <Failure error={error} retry={again} />}
      {totals && !isEmpty && <Totals totals={totals} />}
      {isEmpty && !isFiltered && error === null && <FirstRun />}
      {isEmpty && isFiltered && <NoMatch route={route} />}
      {arrived > 0 && !isEmpty && (
        <button type="button" class="arrived" onClick={again}>
          {plural(arrived, "new session")} ↑
        </button>
      )}
      {sessions.length > 0 && (
        <div class="table-scroll">
          <table class="list" aria-busy={isStale}>
            <thead>
              <tr>
                <th>State</th>
                <th>Session</th>
                <SortHead route={route} sort="newest" text="Started" />
                <SortHead route={route} sort="duration" text="Time" numeric />
                <SortHead route={route} sort="cost" text="Cost" numeric />
                <SortHead route={route} sort="tokens" text="Tokens" numeric />
                <SortHead route={route} sort="spans" text="Spans" numeric />
                <SortHead route={route} sort="errors" text="Errors" numeric />
                <th>Agents</th>
                <th>Tags</th>
              </tr>
            </thead>
            <tbody>
              {sessions.map((session) => (
                <SessionRow key={session.id} session={session} route={route} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {cursor !== null && (
        <button type="button" class="more" onClick={() => void goOn()}>
          Show {PAGE} more
        </button>
      )}
    </main>
  );
}

function SessionRow({ session, route }: { session: Session; route: SessionsRoute }) {
  const target = sessionRoute(session.id);
  const now = Date.now();
  const start = parseTime(session.start_time);
  const isRunning = session.state === "running";
  const took = session.duration_ms ?? (isRunning ? now - start : null);
  const failed = outcome(session).tone === "bad";
  return (
    <tr onClick={(event) => follow(event, target)} class={failed ? "failed" : undefined}>
      <td>
        <Outcome session={session} />
      </td>
      <td class="what">
        <a
          href={print(target)}
          onClick={(event) => (event.stopPropagation(), follow(event, target))}
        >
          {session.name}
        </a>
        {session.end_state_reason && (
          <span
            class={failed ? "reason tone-bad" : "reason quiet"}
            title={session.end_state_reason}
          >
            {session.end_state_reason}
          </span>
        )}
      </td>
      <td title={clock(start, now)} class="nowrap">
        {ago(start, now)}
      </td>
      <td class="num">{duration(took)}</td>
      <td class={session.cost.partial ? "num tone-warn" : "num"}>{money(session.cost)}</td>
      <td class="num">{count(session.tokens.total)}</td>
      <td class="num">{count(session.counts.spans)}</td>
      <td class={session.counts.errors > 0 ? "num tone-bad" : "num quiet"}>
        {session.counts.errors > 0 ? count(session.counts.errors) : "–"}
      </td>
      <td class="quiet clip">{session.agents.join(", ")}</td>
      <td class="nowrap">
        {session.tags.map((tag) => (
          <button
            key={tag}
            type="button"
            class="tag"
            onClick={(event) => {
              event.stopPropagation();
              go({ ...route, filters: { ...route.filters, tag } });
            }}
          >
            #{tag}
          </button>
        ))}
      </td>
    </tr>
  );
}

function SortHead({
  route,
  sort,
  text,
  numeric = false,
}: {
  route: SessionsRoute;
  sort: Sort;
  text: string;
  numeric?: boolean;
}) {
  const isOldest = route.sort === "oldest" && sort === "newest";
  const isChosen = route.sort === sort || isOldest;
  const next = sort === "newest" && route.sort === "newest" ? "oldest" : sort;
  return (
    <th
      class={numeric ? "num" : undefined}
      aria-sort={isChosen ? (isOldest ? "ascending" : "descending") : undefined}
    >
      <button type="button" onClick={() => go({ ...route, sort: next })}>
        {text}
        {isChosen && (isOldest ? " ↑" : " ↓")}
      </button>
    </th>
  );
}

function Totals({ totals }: { totals: SessionList["totals"] }) {
  return (
    <p class="totals">
      <Figure
        value={count(totals.sessions)}
        label={totals.sessions === 1 ? "session" : "sessions"}
      />
      {totals.running > 0 && <Figure value={count(totals.running)} label="running" tone="live" />}
      <Figure value={money(totals.cost)} label="" tone={totals.cost.partial ? "warn" : "plain"} />
      <Figure value={count(totals.tokens)} label="tokens" />
      {totals.sessions > 0 && (
        <Figure
          value={percent(totals.failed / totals.sessions)}
          label="failed"
          tone={totals.failed > 0 ? "bad" : "plain"}
        />
      )}
    </p>
  );
}

const ENDS = ["Success", "Error", "Indeterminate"];
const STATES = ["running", "ended", "lost"];

function Filters({ route }: { route: SessionsRoute }) {
  const { filters } = route;
  const set = (name: Filter, value: string) => {
    const next = { ...filters };
    if (value) next[name] = value;
    else delete next[name];
    go({ ...route, filters: next });
  };
  const others = FILTERS.filter(
    (name) => filters[name] && !["q", "state", "end_state"].includes(name),
  );
  return (
    <search class="filters">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          set("q", String(new FormData(event.currentTarget).get("q") ?? "").trim());
        }}
      >
        <input
          key={filters.q}
          id="search"
          name="q"
          type="search"
          placeholder="Search…  /"
          aria-label="Search sessions"
          defaultValue={filters.q ?? ""}
        />
      </form>
      <Choice
        label="End"
        all={ENDS}
        value={filters.end_state}
        set={(one) => set("end_state", one)}
      />
      <Choice label="State" all={STATES} value={filters.state} set={(one) => set("state", one)} />
      {others.map((name) => (
        <button
          key={name}
          type="button"
          class="tag chosen"
          aria-label={`Remove the filter ${name}`}
          onClick={() => set(name, "")}
        >
          {name}: {filters[name]} ×
        </button>
      ))}
      <select
        aria-label="Sort by"
        value={route.sort}
        onChange={(event) => go({ ...route, sort: event.currentTarget.value as Sort })}
      >
        {SORTS.map((sort) => (
          <option key={sort}>{sort}</option>
        ))}
      </select>
    </search>
  );
}

function Choice({
  label,
  all,
  value,
  set,
}: {
  label: string;
  all: string[];
  value: string | undefined;
  set: (value: string) => void;
}) {
  return (
    <select
      aria-label={label}
      value={value ?? ""}
      onChange={(event) => set(event.currentTarget.value)}
    >
      <option value="">{label}: any</option>
      {all.map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  );
}

function NoMatch({ route }: { route: SessionsRoute }) {
  return (
    <section class="empty">
      <h2>No session fits</h2>
      <p>
        Take away a filter:{" "}
        {Object.entries(route.filters).map(([name, value]) => {
          const filters = { ...route.filters };
          delete filters[name as Filter];
          return (
            <button key={name} type="button" class="tag" onClick={() => go({ ...route, filters })}>
              {name}: {value} ×
            </button>
          );
        })}
      </p>
    </section>
  );
}

/** The three ways to send a first run, with this server's own address. */
function FirstRun() {
  const server = location.origin;
  return (
    <section class="empty">
      <h2>
        <span class="waiting" aria-hidden="true" /> Waiting for the first run
      </h2>
      <dl>
        <dt>A Rust program</dt>
        <dd>
          <pre>cargo add agentops # then #[agentops::main] on main, and run it</pre>
        </dd>
        <dt>Any OpenTelemetry client</dt>
        <dd>
          <pre>OTEL_EXPORTER_OTLP_ENDPOINT={server}</pre>
        </dd>
        <dt>A look at a recorded run</dt>
        <dd>
          <pre>agentops demo</pre>
        </dd>
      </dl>
    </section>
  );
}
