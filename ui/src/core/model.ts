/**
 * What the server answers, as far as pages read it: sessions and spans in the one shape that all its answers have.
 *
 * The types are the server's own; beside them only how a row of a live change becomes a row of the store.
 */

import type { Completion, ContentPart, Message, Session, SpanRow } from "../gen/api";
import { parseTime } from "./format";
import type { Row } from "./store";

export type {
  Changes,
  ContentPart,
  Llm,
  Log,
  Session,
  SessionList,
  Span,
  SpanError,
  SpanRow,
  Tokens,
} from "../gen/api";

/** What was sent to a model, or came back from it. */
export type ChatMessage = Message & Partial<Pick<Completion, "finish_reason">>;

/** What a part of a message says in words; `null` where it is something else. */
export const textOf = (part: ContentPart): string | null =>
  typeof part === "object" && part !== null && "text" in part && typeof part.text === "string"
    ? part.text
    : null;

const nano = (usd: number | null): number | null => (usd === null ? null : Math.round(usd * 1e9));

export function rowOf(span: SpanRow): Row {
  const start = parseTime(span.start_time);
  const { tokens } = span;
  return {
    id: span.id,
    parent: span.parent_id,
    kind: span.kind,
    status: span.status,
    open: span.open,
    cancelled: span.cancelled,
    start,
    end: span.duration_ms === null ? null : start + span.duration_ms,
    name: span.name,
    agent: span.agent,
    model: span.model,
    thread: span.thread,
    usage: tokens && {
      input: tokens.input,
      output: tokens.output,
      cacheRead: tokens.cache_read,
      cacheWrite: tokens.cache_write,
      reasoning: tokens.reasoning,
      total: tokens.total,
    },
    cost: nano(span.cost.usd),
    toolCost: nano(span.cost.tool_usd),
    firstToken: span.time_to_first_token_ms,
    estimated: tokens?.estimated ?? false,
  };
}

/** What became of a session, in one word and a sign that does without colour. */
export function outcome(session: Session): { word: string; sign: string; tone: Tone } {
  if (session.state === "running") return { word: "running", sign: "●", tone: "live" };
  if (session.end_state === "Error") return { word: "failed", sign: "✕", tone: "bad" };
  if (session.end_state === "Success") return { word: "success", sign: "✓", tone: "good" };
  if (session.state === "lost") return { word: "lost", sign: "?", tone: "warn" };
  return { word: "ended", sign: "–", tone: "plain" };
}

export type Tone = "live" | "bad" | "good" | "warn" | "plain";
