/**
 * What was said, a column for each agent: of each model call only what is new in it, and each request for a tool joined to
 * what the tool said. Cards come and go with what is in view, and ask for their messages when they come.
 */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { type Column, columnsOf, lastBegun, toolsOf } from "../core/calls";
import { type Talk, fresh, results, unjoined } from "../core/conversation";
import { count, duration, money, nanoUsd, plural } from "../core/format";
import { Heights } from "../core/heights";
import type { Span } from "../core/model";
import { SUM, addCost } from "../core/rollup";
import { NONE } from "../core/store";
import { Text } from "../ui/json";
import { Message } from "./message";
import type { SessionModel } from "./session-model";
import { useSize } from "./size";
import { Spans } from "./spans";

/** What a card is thought to take until it is measured, and how far beyond the view cards are there. */
const GUESS = 220;
const BEYOND = 600;

export function Chat({ model }: { model: SessionModel }) {
  const spans = useMemo(() => new Spans(model), [model]);
  useEffect(() => () => spans.close(), [spans]);
  const { store } = model;
  const version = model.version.value;
  const { marks } = model.sums.value;
  const columns = useMemo(() => columnsOf(store, marks), [store, version, marks]);
  if (columns.length === 0) {
    return <p class="nothing quiet">No model was called{model.isRunning.value ? " yet" : ""}.</p>;
  }
  return (
    <div class="chat">
      {columns.map((column) => (
        <Speaker key={column.agent} model={model} spans={spans} column={column} />
      ))}
    </div>
  );
}

function Speaker({ model, spans, column }: { model: SessionModel; spans: Spans; column: Column }) {
  const { store } = model;
  const { calls } = column;
  const scroller = useRef<HTMLDivElement>(null);
  const isSeen = useSeen(scroller);
  const size = useSize(scroller);
  const [top, setTop] = useState(0);
  const [, setMeasured] = useState(0);
  const heights = useMemo(() => new Heights(calls.length, GUESS), [model]);
  heights.resize(calls.length);
  const begun = model.begun.value;
  const reached =
    begun === null ? calls.length - 1 : lastBegun(store, calls, model.playhead.peek() ?? 0);
  const selected = model.selected.value;
  // A tool belongs to the call that asked for it, which is the one before.
  const chosen =
    selected === NONE || store.agent[selected] !== column.agent
      ? -1
      : lastBegun(store, calls, store.start[selected]);

  // What was gone to stays in view while cards above it turn out higher, until the reader moves on.
  const target = useRef(-1);
  const leave = () => (target.current = -1);
  const show = (call: number) => {
    const shown = scroller.current;
    if (!shown || call < 0) return;
    target.current = call;
    const y = heights.top(call);
    const isIn =
      y >= shown.scrollTop && heights.top(call + 1) <= shown.scrollTop + shown.clientHeight;
    if (!isIn) shown.scrollTop = y - 8;
  };
  useLayoutEffect(() => show(chosen), [chosen, size.height > 0]);
  useLayoutEffect(() => {
    if (begun !== null) show(reached);
  }, [reached]);
  const follow = model.follow.value;
  useLayoutEffect(() => {
    if (follow && scroller.current) scroller.current.scrollTop = heights.total;
  }, [follow, calls.length]);

  const measure = (k: number, height: number) => {
    const shown = scroller.current;
    const before = heights.top(k);
    const old = heights.top(k + 1) - before;
    if (!heights.set(k, height)) return;
    // What is in view stays, when something above it turns out to be of another height.
    if (shown && target.current > k) shown.scrollTop = heights.top(target.current) - 8;
    else if (shown && before + old <= shown.scrollTop) shown.scrollTop += height - old;
    setMeasured((round) => round + 1);
  };

  const first = calls.length === 0 ? 0 : heights.at(top - BEYOND);
  const last = calls.length === 0 ? -1 : heights.at(top + size.height + BEYOND);
  let tokens = 0;
  let cost = Number.NaN;
  let partial = false;
  const { marks } = model.sums.value;
  for (const at of calls) {
    tokens += store.total[at];
    cost = addCost(cost, store.cost[at]);
    if (marks[at] & SUM.lacks) partial = true;
  }
  const name = column.agent === NONE ? "no agent" : store.texts.get(column.agent);
  return (
    <section class="speaker" aria-label={name}>
      <header>
        <h2>{name}</h2>
        <span class="quiet">
          {plural(calls.length, "call")} · {count(tokens)} tok
          {(partial || !Number.isNaN(cost)) && ` · ${money({ usd: nanoUsd(cost), partial })}`}
        </span>
      </header>
      {/* oxlint-disable jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions -- it scrolls, and must by keys */}
      <div
        ref={scroller}
        class="cards"
        tabIndex={0}
        role="feed"
        aria-label={`What ${name} said`}
        onWheel={leave}
        onPointerDown={leave}
        onKeyDown={leave}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        {/* oxlint-enable */}
        <div style={{ height: `${heights.total}px`, position: "relative" }}>
          {(isSeen ? calls.slice(first, last + 1) : []).map((at, k) => (
            <Card
              key={store.ids[at]}
              model={model}
              spans={spans}
              calls={calls}
              place={first + k}
              y={heights.top(first + k)}
              isSelected={first + k === chosen}
              isAhead={first + k > reached}
              measure={measure}
            />
          ))}
        </div>
      </div>
    </section>
  );
}

