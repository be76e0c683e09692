/** What a span carried: asked for when it is selected, shown as text whatever it is. */

import { useEffect, useRef, useState } from "preact/hooks";

import { canCurl, curlOf } from "../core/curl";
import { bytes, clock, count, duration, money, parseTime, percent, plural } from "../core/format";
import { kindOf } from "../core/kinds";
import type { Span } from "../core/model";
import { NONE } from "../core/store";
import type { Tab } from "../core/url";
import { follow } from "../router";
import { useAnswer } from "../ui/ask";
import { Text, Value } from "../ui/json";
import { Copy, Failure, Kind, Tabs } from "../ui/primitives";
import { Peers } from "./details/peers";
import {
  SHORT,
  type Shown,
  bare,
  cutFields,
  isCutIn,
  isCutMessage,
  missing,
  pathOf,
  wholeOf,
} from "./details/short";
import { Message } from "./message";
import type { SessionModel } from "./session-model";

export function Details({ model }: { model: SessionModel }) {
  const session = model.session.value;
  const id = model.selectedId.value;
  const [wholeId, setWholeId] = useState<string | null>(null);
  const path = session && id ? `${pathOf(session.id, id)}${wholeId === id ? "" : SHORT}` : null;
  const { answer: span, error, isStale, again } = useAnswer<Shown>(path);
  useAgain(model, again);
  if (error) {
    return (
      <div class="details-inner">
        <header class="details-head">
          <h2>
            No details
            <Close model={model} />
          </h2>
        </header>
        <Failure error={error} retry={again} />
      </div>
    );
  }
  if (!span) return <Coming model={model} />;
  const wanted = model.state.value?.tab ?? "overview";
  const tabs = tabsOf(span);
  const tab = tabs.some(({ id }) => id === wanted) ? wanted : tabs[0].id;
  return (
    <div class="details-inner" aria-busy={isStale} data-stale={isStale}>
      <Head span={span} model={model} />
      <Tabs
        label="Parts of the span"
        tabs={tabs}
        chosen={tab}
        choose={(tab) => model.change({ tab })}
      />
      <div class="details-body" role="tabpanel" tabIndex={0} key={span.id + tab}>
        <InPart span={span} showAll={() => setWholeId(span.id)} />
        <Body span={span} tab={tab} model={model} showAll={() => setWholeId(span.id)} />
      </div>
    </div>
  );
}

/** Says what of a span is not here, and where it is. */
function InPart({ span, showAll }: { span: Shown; showAll: () => void }) {
  const cut = cutFields(span);
  if (cut.length === 0) return null;
  return (
    <p class="in-part" role="note">
      {bytes(span.whole_bytes ?? 0)} in all; of {cut.join(", ")} a part is here.{" "}
      <button type="button" onClick={showAll}>
        Show all
      </button>{" "}
      <a
        class="button"
        href={`/api/v1${pathOf(span.session_id, span.id)}`}
        download={`${span.name.slice(0, 60)}-${span.id}.json`}
      >
        Download
      </a>
    </p>
  );
}

/** A span is asked for again when it ends, or is filled in. */
function useAgain(model: SessionModel, again: () => void): void {
  void model.version.value;
  const { store } = model;
  const at = model.selected.value;
  const now =
    at === NONE ? "" : `${store.ids[at]} ${store.flags[at]} ${store.status[at]} ${store.end[at]}`;
  const before = useRef(now);
  useEffect(() => {
    const isSame = before.current.slice(0, 16) === now.slice(0, 16);
    if (isSame && before.current !== now) again();
    before.current = now;
  }, [now]);
}

export function tabsOf(span: Shown): { id: Tab; text: string }[] {
  const tabs: { id: Tab; text: string }[] = [{ id: "overview", text: "Overview" }];
  if (span.error) tabs.push({ id: "error", text: "Error" });
  if (span.llm) {
    const messages =
      span.llm.messages.length + missing(span, "/llm/messages") + span.llm.completions.length;
    tabs.push({ id: "messages", text: messages > 0 ? `Messages ${count(messages)}` : "Messages" });
  }
  tabs.push({ id: "io", text: "In / Out" });
  if (Object.keys(span.attributes).length > 0) tabs.push({ id: "attributes", text: "Attributes" });
  const logs = span.logs.length + missing(span, "/logs");
  if (logs > 0) tabs.push({ id: "logs", text: `Logs ${count(logs)}` });
  tabs.push({ id: "raw", text: "Raw" });
  return tabs;
}

