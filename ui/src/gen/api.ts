/**
 * What the server answers: read off its own structs by a test, which writes this anew with AGENTOPS_BLESS=1.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type EndState = "Success" | "Error" | "Indeterminate";

export type Level = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";

export type SessionState = "running" | "ended" | "lost";

export type Severity = "ok" | "warning" | "error" | "running" | "lost";

export type SpanKind =
  | "SESSION"
  | "AGENT"
  | "WORKFLOW"
  | "OPERATION"
  | "TASK"
  | "LLM"
  | "TOOL"
  | "GUARDRAIL"
  | "CHAIN"
  | "HTTP"
  | "UNKNOWN";

export type Status = "unset" | "ok" | "error";

/** What this server is, and what it keeps. */
export interface About {
  version: string;
  data: Data;
}

export interface Agent {
  id: string;
  name: string;
  role: string | null;
  model: string | null;
}

/** Where a session's money went. */
export interface Blame {
  /** All of it. */
  cost: Spent;
  /** Everything, by who did it. These come to the whole. */
  agents: Portion[];
  /** Model calls by what answered. With `tools` these come to the whole. */
  models: Portion[];
  /** Tools by name. */
  tools: Portion[];
  /** How many of each are not in these lists, which [`Blame::shorten`] has cut. */
  left_out: LeftOut;
  waste: Waste;
}

export interface CallCost {
  usd: number | null;
  input_usd: number | null;
  output_usd: number | null;
  price_table: string | null;
  estimated?: boolean;
  prices?: Prices;
}

/** The columns that only some spans have. */
export interface Calls {
  /** The places of those spans. */
  at: number[];
  /** -1 is none. */
  model: number[];
  input: (number | null)[];
  output: (number | null)[];
  cache_read: (number | null)[];
  cache_write: (number | null)[];
  reasoning: (number | null)[];
  total: (number | null)[];
  /** What the span itself adds to the cost; `null` where it only repeats, or has no price. */
  cost: (number | null)[];
  /** Milliseconds. */
  time_to_first_token: (number | null)[];
}

/** What changed in a tenth of a second. */
export interface Changes {
  sequence: number;
  /** Sessions as they are now. */
  sessions: Session[];
  /** Spans as they are now, where they are told. */
  spans: SpanRow[];
  /** Sessions that were deleted. */
  removed: string[];
  /** Sessions of which more changed than is told here: what is shown of their spans is to be asked for again. */
  refetch: string[];
}

export interface Completion {
  role: string;
  content: ContentPart[];
  tool_calls: ToolRequest[];
  finish_reason: string | null;
}

export type ContentPart = { type: string; text: string } | Json;

export interface ContextCall {
  span_id: string;
  time_ms: number;
  model: string | null;
  input: number;
  cache_read: number;
  estimated: boolean;
  compacted: boolean;
}

export interface ContextGrowth {
  agent: string | null;
  peak: number;
  cached: number | null;
  compactions: number;
  calls: ContextCall[];
  calls_left_out: number;
}

export interface Counts {
  spans: number;
  open: number;
  errors: number;
  llm_calls: number;
  tool_calls: number;
  dropped: number;
}

export interface CriticalPath {
  duration_ms: number;
  idle_ms: number;
  segments: CriticalSegment[];
  segments_left_out: number;
  spans: CriticalSpan[];
  spans_left_out: number;
}

export interface CriticalSegment {
  span_id: string;
  from_ms: number;
  to_ms: number;
}

export interface CriticalSpan {
  span_id: string;
  kind: SpanKind;
  name: string;
  duration_ms: number;
}

/** Something of which only a part is here. */
export interface Cut {
  /** Where it is in the answer, as a JSON pointer. */
  path: string;
  /** How long a text is, in bytes; its beginning is here. */
  bytes: number | null;
  /** How many entries a list or an object has. The first ones are here; of messages the last ones. */
  entries: number | null;
}

export interface Data {
  /** Where it is. */
  path: string;
  /** What the store takes. */
  bytes: number;
  /** What programs recorded and was not removed yet. */
  spool_bytes: number;
  /** Of all sessions that can be seen, those of other programs included. */
  totals: Totals;
  /** Spans that went to keep the spool within its limit. */
  removed_spans: number;
  /** What programs lost, by cause. */
  losses: { [key: string]: number };
}

