/** What was logged in a run, by time: pages of it as they come into view, of which only rows in view are there. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { isAborted } from "../core/api";
import { parseTime, plural, tick } from "../core/format";
import { LEVELS, type Level } from "../core/url";
import type { LogList, SpanLog } from "../gen/api";
import { api } from "../ui/ask";
import { Failure, Kind } from "../ui/primitives";
import type { SessionModel } from "./session-model";
import { useSize } from "./size";

const ROW = 24;
const BEYOND = 10;
const PAGE = 1_000;
/** Typing rests before it is asked. */
const REST_MS = 200;

interface Page {
  /** Where it was asked to begin. */
  cursor: string | null;
  logs: SpanLog[];
  next: string | null;
}

export function Logs({ model }: { model: SessionModel }) {
  const state = model.state.value;
  const level = state?.level ?? "TRACE";
  const words = useRested(state?.find ?? "");
  const session = model.session.value?.id ?? model.id;
  const { pages, error, more, again } = usePages(session, level, words, model);
  const logs = useMemo(() => pages.flatMap((page) => page.logs), [pages]);
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize(scroller);
  const [top, setTop] = useState(0);
  const first = Math.max(0, Math.floor(top / ROW) - BEYOND);
  const last = Math.min(logs.length, Math.ceil((top + size.height) / ROW) + BEYOND);
  const isEnd = pages.length > 0 && pages[pages.length - 1].next === null;
  useEffect(() => {
    if (last >= logs.length - BEYOND && !isEnd) more();
  }, [last, logs.length, isEnd]);

  const { store } = model;
  const isReplay = model.begun.value !== null;
  const playhead = isReplay ? model.playhead.peek() : null;
  const selected = model.selectedId.value;
  return (
    <div class="log-view">
      <div class="heads">
        <label class="head-name">
          from{" "}
          <select
            aria-label="Least serious level"
            value={level}
            onChange={(event) => model.change({ level: event.currentTarget.value as Level })}
          >
            {LEVELS.map((one) => (
              <option key={one} value={one}>
                {one.toLowerCase()}
              </option>
            ))}
          </select>
        </label>
        <span role="status">
          {pages.length > 0 && `${plural(logs.length, "record")}${isEnd ? "" : " so far"}`}
        </span>
      </div>
      {error !== null && <Failure error={error} retry={again} />}
      {isEnd && logs.length === 0 && (
        <p class="nothing quiet">
          {level === "TRACE" && !words
            ? "Nothing was logged. Records of `log` and `tracing` stand here where the program hands them over."
            : "Nothing of that was logged: show a less serious level, or look for something else."}
        </p>
      )}
      {/* oxlint-disable jsx-a11y/no-noninteractive-tabindex -- it scrolls, and must by keys */}
      <div
        ref={scroller}
        class="scroller log-rows"
        role="log"
        aria-label="Logs"
        tabIndex={0}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        {/* oxlint-enable */}
        <div class="rows" style={{ height: `${logs.length * ROW}px` }}>
          {logs.slice(first, last).map(({ span_id, span_name, log }, k) => {
            const at = store.indexOf(span_id);
            const time = parseTime(log.time) - store.epoch;
            let classes = `log-row level-${log.level.toLowerCase()}`;
            if (span_id === selected) classes += " selected";
            if (playhead !== null && time > playhead) classes += " ahead";
            return (
              <button
                key={first + k}
                type="button"
                class={classes}
                style={{ transform: `translateY(${(first + k) * ROW}px)` }}
                title={log.message.slice(0, 1_000)}
                onClick={() => model.change({ span: span_id, tab: "logs" })}
              >
                <span class="num quiet">{tick(time - store.from, 1)}</span>
                <b>{log.level}</b>
                <span class="log-span">
                  {at >= 0 && <Kind kind={store.kind[at]} />}
                  {span_name}
                </span>
                <span class="log-message">{log.message.slice(0, 500)}</span>
              </button>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function useRested(text: string): string {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setRested(text), REST_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return rested;
}

/** The pages that were asked for; the last of a run that goes on is asked for again when it changes. */
function usePages(session: string, level: Level, words: string, model: SessionModel) {
  const [pages, setPages] = useState<Page[]>([]);
  const [error, setError] = useState<unknown>(null);
  const asking = useRef<AbortController | null>(null);
  const all = useRef(pages);
  all.current = pages;

  const ask = async (cursor: string | null, before: Page[]) => {
    asking.current?.abort();
    const stop = new AbortController();
    asking.current = stop;
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (level !== "TRACE") query.set("level", level);
    if (words) query.set("q", words);
    if (cursor) query.set("cursor", cursor);
    try {
      const answer = await api.get<LogList>(
        `/sessions/${encodeURIComponent(session)}/logs?${query}`,
        stop.signal,
      );
      setPages([...before, { cursor, logs: answer.logs, next: answer.next_cursor }]);
      setError(null);
    } catch (error) {
      if (!isAborted(error)) setError(error);
    } finally {
      if (asking.current === stop) asking.current = null;
    }
  };
  useEffect(() => {
    setPages([]);
    void ask(null, []);
    return () => asking.current?.abort();
  }, [session, level, words]);
  const heard = model.heard.value;
  useEffect(() => {
    const last = all.current.at(-1);
    if (!last || last.next !== null || asking.current) return;
    void ask(last.cursor, all.current.slice(0, -1));
  }, [heard]);
  const more = () => {
    const last = all.current.at(-1);
    if (last?.next && !asking.current) void ask(last.next, all.current);
  };
  return { pages, error, more, again: () => void ask(null, []) };
}
