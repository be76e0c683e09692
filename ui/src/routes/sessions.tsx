/** All runs, the newest first: what became of each, what it cost, and what it was about. Rows change where they stand. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { ApiError, isAborted } from "../core/api";
import { count, money, percent, whole } from "../core/format";
import { type LiveList, append, change, refresh, show, start } from "../core/live-list";
import type { Session, SessionList } from "../core/model";
import { asked, during } from "../core/period";
import { label } from "../core/query";
import { type Filter, type Filters, type SessionsRoute, print } from "../core/url";
import { listen } from "../live";
import { go } from "../router";
import { api, useAnswer } from "../ui/ask";
import { Icon } from "../ui/icons";
import { useKeys } from "../ui/keys";
import { Menu } from "../ui/menu";
import { Failure, Figure } from "../ui/primitives";
import { Selected, remove } from "../views/sessions/actions";
import { Brush, isSpread, useHistogram } from "../views/sessions/brush";
import { COLUMNS, chooseColumns, shownColumns, usualColumns } from "../views/sessions/columns";
import { Chips, Clear, Menus, SearchLine, Times } from "../views/sessions/filters";
import { FirstRun } from "../views/sessions/first-run";
import { List } from "../views/sessions/list";

const PAGE = 100;
/** How often a list that changes asks what is new in it, and what its sums are. */
const REFRESH_MS = 1_000;

type Totals = SessionList["totals"];

/** The list that was left last, so that who comes back to it finds it as it was. */
let left: { address: string; list: LiveList<Session>; totals: Totals; top: number } | null = null;
/** As many rows as one request gives. */
const MOST = 500;