/** What was deleted. */
export interface Deleted {
  deleted: string[];
  /** Ids that no session has. */
  unknown: string[];
  /** Until then `POST /api/v1/sessions/{id}/restore` brings them back. */
  restorable_until: string;
}

export interface ErrorBody {
  code: string;
  /** What is wrong, and what to do about it. */
  message: string;
}

/** Errors by what is the same when they happen again. */
export interface ErrorList {
  errors: Fault[];
  /** The time that `over_time` is of: from the first of all these errors to the last; `null` where there is none. */
  since: string | null;
  until: string | null;
}

export interface Fault {
  /** For `/api/v1/sessions?fault=`, which lists the sessions that it happened in. */
  id: number;
  /** The kind of the spans. */
  kind: SpanKind;
  code: string;
  /** The name of the spans. */
  name: string;
  /** What the messages have in common. */
  message: string;
  count: number;
  sessions: number;
  first_time: string;
  last_time: string;
  /** How often, in equal parts of the time of the list. */
  over_time: number[];
  /** The newest. */
  sample: Sample;
}

/** Where something may be kept. */
export interface File {
  path: string;
  exists: boolean;
}

export interface Guardrail {
  spec: string | null;
  triggered: boolean | null;
}

/** Where a listener begins. */
export interface Hello {
  sequence: number;
}

/** How many sessions started when. */
export interface Histogram {
  /** When the first part begins; `null` where no session fits. */
  since: string | null;
  /** How long each part is. */
  step_ms: number;
  parts: Part[];
}

export interface Hit {
  session_id: string;
  span_id: string;
  name: string;
  kind: SpanKind;
  start_time: string;
  /** The words, and what stands around them. */
  excerpt: string;
}

export interface Host {
  os: string | null;
  arch: string | null;
  hostname: string | null;
  cpu_count: number | null;
  memory_total_bytes: number | null;
  rustc: string | null;
  sdk: string | null;
}

/** What was read in. */
export interface Import {
  sessions: string[];
  spans: number;
  /** What could not be read; the rest was. */
  skipped: number;
  /** What was cut or left out of the rest, in words. */
  cut: string | null;
}

/** What there is to understand of a session, all of it from one reading. As short for 100,000 spans as for 100: of each list what matters most is there, beside how much was left out. */
export interface Insight {
  verdict: Verdict;
  cost: Blame;
  /** Those with the most rounds first. */
  loops: Loop[];
  loops_left_out: number;
  critical_path: CriticalPath;
  /** For each agent, what it sent with each model call; those that sent the most in one. */
  context: ContextGrowth[];
  context_left_out: number;
}

/** How many were left out: those that took the least. */
export interface LeftOut {
  agents: number;
  models: number;
  tools: number;
}

export interface Llm {
  provider: string | null;
  request_model: string | null;
  model: string | null;
  operation: string | null;
  response_id?: string;
  streaming: boolean;
  messages: Message[];
  completions: Completion[];
  usage: Usage | null;
  cost: CallCost;
  parameters: { [key: string]: Json };
  time_to_first_token_ms: number | null;
  attempts: number | null;
  provider_error?: ProviderError;
}

export interface Log {
  time: string;
  level: Level;
  target: string;
  message: string;
  attributes: { [key: string]: Json };
}

/** A page of logs. */
export interface LogList {
  logs: SpanLog[];
  next_cursor: string | null;
}

export interface Loop {
  kind: SpanKind;
  name: string;
  agent: string | null;
  rounds: number;
  failed: number;
  span_ids: string[];
  from_ms: number;
  to_ms: number;
  took: Took;
  between: Took;
}

export interface Message {
  role: string;
  name?: string;
  content: ContentPart[];
  tool_calls?: ToolRequest[];
  tool_call_id?: string;
}

/** Sums over time. */
export interface Metrics {
  group_by: string;
  interval: string;
  since: string;
  until: string;
  points: Point[];
}

export interface Operation {
  type: string;
}

/** Spans whose parent is not here; it may come. */
export interface Orphans {
  /** The places of those spans. */
  at: number[];
  /** The ids of their parents. */
  parent: string[];
}

export interface Part {
  sessions: number;
  failed: number;
}

/** Within 5 % of what they are. */
export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

