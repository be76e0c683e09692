/** One run: why it ended as it did, what it cost, and every span of it with its time. */

import { useEffect, useMemo, useRef } from "preact/hooks";

import { ApiError } from "../core/api";
import { clock, count, duration, money, parseTime, percent, shortId, whole } from "../core/format";
import { culprits, failing, peers, siblings, step } from "../core/layout";
import { type Session as SessionFacts, outcome } from "../core/model";
import { pan, width, zoom } from "../core/timescale";
import type { SessionRoute, View } from "../core/url";
import { connection } from "../live";
import { Failure, Figure, Outcome, Tabs } from "../ui/primitives";
import { Details } from "../views/details";
import { Minimap } from "../views/minimap";
import { SessionModel } from "../views/session-model";
import { ROW, Timeline } from "../views/timeline";

import "../styles/session.css";

const SHOWN: { id: View; text: string }[] = [
  { id: "timeline", text: "Timeline" },
  { id: "tree", text: "Tree" },
];

export function Session({ route }: { route: SessionRoute }) {
  const model = useMemo(() => new SessionModel(route.id), [route.id]);
  useEffect(() => () => model.close(), [model]);
  useKeys(model);
  useTimeInAddress(model);
  const session = model.session.value;
  const error = model.error.value;
  useEffect(() => {
    if (session) document.title = `${outcome(session).sign} ${session.name} · AgentOps`;
    return () => (document.title = "AgentOps");
  }, [session]);

  if (error !== null && session === null) {
    const isMissing = error instanceof ApiError && error.isMissing;
    return (
      <main class="page">
        <h1>{isMissing ? "No such session" : "The session could not be loaded"}</h1>
        <Failure error={error} retry={() => void model.load()} />
      </main>
    );
  }
  if (!session) {
    return (
      <main class="page session" aria-busy="true">
        <div class="skeleton-rows" aria-label="Loading" />
      </main>
    );
  }
  const view = SHOWN.some(({ id }) => id === route.view) ? route.view : "timeline";
  const { matches } = model.layout.value;
  return (
    <main class={route.span ? "page session with-details" : "page session"}>
      <Head session={session} model={model} />
      <Why session={session} model={model} />
      <Minimap model={model} />
      <div class="toolbar">
        <Tabs
          label="Views"
          tabs={SHOWN}
          chosen={view}
          choose={(view) => model.change({ view }, false)}
        />
        <search class="find">
          <input
            id="search"
            type="search"
            placeholder="Find spans…  /"
            aria-label="Find spans"
            value={route.find}
            onInput={(event) => model.change({ find: event.currentTarget.value })}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              model.select(
                step(model.store, matches, model.selected.value, event.shiftKey ? -1 : 1),
              );
            }}
          />
          {route.find && (
            <>
              <span role="status">{whole(matches.length)} found</span>
              <label>
                <input
                  type="checkbox"
                  checked={route.only}
                  onChange={(event) => model.change({ only: event.currentTarget.checked })}
                />{" "}
                only these
              </label>
            </>
          )}
        </search>
        {session.counts.dropped > 0 && (
          <span class="tone-warn">
            {whole(session.counts.dropped)} spans were lost before they got here
          </span>
        )}
        {connection.value === "retrying" && <span class="tone-warn">● reconnecting…</span>}
      </div>
      <div class="panes">
        <Timeline model={model} bars={view === "timeline"} />
        {route.span && (
          <aside class="details" aria-label="Details of the span">
            <Details model={model} />
          </aside>
        )}
      </div>
    </main>
  );
}

function Head({ session, model }: { session: SessionFacts; model: SessionModel }) {
  const start = parseTime(session.start_time);
  const took =
    session.duration_ms ?? (model.isRunning.value ? Math.max(0, model.now.value - start) : null);
  const { tokens } = session;
  return (
    <header class="session-head">
      <h1 title={session.id}>{session.name}</h1>
      <Outcome session={session} />
      <Figure value={duration(took)} label="" />
      <Figure
        value={money(session.cost)}
        label=""
        tone={session.cost.partial ? "warn" : "plain"}
        {...(session.cost.unpriced_models.length > 0
          ? { title: `no price for ${session.cost.unpriced_models.join(", ")}` }
          : {})}
      />
      <Figure
        value={count(tokens.total)}
        label={
          tokens.cache_read > 0
            ? `tok (${percent(tokens.cache_read / tokens.input)} cached)`
            : "tok"
        }
        title={`${whole(tokens.input)} in, ${whole(tokens.output)} out`}
      />
      <Figure value={whole(session.counts.spans)} label="spans" />
      <span class="quiet">{clock(start, Date.now())}</span>
      {session.tags.map((tag) => (
        <span key={tag} class="tag">
          #{tag}
        </span>
      ))}
      {session.host?.hostname && <span class="quiet">{session.host.hostname}</span>}
      <span class="quiet mono">{shortId(session.id)}</span>
    </header>
  );
}