export function Sessions({ route }: { route: SessionsRoute }) {
  const filters = useMemo(() => asked(route.filters, Date.now()).toString(), [route]);
  const address = print(route);
  // As many as there were, so that those that are gone since are not among them.
  const limit = useMemo(() => {
    const rows = left?.address === address ? left.list.rows.length : 0;
    return Math.min(MOST, Math.max(PAGE, Math.ceil(rows / PAGE) * PAGE));
  }, [address]);
  const query = `/sessions?${filters}&sort=${route.sort}`;
  const path = `${query}&limit=${limit}`;
  const { answer, error, isStale, again } = useAnswer<SessionList>(path);
  const before = left?.address === address ? left : null;
  const [list, setList] = useState<LiveList<Session> | null>(before?.list ?? null);
  const [totals, setTotals] = useState<Totals | null>(before?.totals ?? null);
  /** The address that the list answers to: while another is asked for, that of before is still shown. */
  const [listOf, setListOf] = useState(before ? address : "");
  const [shownOf, setShownOf] = useState<Totals | null>(null);
  const [selected, select] = useState<ReadonlyMap<string, Session>>(new Map());
  const [moreError, setMoreError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const histogram = useHistogram(filters, round);
  const place = useRef<HTMLDivElement>(null);
  const isLoading = useRef(false);

  useEffect(() => {
    if (!answer) return;
    setList(start(answer.sessions, answer.next_cursor));
    setTotals(answer.totals);
    setShownOf(answer.totals);
    setListOf(address);
    setMoreError(null);
    isLoading.current = false;
  }, [answer]);
  useEffect(() => {
    select(new Map());
    if (place.current) place.current.scrollTop = before?.top ?? 0;
  }, [address]);
  useEffect(() => {
    const box = place.current;
    if (!box || !list || !totals || listOf !== address) return;
    const keep = () => {
      left = { address, list, totals, top: box.scrollTop };
    };
    keep();
    box.addEventListener("scroll", keep, { passive: true });
    return () => box.removeEventListener("scroll", keep);
  }, [address, list, totals, listOf]);

  const isAtTop = () => (place.current?.scrollTop ?? 0) < 4 && !place.current?.matches(":hover");
  useLive(`${query}&limit=${PAGE}`, {
    changed: (sessions, removed) => setList((list) => list && change(list, sessions, removed)),
    page: (page) => {
      setTotals(page.totals);
      setRound((round) => round + 1);
      if (route.sort === "newest") {
        setList((list) =>
          list && list.rows.length > 0
            ? refresh(list, page.sessions, isAtTop())
            : start(page.sessions, page.next_cursor),
        );
      }
    },
    reset: again,
  });

  const more = async () => {
    if (isLoading.current || !list?.cursor) return;
    isLoading.current = true;
    setMoreError(null);
    const { cursor } = list;
    try {
      const page = await api.get<SessionList>(
        `${query}&limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`,
      );
      setList((list) =>
        list?.cursor === cursor ? append(list, page.sessions, page.next_cursor) : list,
      );
      isLoading.current = false;
    } catch (error) {
      // Stays as if it loaded, so that scrolling alone does not ask again and again.
      setMoreError(error);
    }
  };
  const take = (ids: string[]) => {
    setList((list) => list && change(list, [], ids));
    select(new Map());
    void remove(ids, again);
  };

  const choose = (filters: Filters) => go({ ...route, filters });
  const isFiltered = Object.keys(route.filters).length > 0;
  const isEmpty = list !== null && list.rows.length === 0 && !isStale;
  // What is on top of another order only the server knows.
  const news =
    route.sort === "newest"
      ? (list?.waiting.length ?? 0)
      : Math.max(0, (totals?.sessions ?? 0) - (shownOf?.sessions ?? 0));
  const showNews = () => {
    if (place.current) place.current.scrollTop = 0;
    if (route.sort === "newest") setList((list) => list && show(list));
    else again();
  };
  useKeys({
    "/": () => document.querySelector<HTMLInputElement>("#search")?.focus(),
    n: () => news > 0 && showNews(),
  });
  const isBlank = list === null && error === null;
  return (
    <main class="page sessions">
      <h1 class="unseen">Sessions</h1>
      <search class="controls">
        <SearchLine
          filters={route.filters}
          choose={choose}
          label="Search sessions"
          hint="Search, or state=failed cost>0.05   /"
        />
        <Times filters={route.filters} choose={choose} usual="All time" />
        <Menus filters={route.filters} choose={choose} />
        <Clear filters={route.filters} choose={choose} />
        <span class="spring" />
        <ColumnMenu />
      </search>
      <Chips filters={route.filters} choose={choose} />
      {error !== null && <Failure error={error} retry={again} />}
      {totals && !(isEmpty && !isFiltered) && (
        <div class="list-sums">
          <Sums totals={totals} />
          {histogram && isSpread(histogram) && (
            <Brush
              histogram={histogram}
              choose={(since, until) => choose(during(route.filters, since, until))}
            />
          )}
        </div>
      )}
      {isBlank && <div class="skeleton-rows" role="status" aria-label="Loading" />}
      {isEmpty && !isFiltered && error === null && <FirstRun />}
      {isEmpty && isFiltered && error === null && (
        <NoMatch filters={route.filters} choose={choose} />
      )}
      {list !== null && list.rows.length > 0 && (
        <div class="list-frame">
          {news > 0 && (
            <button type="button" class="arrived" onClick={showNews} title="n">
              {whole(news)} new ↑
            </button>
          )}
          <List
            route={route}
            list={list}
            total={totals?.sessions ?? list.rows.length}
            isStale={isStale}
            place={place}
            selected={selected}
            select={select}
            more={() => void more()}
            remove={take}
          />
        </div>
      )}
      {moreError !== null && (
        <Failure
          error={moreError}
          retry={() => {
            isLoading.current = false;
            void more();
          }}
        />
      )}
      {selected.size > 0 && (
        <Selected sessions={[...selected.values()]} clear={() => select(new Map())} remove={take} />
      )}
    </main>
  );
}

/** Changes as they come, and the first page once they have: at most so often, and always once more at their end. */
function useLive(
  path: string,
  told: {
    changed: (sessions: Session[], removed: string[]) => void;
    page: (page: SessionList) => void;
    reset: () => void;
  },
): void {
  const current = useRef(told);
  current.current = told;
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | null = null;
    const ask = () => {
      timer = null;
      api.get<SessionList>(path, stop.signal).then(
        (page) => current.current.page(page),
        (error: unknown) => {
          // What was there stays; the connection's state says that it may be old.
          if (!isAborted(error) && !(error instanceof ApiError)) throw error;
        },
      );
    };
    const silence = listen({
      reset: () => current.current.reset(),
      changes: ({ sessions, removed }) => {
        if (sessions.length === 0 && removed.length === 0) return;
        current.current.changed(sessions, removed);
        timer ??= setTimeout(ask, REFRESH_MS);
      },
    });
    return () => {
      stop.abort();
      silence();
      if (timer !== null) clearTimeout(timer);
    };
  }, [path]);
}