export interface Place {
  span_id: string;
  kind: SpanKind;
  name: string;
}

/** One group in one interval. */
export interface Point {
  time: string;
  group: string;
  count: number;
  errors: number;
  /** In all. */
  duration_ms: number;
  tokens: PointTokens;
  cost: PointCost;
  latency_ms: Percentiles | null;
  time_to_first_token_ms: Percentiles | null;
}

export interface PointCost {
  usd: number;
  /** Calls whose price is not known: they are not in `usd`. */
  unpriced: number;
}

export interface PointTokens {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  reasoning: number;
}

export interface Portion {
  name: string | null;
  cost: Spent;
  share: number | null;
  calls: number;
  failed: number;
  input: number;
  output: number;
  duration_ms: number;
}

/** Prices in use. */
export interface PriceList {
  /** The tables and their versions: the one that counts first, and what it is before. */
  table: string;
  /** The user's own prices, which go before every table. */
  own: File | null;
  /** A newer table than the one that is built in. */
  newer: File | null;
  /** Models that were called, by what they cost. */
  used: Used[];
}

/** In USD for a million tokens, or for each call and search. */
export interface Prices {
  model: string;
  input: number;
  output: number;
  cache_read?: number;
  cache_write?: number;
  cache_write_1h?: number;
  reasoning?: number;
  input_audio?: number;
  cache_read_audio?: number;
  output_audio?: number;
  call?: number;
  web_search?: number;
}

export interface ProviderError {
  status: number | null;
  code: string | null;
  type: string | null;
  message: string;
  retry_after_ms: number | null;
}

export interface Quote {
  price_table: string;
  /** In USD for a million tokens. */
  prices: Prices;
}

/** `{"error":{"code":"…","message":"…"}}` */
export interface Refused {
  error: ErrorBody;
}

export interface Resent {
  calls: number;
  tokens: number;
  usd: number | null;
  known: number;
  unknown: number;
}

/** What was brought back. */
export interface Restored {
  restored: string[];
}

export interface RowCost {
  /** Of its model call. */
  usd: number | null;
  /** Of its tool. */
  tool_usd: number | null;
}

export interface RowTokens {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  reasoning: number;
  total: number;
  estimated: boolean;
}

export interface Sample {
  session_id: string;
  span_id: string;
}

/** Spans in which words were found. */
export interface Search {
  hits: Hit[];
}

export interface Session {
  id: string;
  trace_id: string;
  project: string;
  name: string;
  service: string;
  service_version?: string;
  pid?: number;
  state: SessionState;
  parent_session_id: string | null;
  conversation_id: string | null;
  user_id: string | null;
  start_time: string;
  end_time: string | null;
  duration_ms: number | null;
  end_state: EndState | null;
  end_state_reason: string | null;
  tags: string[];
  counts: Counts;
  losses?: { [key: string]: number };
  agents: string[];
  models: string[];
  tokens: Tokens;
  cost: SessionCost;
  host: Host;
  video: string | null;
  attributes: { [key: string]: Json };
  spans?: Span[];
}

export interface SessionCost {
  usd: number | null;
  unpriced_models: string[];
  partial: boolean;
  estimated?: boolean;
}

/** A page of sessions. */
export interface SessionList {
  sessions: Session[];
  /** Where to go on; `null` at the end. */
  next_cursor: string | null;
  /** Of all that fit, wherever pages end. */
  totals: Totals;
}

/** A span whose long values are cut. */
export interface ShortSpan extends Span {
  /** How long all of it is, in bytes: what the same question without `limit` is answered with. */
  whole_bytes: number;
  /** What is not all here; empty where everything is. */
  cut: Cut[];
}

/** The columns of a session's spans: parents before children, siblings by start. */
export interface Skeleton {
  /** The last commit that it knows of. */
  sequence: number;
  session_id: string;
  /** What times are counted from. */
  start_time: string;
  /** How many spans there are. */
  spans: number;
  /** What the numbers in `kind` stand for. */
  kinds: string[];
  /** What the numbers in `name`, `agent` and `model` stand for. */
  strings: string[];
  /** 16 hex digits for each span, without anything in between. */
  ids: string;
  /** Places of parents; -1 is none. */
  parent: number[];
  kind: number[];
  name: number[];
  /** -1 is none. */
  agent: number[];
  /** Milliseconds after `start_time`. */
  start: number[];
  /** Milliseconds; -1 while it is open. */
  duration: number[];
  /** Bits: 1 open, 2 cancelled, 4 ok, 8 error, 16 its parent is missing, 32 its usage repeats what spans beneath it say, 64 its price is missing, 128 its tokens are estimated. */
  flags: number[];
  thread: (number | null)[];
  calls: Calls;
  orphans: Orphans;
}