/** Why it failed, and a way to the first span that did. */
function Why({ session, model }: { session: SessionFacts; model: SessionModel }) {
  if (session.counts.errors === 0 && !session.end_state_reason) return null;
  const failed = outcome(session).tone === "bad";
  const found = culprits(model.store, model.sums.value.errors);
  return (
    <p class={failed ? "why bad" : "why"}>
      {session.end_state_reason && <span>{session.end_state_reason}</span>}
      {found.length > 0 && (
        <button type="button" onClick={() => model.select(found[found.length - 1])}>
          go to the failing span
        </button>
      )}
      {found.length > 1 && <span class="quiet">one of {whole(found.length)} errors</span>}
    </p>
  );
}

/** The part of time in view is in the address once it rests. */
function useTimeInAddress(model: SessionModel): void {
  const window = model.window.value;
  useEffect(() => {
    const timer = setTimeout(() => {
      if (model.state.value?.time !== window) model.change({ time: window });
    }, 200);
    return () => clearTimeout(timer);
  }, [model, window]);
}

function useKeys(model: SessionModel): void {
  const latest = useRef(model);
  latest.current = model;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.matches("input, select, textarea")) {
        if (event.key === "Escape") target.blur();
        return;
      }
      if (press(latest.current, event.key)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Does what a key stands for; whether it stands for anything. */
function press(model: SessionModel, key: string): boolean {
  const { store } = model;
  const { rows, rowOf } = model.layout.value;
  const at = model.selected.value;
  const row = at < 0 ? -1 : rowOf[at];
  const toRow = (to: number) => {
    if (rows.length > 0) model.select(rows[Math.max(0, Math.min(rows.length - 1, to))]);
  };
  const page = Math.max(1, Math.floor(innerHeight / ROW / 2));
  const view = model.view.value;
  const all = model.whole.value;
  switch (key) {
    case "j":
    case "ArrowDown":
      toRow(row + 1);
      return true;
    case "k":
    case "ArrowUp":
      toRow(row < 0 ? 0 : row - 1);
      return true;
    case "PageDown":
      toRow(row + page);
      return true;
    case "PageUp":
      toRow(row - page);
      return true;
    case "Home":
      toRow(0);
      return true;
    case "End":
      toRow(rows.length - 1);
      return true;
    case "h":
    case "ArrowLeft":
      if (at < 0) return false;
      if (store.kids[at] > 0 && !model.isFolded(at)) model.fold(at, true);
      else model.select(store.above[at]);
      return true;
    case "l":
    case "ArrowRight":
      if (at < 0) return false;
      if (model.isFolded(at)) model.fold(at, false);
      else if (store.kids[at] > 0) toRow(row + 1);
      return true;
    case "u":
      if (at >= 0) model.select(store.above[at]);
      return true;
    case "e":
    case "E":
      model.select(step(store, failing(store), at, key === "e" ? 1 : -1));
      return true;
    case "p":
      if (at >= 0) model.select(step(store, peers(store, at), at, 1));
      return true;
    case "[":
    case "]":
      if (at >= 0) model.select(step(store, siblings(store, at), at, key === "]" ? 1 : -1));
      return true;
    case "f":
      model.show(null);
      return true;
    case "+":
    case "=":
    case "w":
      model.show(zoom(view, all, 0.7, (view.from + view.to) / 2));
      return true;
    case "-":
    case "s":
      model.show(zoom(view, all, 1 / 0.7, (view.from + view.to) / 2));
      return true;
    case "a":
    case "d":
      model.show(pan(view, all, (key === "a" ? -0.2 : 0.2) * width(view)));
      return true;
    case "/":
      document.querySelector<HTMLInputElement>("#search")?.focus();
      return true;
    case "c":
      void navigator.clipboard.writeText(location.href);
      return true;
    case "Escape":
      model.change({ span: null });
      return true;
    default:
      return false;
  }
}