function Sums({ totals }: { totals: Totals }) {
  const { sessions, running, failed, cost, tokens } = totals;
  return (
    <p class="totals">
      <Figure value={whole(sessions)} label={sessions === 1 ? "session" : "sessions"} />
      {running > 0 && <Figure value={whole(running)} label="running" tone="live" />}
      <Figure
        value={money(cost)}
        label="spent"
        title={cost.partial ? "At least: some calls have no known price" : undefined}
      />
      <Figure value={count(tokens)} label="tokens" title={`${whole(tokens)} tokens`} />
      <Figure
        value={failed > 0 ? percent(failed / sessions) : "0 %"}
        label={failed > 0 ? `failed, ${whole(failed)}` : "failed"}
        tone={failed > 0 ? "bad" : "plain"}
      />
    </p>
  );
}

function ColumnMenu() {
  const shown = shownColumns.value;
  return (
    <Menu
      class="right"
      label={
        <>
          <Icon name="columns" /> Columns
        </>
      }
    >
      {() => (
        <>
          <ul class="options">
            {COLUMNS.map(({ id, head }) => (
              <li key={id}>
                <label>
                  <input
                    type="checkbox"
                    checked={shown.has(id)}
                    disabled={id === "name"}
                    onChange={() => {
                      const next = new Set(shown);
                      if (!next.delete(id)) next.add(id);
                      chooseColumns(next);
                    }}
                  />
                  {head}
                </label>
              </li>
            ))}
          </ul>
          <button type="button" class="link" onClick={() => chooseColumns(usualColumns())}>
            As at first
          </button>
        </>
      )}
    </Menu>
  );
}

/** Which filter leaves nothing: each with how many there would be without it. */
function NoMatch({ filters, choose }: { filters: Filters; choose: (filters: Filters) => void }) {
  const names = Object.keys(filters) as Filter[];
  const [counts, setCounts] = useState<ReadonlyMap<Filter, number>>(new Map());
  useEffect(() => {
    const stop = new AbortController();
    setCounts(new Map());
    for (const name of names) {
      const query = asked(without(filters, name), Date.now());
      api.get<SessionList>(`/sessions?${query.toString()}&limit=1`, stop.signal).then(
        ({ totals }) => setCounts((old) => new Map(old).set(name, totals.sessions)),
        // The button is there without its number.
        () => {},
      );
    }
    return () => stop.abort();
  }, [filters]);
  const sorted = names.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  return (
    <section class="empty">
      <h2>No session fits all of this</h2>
      <ul class="without">
        {sorted.map((name) => (
          <li key={name}>
            <button type="button" onClick={() => choose(without(filters, name))}>
              Without {label(name, filters[name] ?? "")}
            </button>{" "}
            <span class="quiet">
              {counts.has(name) && `${whole(counts.get(name) ?? 0)} sessions`}
            </span>
          </li>
        ))}
      </ul>
      <p>
        <button type="button" onClick={() => choose({})}>
          Clear filters
        </button>
      </p>
    </section>
  );
}

function without(filters: Filters, name: Filter): Filters {
  const { [name]: _, ...others } = filters;
  return others;
}
