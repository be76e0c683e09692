/** What a span carried: asked for when it is selected, shown as text whatever it is. */

import { clock, count, duration, money, parseTime, percent } from "../core/format";
import { type ChatMessage, type ContentPart, type Span, textOf } from "../core/model";
import type { Tab } from "../core/url";
import { useAnswer } from "../ui/ask";
import { Json, Text } from "../ui/json";
import { Copy, Failure, Kind, Tabs } from "../ui/primitives";
import { kindOf } from "../core/kinds";
import type { SessionModel } from "./session-model";

export function Details({ model }: { model: SessionModel }) {
  const session = model.session.value;
  const id = model.selectedId.value;
  // A span that runs is asked for again when it changes.
  void model.version.value;
  const path = session && id ? `/sessions/${session.id}/spans/${id}` : null;
  const { answer: span, error, isStale, again } = useAnswer<Span>(path);
  if (error) return <Failure error={error} retry={again} />;
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
        <Body span={span} tab={tab} />
      </div>
    </div>
  );
}

export function tabsOf(span: Span): { id: Tab; text: string }[] {
  const tabs: { id: Tab; text: string }[] = [{ id: "overview", text: "Overview" }];
  if (span.error) tabs.push({ id: "error", text: "Error" });
  if (span.llm) tabs.push({ id: "messages", text: "Messages" });
  tabs.push({ id: "io", text: "In / Out" });
  if (Object.keys(span.attributes).length > 0) tabs.push({ id: "attributes", text: "Attributes" });
  if (span.logs.length > 0) tabs.push({ id: "logs", text: `Logs ${count(span.logs.length)}` });
  tabs.push({ id: "raw", text: "Raw" });
  return tabs;
}

/** What is known of a span before its details are here. */
function Coming({ model }: { model: SessionModel }) {
  const at = model.selected.value;
  if (at < 0) return null;
  const { store } = model;
  return (
    <div class="details-inner" aria-busy="true">
      <header class="details-head">
        <h2>
          <Kind kind={store.kind[at]} />
          {store.texts.get(store.name[at])}
        </h2>
      </header>
    </div>
  );
}

function Head({ span, model }: { span: Span; model: SessionModel }) {
  const { store } = model;
  const at = store.indexOf(span.id);
  const path = at < 0 ? [] : store.ancestors(at);
  return (
    <header class="details-head">
      <h2>
        <Kind kind={kindOf(span.kind)} />
        {span.name}
        {span.status === "error" && <span class="tone-bad"> ✕ failed</span>}
        {span.open && <span class="tone-live"> ● running</span>}
        <button
          type="button"
          class="close"
          aria-label="Close details"
          onClick={() => model.change({ span: null })}
        >
          ×
        </button>
      </h2>
      <p class="quiet crumbs">
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
    </header>
  );
}

function Body({ span, tab }: { span: Span; tab: Tab }) {
  switch (tab) {
    case "overview":
      return <Overview span={span} />;
    case "io":
      return (
        <>
          <Value name="Input" value={span.input} />
          <Value name="Output" value={span.output} />
        </>
      );
    case "messages":
      return <Messages span={span} />;
    case "error":
      return <ErrorView span={span} />;
    case "attributes":
      return <Json value={span.attributes} />;
    case "logs":
      return <Logs span={span} />;
    case "raw":
      return (
        <>
          <Copy text={() => JSON.stringify(span, null, 2)} label="Copy JSON" />
          <Json value={span} />
        </>
      );
  }
}