function Close({ model }: { model: SessionModel }) {
  return (
    <button
      type="button"
      class="close"
      aria-label="Close details"
      title="Escape"
      onClick={() => model.change({ span: null })}
    >
      ×
    </button>
  );
}

/** What is known of a span before its details are here. */
function Coming({ model }: { model: SessionModel }) {
  const at = model.selected.value;
  const { store } = model;
  return (
    <div class="details-inner" aria-busy="true">
      <header class="details-head">
        <h2>
          {at >= 0 && <Kind kind={store.kind[at]} />}
          {at >= 0 ? store.texts.get(store.name[at]) : "…"}
          <Close model={model} />
        </h2>
      </header>
    </div>
  );
}

function Head({ span, model }: { span: Shown; model: SessionModel }) {
  const { store } = model;
  const at = store.indexOf(span.id);
  const path = at < 0 ? [] : store.ancestors(at);
  const { llm } = span;
  return (
    <header class="details-head">
      <h2>
        <Kind kind={kindOf(span.kind)} />
        <span class="details-name">{span.name}</span>
        {span.status === "error" && <span class="tone-bad">✕ failed</span>}
        {span.cancelled && <span class="tone-warn">cancelled</span>}
        {span.open && <span class="tone-live">● running</span>}
        {span.duration_ms !== null && <span class="quiet">{duration(span.duration_ms)}</span>}
        <Close model={model} />
      </h2>
      <p class="quiet crumbs">
        {path.length > 4 && "… › "}
        {path.slice(-4).map((up) => (
          <span key={store.ids[up]}>
            <button type="button" class="link" onClick={() => model.select(up)}>
              {store.texts.get(store.name[up])}
            </button>
            {" › "}
          </span>
        ))}
        <span>{span.name}</span>
      </p>
      <p class="copies">
        <Copy text={() => location.href} label="Link" />
        <Copy text={async () => JSON.stringify(await wholeOf(span), null, 2)} label="JSON" />
        {llm && canCurl(llm) && (
          <Copy
            text={async () => {
              const { llm } = await wholeOf(span);
              return (llm && curlOf(llm)) ?? "";
            }}
            label="cURL"
          />
        )}
      </p>
    </header>
  );
}

function Body({
  span,
  tab,
  model,
  showAll,
}: {
  span: Shown;
  tab: Tab;
  model: SessionModel;
  showAll: () => void;
}) {
  switch (tab) {
    case "overview":
      return <Overview span={span} model={model} />;
    case "io":
      return <InOut span={span} />;
    case "messages":
      return <Messages span={span} showAll={showAll} />;
    case "error":
      return <ErrorView span={span} model={model} />;
    case "attributes":
      return <Part span={span} name="Attributes" of="attributes" />;
    case "logs":
      return <Logs span={span} />;
    case "raw":
      return (
        <Value
          name="As the server answers it"
          value={bare(span)}
          {...(span.cut?.length ? { whole: () => wholeOf(span) } : {})}
        />
      );
  }
}

/** A field of a span, of which not all may be here. */
function Part({
  span,
  name,
  of,
}: {
  span: Shown;
  name: string;
  of: "input" | "output" | "attributes";
}) {
  const whole = async () => (await wholeOf(span))[of];
  return <Value name={name} value={span[of]} {...(isCutIn(span, `/${of}`) ? { whole } : {})} />;
}

function Overview({ span, model }: { span: Shown; model: SessionModel }) {
  const at = model.store.indexOf(span.id);
  return (
    <>
      {span.error && <ErrorView span={span} model={model} short />}
      <Facts span={span} model={model} />
      {!span.llm && span.input !== null && <Part span={span} name="Input" of="input" />}
      {!span.llm && span.output !== null && <Part span={span} name="Output" of="output" />}
      {span.llm && <LastWords span={span} />}
      {at >= 0 && <Peers model={model} at={at} />}
    </>
  );
}