export interface Source {
  file: string;
  line: number;
  function: string;
}

export interface Span {
  id: string;
  parent_id: string | null;
  session_id: string;
  trace_id: string;
  agent: Agent | null;
  name: string;
  kind: SpanKind;
  status: Status;
  cancelled: boolean;
  open: boolean;
  adopted?: boolean;
  start_time: string;
  end_time: string | null;
  duration_ms: number | null;
  busy_ms: number | null;
  polls: number | null;
  thread: Thread | null;
  source: Source | null;
  input: Json | null;
  output: Json | null;
  attributes: { [key: string]: Json };
  version: string | null;
  tags: string[];
  links: SpanLink[];
  logs: Log[];
  error: SpanError | null;
  llm: Llm | null;
  tool: Tool | null;
  operation: Operation | null;
  guardrail: Guardrail | null;
  /** No recorder attaches anything yet. */
  attachments: Json[];
}

export interface SpanError {
  type: string;
  code: string;
  details: string;
  rust_type: string | null;
  chain: string[];
  stack: string | null;
  span_trace: string[];
  time: string;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  attributes: { [key: string]: Json };
}

/** A log, and the span that it was written in. */
export interface SpanLog {
  span_id: string;
  span_name: string;
  log: Log;
}

/** A span without what it carried. */
export interface SpanRow {
  id: string;
  parent_id: string | null;
  session_id: string;
  name: string;
  kind: SpanKind;
  agent: string | null;
  model: string | null;
  status: Status;
  cancelled: boolean;
  open: boolean;
  start_time: string;
  duration_ms: number | null;
  thread: number | null;
  tokens: RowTokens | null;
  cost: RowCost;
  time_to_first_token_ms: number | null;
}

export interface Spent {
  usd: number | null;
  partial: boolean;
  estimated: boolean;
}

export interface Thread {
  id: number;
  name: string | null;
}

export interface Tokens {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  reasoning: number;
  total: number;
  estimated?: boolean;
}

export interface Took {
  calls: number;
  duration_ms: number;
  tokens: number;
  usd: number | null;
}

export interface Tool {
  name: string;
  description: string | null;
  call_id: string | null;
  status: "executing" | "failed" | "succeeded";
  cost_usd: number | null;
}

export interface ToolRequest {
  id: string | null;
  name: string;
  arguments: Json;
}

export interface TotalCost {
  usd: number | null;
  /** Something is missing from it. */
  partial: boolean;
}

export interface Totals {
  sessions: number;
  running: number;
  failed: number;
  spans: number;
  tokens: number;
  cost: TotalCost;
}

export interface Usage {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  cache_write_1h?: number;
  reasoning: number;
  input_audio?: number;
  cache_read_audio?: number;
  output_audio?: number;
  web_searches?: number;
  total: number;
  estimated: boolean;
  reported: boolean;
}

/** A model that was called. */
export interface Used {
  model: string;
  calls: number;
  /** Calls whose price is not known. */
  unpriced: number;
  usd: number;
  /** What a call costs now; `null` where that cannot be told by the name alone. */
  quote: Quote | null;
}

export interface Verdict {
  severity: Severity;
  text: string;
  notes: string[];
  session_id: string | null;
  span_id: string | null;
  kind: SpanKind | null;
  name: string | null;
  agent: string | null;
  model: string | null;
  code: string | null;
  message: string | null;
  attempts: number;
  recovered: boolean;
  time_ms: number | null;
  spent: Spent | null;
  provider_error: ProviderError | null;
  gave_up: Place | null;
  within: Within | null;
  other_failures: number;
}

export interface Waste {
  usd: number | null;
  retried: Took;
  failed: Took;
  loops: Took;
  resent: Resent;
}

export interface Within extends Place {
  since_ms: number;
}