function Overview({ span }: { span: Span }) {
  const { llm } = span;
  const usage = llm?.usage;
  const start = parseTime(span.start_time);
  const facts: [string, preact.ComponentChildren][] = [
    ["Time", duration(span.duration_ms)],
    ["Started", clock(start, Date.now())],
  ];
  if (span.agent) facts.push(["Agent", span.agent.name]);
  if (llm)
    facts.push([
      "Model",
      [llm.provider, llm.model ?? llm.request_model].filter(Boolean).join(" · "),
    ]);
  if (llm?.time_to_first_token_ms)
    facts.push(["First token", duration(llm.time_to_first_token_ms)]);
  if (usage) {
    facts.push(["Tokens", `${count(usage.input)} in → ${count(usage.output)} out`]);
    if (usage.cache_read) facts.push(["From cache", percent(usage.cache_read / usage.input)]);
    if (usage.reasoning) facts.push(["Reasoning", count(usage.reasoning)]);
    const usd = llm?.cost?.usd ?? null;
    facts.push(["Cost", money({ usd, partial: usd === null, estimated: usage.estimated })]);
    if (usage.reported) facts.push(["", "repeats what spans beneath it used; not counted again"]);
  }
  if (llm?.attempts && llm.attempts > 1) facts.push(["Attempts", String(llm.attempts)]);
  if (span.thread) facts.push(["Thread", span.thread.name ?? String(span.thread.id)]);
  if (span.source) facts.push(["Source", `${span.source.file}:${span.source.line}`]);
  return (
    <>
      {span.error && <ErrorView span={span} short />}
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {!llm && <Value name="Input" value={span.input} />}
      {!llm && <Value name="Output" value={span.output} />}
      {llm && <Messages span={span} />}
    </>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  if (value === null || value === undefined) return null;
  return (
    <section class="value">
      <h3>
        {name}
        <Copy
          text={() => (typeof value === "string" ? value : JSON.stringify(value, null, 2))}
          label="Copy"
        />
      </h3>
      <div class="box">
        <Json value={value} />
      </div>
    </section>
  );
}

function ErrorView({ span, short = false }: { span: Span; short?: boolean }) {
  const { error } = span;
  if (!error) return null;
  return (
    <section class="error-box">
      <h3>{[error.code ?? error.type, error.rust_type].filter(Boolean).join(" · ")}</h3>
      <p class="pre">
        <Text text={error.details ?? ""} />
      </p>
      {!short && error.chain.length > 0 && (
        <ol class="chain">
          {error.chain.map((cause, k) => (
            <li key={k}>
              <Text text={cause} />
            </li>
          ))}
        </ol>
      )}
      {!short && error.span_trace.length > 0 && <p class="quiet">{error.span_trace.join(" › ")}</p>}
      {!short && error.stack && (
        <details>
          <summary>Stack</summary>
          <pre>
            <Text text={error.stack} />
          </pre>
        </details>
      )}
    </section>
  );
}

function Messages({ span }: { span: Span }) {
  const { llm } = span;
  if (!llm) return null;
  const all = [...llm.messages, ...llm.completions];
  if (all.length === 0) return <p class="quiet">No messages were captured.</p>;
  return (
    <ol class="messages">
      {all.map((message, k) => (
        <Message key={k} message={message} isAnswer={k >= llm.messages.length} />
      ))}
    </ol>
  );
}

function Part({ part }: { part: ContentPart }) {
  const text = textOf(part);
  return text === null ? <Json value={part} /> : <Text text={text} />;
}

function Message({ message, isAnswer }: { message: ChatMessage; isAnswer: boolean }) {
  return (
    <li class={isAnswer ? "message answer" : "message"}>
      <h3>
        {message.role}
        {message.finish_reason && <span class="quiet"> {message.finish_reason}</span>}
      </h3>
      {message.content.map((part, k) => (
        <div key={k} class="pre">
          <Part part={part} />
        </div>
      ))}
      {message.tool_calls?.map((call, k) => (
        <div key={call.id ?? k} class="tool-call">
          <Kind kind={kindOf("TOOL")} />
          <b>{call.name}</b>
          <Json value={call.arguments} />
        </div>
      ))}
    </li>
  );
}

function Logs({ span }: { span: Span }) {
  const start = parseTime(span.start_time);
  return (
    <ol class="logs">
      {span.logs.map((log, k) => (
        <li key={k} class={`log level-${log.level.toLowerCase()}`}>
          <span class="quiet">+{duration(parseTime(log.time) - start)}</span> <b>{log.level}</b>{" "}
          <Text text={log.message} />
        </li>
      ))}
    </ol>
  );
}
