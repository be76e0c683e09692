/** What a row says in each column. */

import type { ComponentChildren } from "preact";

import { ago, clock, count, duration, money, parseTime, shortId, whole } from "../../core/format";
import { outcome } from "../../core/model";
import { type SessionsRoute, print, sessionRoute } from "../../core/url";
import type { Session, Verdict } from "../../gen/api";
import { follow, go } from "../../router";
import { useNow } from "../../ui/now";
import { Outcome } from "../../ui/primitives";
import type { Column } from "./columns";

export interface CellProps {
  session: Session;
  verdict: Verdict | null;
  route: SessionsRoute;
}

const CELLS: Record<string, (props: CellProps) => ComponentChildren> = {
  state: ({ session }) => <Outcome session={session} />,
  name: ({ session }) => {
    const target = sessionRoute(session.id);
    return (
      <a
        class="run-name"
        href={print(target)}
        tabIndex={-1}
        title={session.name}
        onClick={(event) => (event.stopPropagation(), follow(event, target))}
      >
        {session.name}
      </a>
    );
  },
  why: (props) => <Why {...props} />,
  started: ({ session }) => <Started session={session} />,
  time: ({ session }) => <Elapsed session={session} />,
  cost: ({ session }) => {
    const { unpriced_models: unpriced, partial } = session.cost;
    const title = partial
      ? `Without the cost of ${unpriced.join(", ") || "some calls"}: no price is known`
      : undefined;
    return (
      <span class={session.cost.usd === null && partial ? "tone-warn" : undefined} title={title}>
        {money(session.cost)}
        {session.state === "running" && session.cost.usd !== null && "…"}
      </span>
    );
  },
  tokens: ({ session: { tokens } }) => (
    <span
      title={`${whole(tokens.input)} in (${whole(tokens.cache_read)} cached), ${whole(tokens.output)} out`}
    >
      {tokens.total > 0 ? count(tokens.total) : <None />}
    </span>
  ),
  spans: ({ session }) => (
    <span
      title={whole(session.counts.spans)}
      data-unit={session.counts.spans === 1 ? " span" : " spans"}
    >
      {count(session.counts.spans)}
    </span>
  ),
  errors: ({ session: { counts } }) =>
    counts.errors > 0 ? <b class="tone-bad">{count(counts.errors)}</b> : <None />,
  agents: ({ session, route }) => <Words words={session.agents} filter="agent" route={route} />,
  models: ({ session, route }) => <Words words={session.models} filter="model" route={route} />,
  tags: ({ session, route }) => (
    <>
      {session.tags.map((tag) => (
        <button
          key={tag}
          type="button"
          class="tag"
          tabIndex={-1}
          onClick={(event) => {
            event.stopPropagation();
            go({ ...route, filters: { ...route.filters, tag } });
          }}
        >
          #{tag}
        </button>
      ))}
    </>
  ),
  calls: ({ session }) => count(session.counts.llm_calls),
  tools: ({ session }) => count(session.counts.tool_calls),
  cached: ({ session: { tokens } }) =>
    tokens.input > 0 ? `${Math.round((100 * tokens.cache_read) / tokens.input)} %` : <None />,
  service: ({ session }) => session.service ?? <None />,
  project: ({ session }) => session.project,
  user: ({ session }) => session.user_id ?? <None />,
  host: ({ session }) => session.host?.hostname ?? <None />,
  id: ({ session }) => <span title={session.id}>{shortId(session.id)}</span>,
};

export function Cell({ column, ...props }: CellProps & { column: Column }) {
  return (
    <div
      role="gridcell"
      class={column.isNumber ? `cell num cell-${column.id}` : `cell cell-${column.id}`}
    >
      {CELLS[column.id]?.(props)}
    </div>
  );
}

const None = () => <span class="quiet">–</span>;

/** Why it failed, where it is, or what it did: whatever one wants to know first. */
function Why({ session, verdict }: CellProps) {
  const { tone } = outcome(session);
  if (verdict && verdict.severity !== "ok") {
    const within = session.state === "running" ? verdict.within : null;
    const at = within?.span_id ?? verdict.span_id;
    const target = at
      ? {
          ...sessionRoute(verdict.session_id ?? session.id),
          span: at,
          tab: verdict.severity === "error" ? ("error" as const) : ("overview" as const),
        }
      : sessionRoute(session.id);
    const shade = verdict.severity === "error" ? "bad" : verdict.severity === "lost" ? "warn" : "";
    return (
      <a
        class={`why-link tone-${shade}`}
        href={print(target)}
        tabIndex={-1}
        title={verdict.text}
        onClick={(event) => (event.stopPropagation(), follow(event, target))}
      >
        {within ? <Within session={session} within={within} /> : <Code text={verdict.text} />}
      </a>
    );
  }
  if (session.end_state_reason) {
    return (
      <span class={tone === "bad" ? "tone-bad" : "quiet"} title={session.end_state_reason}>
        {session.end_state_reason}
      </span>
    );
  }
  const { llm_calls: calls, tool_calls: tools } = session.counts;
  const did = [
    calls > 0 && `${count(calls)} model ${calls === 1 ? "call" : "calls"}`,
    tools > 0 && `${count(tools)} tool ${tools === 1 ? "call" : "calls"}`,
  ].filter(Boolean);
  return <span class="quiet">{did.join(", ")}</span>;
}

/** What a session that runs is doing, and for how long. */
function Within({ session, within }: { session: Session; within: NonNullable<Verdict["within"]> }) {
  return (
    <>
      in <b>{within.name}</b> for{" "}
      <Running since={parseTime(session.start_time) + within.since_ms} />
    </>
  );
}

/** Text in which names stand between backticks. */
function Code({ text }: { text: string }) {
  return (
    <>
      {text.split("`").map((part, index) =>
        // Every second part stood between two of them.
        index % 2 === 1 ? <b key={part + index}>{part}</b> : part,
      )}
    </>
  );
}

function Started({ session }: { session: Session }) {
  const now = useNow().value;
  const start = parseTime(session.start_time);
  return <time title={clock(start, 0)}>{ago(start, now)}</time>;
}

function Elapsed({ session }: { session: Session }) {
  if (session.state !== "running") return <>{duration(session.duration_ms)}</>;
  return <Running since={parseTime(session.start_time)} />;
}

function Running({ since }: { since: number }) {
  const now = useNow().value;
  return (
    <span class="tone-live">{duration(Math.max(0, Math.round((now - since) / 1000) * 1000))}</span>
  );
}

function Words({
  words,
  filter,
  route,
}: {
  words: readonly string[];
  filter: "agent" | "model";
  route: SessionsRoute;
}) {
  if (words.length === 0) return <None />;
  return (
    <span class="words" title={words.join(", ")}>
      {words.map((word, index) => {
        const target = { ...route, filters: { ...route.filters, [filter]: word } };
        return (
          <span key={word}>
            <a
              href={print(target)}
              tabIndex={-1}
              onClick={(event) => (event.stopPropagation(), follow(event, target))}
            >
              {word}
            </a>
            {index < words.length - 1 && ", "}
          </span>
        );
      })}
    </span>
  );
}