function Facts({ span, model }: { span: Span; model: SessionModel }) {
  const { llm, tool } = span;
  const usage = llm?.usage;
  const start = parseTime(span.start_time);
  const since = duration(start - model.store.epoch - model.store.from);
  const facts: [string, preact.ComponentChildren][] = [
    ["Time", span.open ? "still running" : duration(span.duration_ms)],
    ["Started", `${clock(start, Date.now())}, ${since} in`],
  ];
  if (span.busy_ms !== null) {
    facts.push([
      "Busy",
      `${duration(span.busy_ms)}${span.polls ? ` in ${plural(span.polls, "poll")}` : ""}`,
    ]);
  }
  if (span.agent) {
    facts.push(["Agent", [span.agent.name, span.agent.role].filter(Boolean).join(": ")]);
  }
  if (llm) {
    facts.push([
      "Model",
      [llm.provider, llm.model ?? llm.request_model].filter(Boolean).join(" · "),
    ]);
    if (llm.time_to_first_token_ms !== null) {
      facts.push(["First token", duration(llm.time_to_first_token_ms)]);
    }
  }
  if (usage) {
    facts.push([
      "Tokens",
      `${count(usage.input)} in → ${count(usage.output)} out${usage.estimated ? ", estimated" : ""}`,
    ]);
    if (usage.cache_read) facts.push(["From cache", percent(usage.cache_read / usage.input)]);
    if (usage.reasoning) facts.push(["Reasoning", count(usage.reasoning)]);
  }
  if (llm && (usage || llm.cost.usd !== null)) facts.push(["Cost", <Cost span={span} />]);
  if (llm?.attempts && llm.attempts > 1) facts.push(["Attempts", String(llm.attempts)]);
  if (llm) {
    for (const [name, value] of Object.entries(llm.parameters).slice(0, 6)) {
      facts.push([name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
    }
  }
  if (tool?.cost_usd != null) facts.push(["Cost", money({ usd: tool.cost_usd })]);
  if (span.guardrail) {
    facts.push([
      "Guardrail",
      [span.guardrail.spec, span.guardrail.triggered ? "tripped" : "passed"]
        .filter(Boolean)
        .join(", "),
    ]);
  }
  if (span.thread) facts.push(["Thread", span.thread.name ?? String(span.thread.id)]);
  if (span.source) {
    facts.push(["Source", <span class="mono">{`${span.source.file}:${span.source.line}`}</span>]);
    facts.push(["Function", <span class="mono">{span.source.function}</span>]);
  }
  if (span.version) facts.push(["Version", span.version]);
  if (span.tags.length > 0) facts.push(["Tags", span.tags.map((tag) => `#${tag}`).join(" ")]);
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Cost({ span }: { span: Span }) {
  const cost = span.llm?.cost;
  if (!cost || cost.usd === null) {
    const model = span.llm?.model ?? span.llm?.request_model;
    return (
      <span class="tone-warn">
        unpriced{model && `: ${model} is in no price table`} ·{" "}
        <a href="/settings" onClick={(event) => follow(event, { page: "settings" })}>
          set a price
        </a>
      </span>
    );
  }
  return (
    <span title={cost.price_table ? `by the table ${cost.price_table}` : undefined}>
      {money({ usd: cost.usd, estimated: cost.estimated ?? false })}
      {cost.input_usd !== null && cost.output_usd !== null && (
        <span class="quiet">
          {" "}
          ({money({ usd: cost.input_usd })} in, {money({ usd: cost.output_usd })} out)
        </span>
      )}
    </span>
  );
}

function InOut({ span }: { span: Shown }) {
  const isEmpty = span.input === null && span.output === null;
  if (isEmpty) {
    return (
      <p class="quiet">
        Neither input nor output was recorded. Content may be off in the program (
        <code>AGENTOPS_CAPTURE_CONTENT</code>), or the function have neither.
      </p>
    );
  }
  return (
    <>
      {span.input !== null && <Part span={span} name="Input" of="input" />}
      {span.output !== null && <Part span={span} name="Output" of="output" />}
    </>
  );
}

function ErrorView({
  span,
  model,
  short = false,
}: {
  span: Shown;
  model: SessionModel;
  short?: boolean;
}) {
  const { error } = span;
  if (!error) return null;
  const refused = span.llm?.provider_error;
  return (
    <>
      <section class="error-box">
        <h3>
          <span>{[error.code || error.type, error.rust_type].filter(Boolean).join(" · ")}</span>
          {!short && (
            <Copy
              text={async () => JSON.stringify((await wholeOf(span)).error, null, 2)}
              label="Copy"
            />
          )}
        </h3>
        <p class="pre">
          <Text text={error.details} />
        </p>
        {!short && error.chain.length > 0 && (
          <ol class="chain" aria-label="Causes">
            {error.chain.map((cause, k) => (
              <li key={k}>
                <Text text={cause} />
              </li>
            ))}
          </ol>
        )}
      </section>
      {refused && (
        <p class="refused">
          {[refused.status, refused.type, refused.code].filter(Boolean).join(" · ")}
          {refused.retry_after_ms != null &&
            `, to be tried again in ${duration(refused.retry_after_ms)}`}
        </p>
      )}
      {!short && error.span_trace.length > 0 && (
        <section class="value">
          <h3>Spans around it</h3>
          <SpanTrace span={span} names={error.span_trace} model={model} />
        </section>
      )}
      {!short && error.stack && (
        <section class="value">
          <h3>
            <span>Stack</span>
            <Copy text={async () => (await wholeOf(span)).error?.stack ?? ""} label="Copy" />
          </h3>
          <pre class="box">
            <Text text={error.stack} />
          </pre>
        </section>
      )}
      {!short && (
        <dl class="facts">
          <div>
            <dt>Type</dt>
            <dd>{error.type}</dd>
          </div>
          <div>
            <dt>When</dt>
            <dd>{duration(parseTime(error.time) - model.store.epoch - model.store.from)} in</dd>
          </div>
        </dl>
      )}
    </>
  );
}

/** Names of the spans that it failed in, each leading to its own where that is the one. */
function SpanTrace({ span, names, model }: { span: Span; names: string[]; model: SessionModel }) {
  const { store } = model;
  const at = store.indexOf(span.id);
  const path = at < 0 ? [] : [...store.ancestors(at), at];
  return (
    <ol class="span-trace">
      {names.map((name, k) => {
        const here = path[path.length - names.length + k];
        const isSame = here !== undefined && store.texts.get(store.name[here]) === name;
        return (
          <li key={k} style={{ paddingLeft: `${Math.min(k, 12) * 10}px` }}>
            {isSame ? (
              <button type="button" class="link" onClick={() => model.select(here)}>
                {name}
              </button>
            ) : (
              name
            )}
          </li>
        );
      })}
    </ol>
  );
}

/** Of a long conversation the overview shows how it ended. */
function LastWords({ span }: { span: Shown }) {
  const { llm } = span;
  if (!llm) return null;
  const last = llm.messages.at(-1);
  if (!last && llm.completions.length === 0) return <NoMessages />;
  return (
    <ol class="messages">
      {last && <Message message={last} isCut={isCutMessage(span, llm.messages.length - 1)} />}
      {llm.completions.map((message, k) => (
        <Message
          key={k}
          message={message}
          isAnswer
          isCut={isCutIn(span, `/llm/completions/${k}`)}
        />
      ))}
    </ol>
  );
}

const NoMessages = () => (
  <p class="quiet">
    No messages were recorded. Content may be off in the program (
    <code>AGENTOPS_CAPTURE_CONTENT</code>
    ), or its client not tell them.
  </p>
);

/** So many messages are shown at once. */
const SHOWN = 60;

function Messages({ span, showAll }: { span: Shown; showAll: () => void }) {
  const { llm } = span;
  const [shown, setShown] = useState(SHOWN);
  if (!llm) return null;
  const all = [
    ...llm.messages.map((message, k) => ({
      message,
      isAnswer: false,
      isCut: isCutMessage(span, k),
    })),
    ...llm.completions.map((message, k) => ({
      message,
      isAnswer: true,
      isCut: isCutIn(span, `/llm/completions/${k}`),
    })),
  ];
  if (all.length === 0) return <NoMessages />;
  const before = Math.max(0, all.length - shown);
  const earlier = before + missing(span, "/llm/messages");
  return (
    <>
      {earlier > 0 && (
        <button
          type="button"
          class="more"
          onClick={() => {
            setShown(shown + SHOWN);
            if (before === 0) showAll();
          }}
        >
          {plural(earlier, "earlier message")}
        </button>
      )}
      <ol class="messages">
        {all.slice(before).map(({ message, isAnswer, isCut }, k) => (
          <Message key={before + k} message={message} isAnswer={isAnswer} isCut={isCut} />
        ))}
      </ol>
    </>
  );
}

function Logs({ span }: { span: Span }) {
  const start = parseTime(span.start_time);
  return (
    <ol class="logs">
      {span.logs.map((log, k) => (
        <li key={k} class={`log level-${log.level.toLowerCase()}`}>
          <span class="quiet num">+{duration(parseTime(log.time) - start)}</span>
          <b>{log.level}</b>
          <span>
            <Text text={log.message} />{" "}
            {Object.entries(log.attributes).map(([name, value]) => (
              <span key={name} class="quiet">
                {name}={typeof value === "string" ? value : JSON.stringify(value)}{" "}
              </span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );
}