/** Whether an element is in view, or beside it: of many columns only some are. */
function useSeen(element: preact.RefObject<HTMLElement | null>): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const shown = element.current;
    if (!shown) return;
    const observer = new IntersectionObserver((entries) =>
      setSeen(entries[entries.length - 1].isIntersecting),
    );
    observer.observe(shown);
    return () => observer.disconnect();
  }, [element]);
  return isSeen;
}

function Card({
  model,
  spans,
  calls,
  place,
  y,
  isSelected,
  isAhead,
  measure,
}: {
  model: SessionModel;
  spans: Spans;
  calls: number[];
  place: number;
  y: number;
  isSelected: boolean;
  isAhead: boolean;
  measure: (place: number, height: number) => void;
}) {
  const element = useRef<HTMLElement>(null);
  const { store } = model;
  const at = calls[place];
  void spans.version.value;
  const here = spans.get(at);
  const before = place > 0 ? spans.get(calls[place - 1]) : null;
  const after = place + 1 < calls.length ? spans.get(calls[place + 1]) : null;
  const isReady = here?.span && (place === 0 || before?.span || before?.error);

  useLayoutEffect(() => {
    const shown = element.current;
    if (!shown) return;
    const observer = new ResizeObserver(() => measure(place, shown.offsetHeight + 8));
    observer.observe(shown);
    return () => observer.disconnect();
  }, [place]);

  const since = duration(store.start[at] - store.from);
  let classes = "card";
  if (isSelected) classes += " selected";
  if (isAhead) classes += " ahead";
  return (
    <article
      ref={element}
      class={classes}
      style={{ transform: `translateY(${y}px)` }}
      aria-posinset={place + 1}
      aria-setsize={calls.length}
      aria-busy={!isReady}
    >
      <button
        type="button"
        class="card-head"
        onClick={() => model.select(at)}
        title="Show its details"
      >
        <b>{place + 1}</b>
        <span>{store.texts.get(store.model[at]) || store.texts.get(store.name[at])}</span>
        <span class="quiet">
          {since} in · {store.isOpen(at) ? "running" : duration(store.end[at] - store.start[at])}
          {store.total[at] > 0 && ` · ${count(store.input[at])} → ${count(store.output[at])} tok`}
        </span>
        {store.isError(at) && <span class="tone-bad">✕ failed</span>}
      </button>
      {here?.error ? (
        <p class="tone-bad">Its messages could not be loaded.</p>
      ) : isReady && here.span ? (
        <Turn
          model={model}
          at={at}
          span={here.span}
          before={before?.span ?? null}
          after={after?.span ?? null}
        />
      ) : (
        <div class="skeleton-rows" />
      )}
    </article>
  );
}

const talkOf = (span: Span | null): Talk | null => span?.llm ?? null;

function Turn({
  model,
  at,
  span,
  before,
  after,
}: {
  model: SessionModel;
  at: number;
  span: Span;
  before: Span | null;
  after: Span | null;
}) {
  const [isWhole, setWhole] = useState(false);
  const talk = talkOf(span);
  if (!talk || (talk.messages.length === 0 && talk.completions.length === 0)) {
    return <p class="quiet">No messages were recorded.</p>;
  }
  const earlier = talkOf(before);
  const { from, dropped } = fresh(earlier, talk);
  const added = isWhole
    ? talk.messages
    : unjoined(from > 0 ? earlier : null, talk.messages.slice(from));
  const { store } = model;
  return (
    <>
      {from > 0 && (
        <button type="button" class="link earlier" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "only what is new" : `${plural(from, "message")} as before`}
        </button>
      )}
      {dropped > 0 && (
        <p class="tone-warn">
          {from <= 1 ? "A new conversation" : "The context was cut"}: {plural(dropped, "message")}{" "}
          of the call before are not in it
        </p>
      )}
      <ol class="messages">
        {added.map((message, k) => (
          <Message key={k} message={message} />
        ))}
        {talk.completions.map((answer, k) => {
          const said = after?.llm
            ? results(answer, after.llm.messages.slice(fresh(talk, after.llm).from))
            : undefined;
          const tools = toolsOf(store, at, answer.tool_calls?.map(({ name }) => name) ?? []);
          return (
            <Message
              key={`answer-${k}`}
              message={answer}
              isAnswer
              {...(said ? { results: said } : {})}
              toTool={(place) => (tools[place] === NONE ? null : () => model.select(tools[place]))}
            />
          );
        })}
      </ol>
      {span.error && (
        <p class="pre tone-bad">
          ✕ <Text text={span.error.details || span.error.code} />
        </p>
      )}
    </>
  );
}
