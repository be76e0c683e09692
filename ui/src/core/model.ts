/**
 * What the server answers, as far as pages read it: sessions and spans in the one shape that all its answers have.
 *
 * Only types, and how a row of a live change becomes a row of the store.
 */

import { parseTime } from "./format";
import type { Row } from "./store";

export interface Session {
  id: string;
  project: string;
  name: string;
  service: string | null;
  state: "running" | "ended" | "lost";
  start_time: string;
  end_time: string | null;
  duration_ms: number | null;
  end_state: "Success" | "Error" | "Indeterminate" | null;
  end_state_reason: string | null;
  tags: string[];
  counts: {
    spans: number;
    open: number;
    errors: number;
    llm_calls: number;
    tool_calls: number;
    dropped: number;
  };
  agents: string[];
  models: string[];
  tokens: Tokens;
  cost: { usd: number | null; unpriced_models: string[]; partial: boolean; estimated?: boolean };
  host: { hostname: string | null; os: string | null; sdk: string | null } | null;
  attributes: Record<string, unknown>;
}

export interface Tokens {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  reasoning: number;
  total: number;
}

export interface SessionList {
  sessions: Session[];
  next_cursor: string | null;
  totals: {
    sessions: number;
    running: number;
    failed: number;
    spans: number;
    tokens: number;
    cost: { usd: number | null; partial: boolean };
  };
}

export interface Span {
  id: string;
  parent_id: string | null;
  agent: { name: string; role: string | null } | null;
  name: string;
  kind: string;
  status: string;
  cancelled: boolean;
  open: boolean;
  start_time: string;
  end_time: string | null;
  duration_ms: number | null;
  thread: { id: number; name: string | null } | null;
  source: { file: string; line: number; function: string | null } | null;
  input: unknown;
  output: unknown;
  attributes: Record<string, unknown>;
  logs: Log[];
  error: SpanError | null;
  llm: Llm | null;
}

export interface Log {
  time: string;
  level: string;
  target: string | null;
  message: string;
}

export interface SpanError {
  type: string | null;
  code: string | null;
  details: string | null;
  rust_type: string | null;
  chain: string[];
  stack: string | null;
  span_trace: string[];
}

export interface Llm {
  provider: string | null;
  request_model: string | null;
  model: string | null;
  streaming: boolean | null;
  messages: ChatMessage[];
  completions: ChatMessage[];
  usage: (Tokens & { estimated: boolean; reported: boolean }) | null;
  cost: { usd: number } | null;
  parameters: Record<string, unknown>;
  time_to_first_token_ms: number | null;
  attempts: number | null;
}

export interface ChatMessage {
  role: string;
  content: ContentPart[] | string | null;
  tool_calls?: { id: string | null; name: string; arguments: unknown }[];
  tool_call_id?: string | null;
  finish_reason?: string | null;
}

export interface ContentPart {
  type: string;
  text?: string;
}

/** A span without what it carried, as changes tell it. */
export interface SpanRow {
  id: string;
  parent_id: string | null;
  session_id: string;
  name: string;
  kind: string;
  agent: string | null;
  model: string | null;
  status: string;
  cancelled: boolean;
  open: boolean;
  start_time: string;
  duration_ms: number | null;
  thread: number | null;
  tokens: (Tokens & { estimated: boolean }) | null;
  cost: { usd: number | null; tool_usd: number | null };
  time_to_first_token_ms: number | null;
}

/** What changed in a tenth of a second. */
export interface Changes {
  sequence: number;
  sessions: Session[];
  spans: SpanRow[];
  removed: string[];
  refetch: string[];
}

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
