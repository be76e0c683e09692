/** One run: why it ended as it did, what it cost, and every span of it with its time. */

import { effect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { ApiError } from "../core/api";
import { whole } from "../core/format";
import { failing, peers, siblings, step } from "../core/layout";
import { type Session as SessionFacts, outcome } from "../core/model";
import { pan, width, zoom } from "../core/timescale";
import { type SessionRoute, TABS, type View } from "../core/url";
import { connection } from "../live";
import { lazy } from "../ui/lazy";
import { toast } from "../ui/toast";
import { Failure, Tabs } from "../ui/primitives";
import { Minimap } from "../views/minimap";
import { Replay } from "../views/replay";
import { SessionModel } from "../views/session-model";
import { ROW, Timeline } from "../views/timeline";
import { Blame, ContextStrip, Head, Why } from "../views/top";

import "../styles/session.css";

const Details = lazy(() => import("../views/details").then((part) => part.Details), "div");
const LanesView = lazy(() => import("../views/lanes").then((part) => part.LanesView), "div");
const Chat = lazy(() => import("../views/chat").then((part) => part.Chat), "div");
const Logs = lazy(() => import("../views/logs").then((part) => part.Logs), "div");
const Video = lazy(() => import("../views/video").then((part) => part.Video), "div");

const SHOWN: { id: View; text: string }[] = [
  { id: "timeline", text: "Timeline" },
  { id: "tree", text: "Tree" },
  { id: "lanes", text: "Lanes" },
  { id: "chat", text: "Chat" },
  { id: "logs", text: "Logs" },
  { id: "video", text: "Video" },
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
      <main id="main" class="page">
        <h1>{isMissing ? "No such session" : "The session could not be loaded"}</h1>
        <Failure error={error} retry={() => void model.load()} />
      </main>
    );
  }
  if (!session) {
    return (
      <main id="main" class="page session" aria-busy="true">
        <div class="skeleton-rows" aria-label="Loading" />
      </main>
    );
  }
  const shown = SHOWN.filter(({ id }) => id !== "video" || session.video !== null);
  const view = shown.some(({ id }) => id === route.view) ? route.view : "timeline";
  const { matches } = model.layout.value;
  return (
    <main id="main" class={route.span ? "page session with-details" : "page session"}>
      <Head session={session} model={model} />
      <Why session={session} model={model} />
      <Blame session={session} model={model} />
      <div class="overview">
        <Minimap model={model} />
        <ContextStrip model={model} />
      </div>
      <div class="toolbar">
        <Tabs
          label="Views"
          tabs={shown}
          chosen={view}
          choose={(view) => model.change({ view }, false)}
        />
        <search class="find">
          <input
            id="search"
            type="search"
            placeholder={view === "logs" ? "Find in logs…  /" : "Find spans…  /"}
            aria-label={view === "logs" ? "Find in logs" : "Find spans"}
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
          {route.find && view !== "logs" && (
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
        <Replay model={model} />
      </div>
      <Notices session={session} model={model} />
      <div class="panes">
        <Main model={model} view={view} video={session.video} />
        {route.span && (
          <aside class="details" aria-label="Details of the span">
            <Details model={model} />
          </aside>
        )}
      </div>
    </main>
  );
}

/** So many are shown whole; beyond, the page says that it is at its limit. */
const HUGE = 250_000;

/** What is not as it should be with what is shown. */
function Notices({ session, model }: { session: SessionFacts; model: SessionModel }) {
  const { spans, dropped } = session.counts;
  const notices: preact.ComponentChildren[] = [];
  if (model.isDeleted.value) {
    notices.push(
      <>
        This session was deleted.{" "}
        <button type="button" onClick={() => void model.restore()}>
          Bring it back
        </button>
      </>,
    );
  } else if (model.error.value !== null) {
    notices.push(
      <>
        What is shown may be old: it could not be loaded anew.{" "}
        <button type="button" onClick={() => void model.load()}>
          Try again
        </button>
      </>,
    );
  }
  // The verdict tells of it, too, once it is here.
  if (dropped > 0 && model.insight.value === null) {
    notices.push(
      `${whole(spans)} of ${whole(spans + dropped)} spans: ${whole(dropped)} were lost before they got here.`,
    );
  }
  if (spans > HUGE) {
    notices.push(`${whole(spans)} spans are more than this page is made for: it may be slow.`);
  }
  if (connection.value === "retrying") {
    notices.push("The server does not answer. This goes on by itself once it does.");
  }
  if (notices.length === 0) return null;
  return (
    <div class="notices" role="status">
      {notices.map((notice, k) => (
        <p key={k}>{notice}</p>
      ))}
    </div>
  );
}

function Main({ model, view, video }: { model: SessionModel; view: View; video: string | null }) {
  switch (view) {
    case "lanes":
      return <LanesView model={model} />;
    case "chat":
      return <Chat model={model} />;
    case "logs":
      return <Logs model={model} />;
    case "video":
      return <Video model={model} source={video ?? ""} />;
    default:
      return <Timeline key={view} model={model} bars={view === "timeline"} />;
  }
}

/** The part of time in view and the moment of a replay are in the address once they rest. */
function useTimeInAddress(model: SessionModel): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = effect(() => {
      const time = model.window.value;
      const at = model.playhead.value;
      clearTimeout(timer);
      timer = setTimeout(() => {
        const state = model.state.peek();
        if (state && (state.time !== time || state.at !== at)) model.change({ time, at });
      }, 200);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [model]);
}

/** How long two keys belong together. */
const PAIR_MS = 900;

function useKeys(model: SessionModel): void {
  const latest = useRef(model);
  latest.current = model;
  useEffect(() => {
    let afterG = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent) => {
      // `g` and a letter go to another page.
      const isPair = event.timeStamp - afterG < PAIR_MS;
      afterG = event.key === "g" ? event.timeStamp : Number.NEGATIVE_INFINITY;
      if (isPair || document.querySelector("dialog[open]")) return;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      if (target.matches("input:not([type=checkbox]), select, textarea")) {
        if (event.key === "Escape") target.blur();
        return;
      }
      // A button that has the focus is pressed by these.
      if (target.matches("button, a, summary") && (event.key === " " || event.key === "Enter")) {
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
  const view = model.range.peek();
  const all = model.whole.peek();
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
    case "r":
      model.followRows();
      return true;
    case "J":
      void model.neighbour("before");
      return true;
    case "K":
      void model.neighbour("after");
      return true;
    case "c":
      navigator.clipboard.writeText(location.href).then(
        () => toast("The link is copied"),
        () => toast("The browser does not let this page copy"),
      );
      return true;
    case " ":
      if (!model.isRunning.peek()) model.play();
      return true;
    case "Escape":
      model.change({ span: null });
      return true;
    default: {
      const tab = /^[1-7]$/.test(key) ? TABS[Number(key) - 1] : undefined;
      if (tab) model.change({ tab });
      return tab !== undefined;
    }
  }
}
