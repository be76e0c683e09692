/**
 * Runs with fixed ids and times, as an OpenTelemetry client sends them.
 *
 * Written from the conventions' text alone; nothing is shared with the server, which is what is tested.
 */

export const START = Date.parse("2026-11-22T05:00:00Z");

/** What pages take for the present. */
export const NOW = new Date("2026-11-22T06:00:00Z");

type Attributes = Record<string, unknown>;

export interface SpanSpec {
  name: string;
  kind: "session" | "agent" | "workflow" | "task" | "operation" | "tool" | "llm" | "guardrail";
  /** Milliseconds after the session's start. */
  at: number;
  /** Milliseconds. */
  took: number;
  attributes?: Attributes;
  /** What went wrong. */
  error?: { type: string; message: string; stack?: string };
  children?: SpanSpec[];
}

export interface RunSpec {
  /** Tells runs apart: two with one number are one run. */
  number: number;
  service?: string;
  environment?: string;
  /** Milliseconds after `START`. */
  at?: number;
  root: SpanSpec;
}

export const traceOf = (number: number): string =>
  `019c6b1e6f2a70009000${number.toString(16).padStart(12, "0")}`;

/** How the server calls the session of a trace. */
export const sessionOf = (number: number): string =>
  traceOf(number).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

export const spanOf = (number: number, place: number): string =>
  (number * 0x100000 + place + 1).toString(16).padStart(16, "0");

function any(value: unknown): unknown {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") {
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(any) } };
  return { stringValue: typeof value === "string" ? value : JSON.stringify(value) };
}

const pairs = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: any(value) }));

/** A run as one request. */
export function request({ number, service = "shop", environment = "prod", at = 0, root }: RunSpec) {
  const spans: unknown[] = [];
  const nanos = (ms: number) =>
    `${START + at + Math.floor(ms)}${String(Math.round((ms % 1) * 1e6)).padStart(6, "0")}`;
  // By a list of what is to come, as a run may be deeper than calls can be.
  const coming = [{ span: root, parent: "" }];
  for (let next = coming.pop(); next; next = coming.pop()) {
    const { span, parent } = next;
    const id = spanOf(number, spans.length);
    const error = span.error && {
      timeUnixNano: nanos(span.at + span.took),
      name: "exception",
      attributes: pairs({
        "exception.type": span.error.type,
        "exception.message": span.error.message,
        ...(span.error.stack ? { "exception.stacktrace": span.error.stack } : {}),
      }),
    };
    spans.push({
      traceId: traceOf(number),
      spanId: id,
      parentSpanId: parent,
      name: span.name,
      kind: 1,
      startTimeUnixNano: nanos(span.at),
      endTimeUnixNano: nanos(span.at + span.took),
      attributes: pairs({ "agentops.span.kind": span.kind, ...span.attributes }),
      events: error ? [error] : [],
      status: span.error ? { code: 2, message: span.error.message } : { code: 1 },
    });
    for (const child of span.children?.toReversed() ?? []) coming.push({ span: child, parent: id });
  }
  const resource = { "service.name": service, "deployment.environment.name": environment };
  return {
    resourceSpans: [
      {
        resource: { attributes: pairs(resource) },
        scopeSpans: [{ scope: { name: "e2e" }, spans }],
      },
    ],
  };
}

const message = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });

export function chat(
  at: number,
  took: number,
  {
    model = "gpt-4o-mini",
    input = 1200,
    output = 300,
    cached = 0,
    asked = [message("user", "Where is my refund?")],
    answered = "It is on its way.",
  }: {
    model?: string;
    input?: number;
    output?: number;
    cached?: number;
    asked?: unknown[];
    answered?: string;
  } = {},
): SpanSpec {
  return {
    name: `chat ${model}`,
    kind: "llm",
    at,
    took,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": model.startsWith("claude") ? "anthropic" : "openai",
      "gen_ai.request.model": model,
      "gen_ai.usage.input_tokens": input,
      "gen_ai.usage.output_tokens": output,
      "gen_ai.usage.cache_read.input_tokens": cached,
      "gen_ai.input.messages": JSON.stringify(asked),
      "gen_ai.output.messages": JSON.stringify([
        { ...message("assistant", answered), finish_reason: "stop" },
      ]),
    },
  };
}

export function agent(name: string, at: number, took: number, children: SpanSpec[]): SpanSpec {
  const own = { "gen_ai.agent.name": name };
  const named = children.map((child) => ({
    ...child,
    attributes: { ...(child.kind === "agent" ? {} : own), ...child.attributes },
  }));
  return { name, kind: "agent", at, took, attributes: own, children: named };
}

export function tool(
  name: string,
  at: number,
  took: number,
  input: unknown,
  output: unknown,
  error?: SpanSpec["error"],
): SpanSpec {
  return {
    name,
    kind: "tool",
    at,
    took,
    attributes: {
      "gen_ai.tool.name": name,
      "agentops.entity.input": JSON.stringify(input),
      ...(output === undefined ? {} : { "agentops.entity.output": JSON.stringify(output) }),
    },
    ...(error ? { error } : {}),
  };
}

export function session(
  name: string,
  took: number,
  tags: string[],
  children: SpanSpec[],
  error?: SpanSpec["error"],
): SpanSpec {
  const end = error ? "Error" : "Success";
  return {
    name,
    kind: "session",
    at: 0,
    took,
    attributes: { "agentops.tags": tags, "agentops.session.end_state": end },
    children,
    ...(error ? { error } : {}),
  };
}

export const TRIAGE = 1;
export const REFUND = 2;
export const CRAWL = 3;
/** Of the many that only fill pages. */
export const FIRST_OF_MANY = 100;
export const MANY = 120;

const TIMEOUT = {
  type: "TimeoutError",
  message: "timeout after 30 s",
  stack: "TimeoutError: timeout after 30 s\n  at query (db.rs:88)\n  at refund (tools.rs:12)",
};

const DEBTS = { table: "refunds", limit: 10 };

export const runs = {
  triage: request({
    number: TRIAGE,
    at: 5 * 60_000,
    root: session(
      "triage",
      2_100,
      ["demo", "prod"],
      [
        agent("planner", 10, 1_900, [
          chat(20, 1_200),
          tool("grep", 1_250, 500, { pattern: "refund" }, ["src/main.rs:1"]),
        ]),
      ],
    ),
  }),
  refund: request({
    number: REFUND,
    at: 10 * 60_000,
    root: session(
      "refund-agent",
      96_000,
      ["prod"],
      [
        agent("planner", 50, 3_000, [chat(100, 1_800, { input: 4_000, cached: 2_000 })]),
        agent("coder", 3_100, 92_800, [
          chat(3_200, 2_000, {
            input: 9_000,
            output: 700,
            asked: [message("user", "Refund order A-1009.")],
          }),
          tool("sql", 5_300, 30_000, DEBTS, undefined, TIMEOUT),
          chat(35_400, 1_500, {
            input: 12_000,
            output: 200,
            asked: [message("user", "It timed out.")],
          }),
          tool("sql", 37_000, 30_000, DEBTS, undefined, TIMEOUT),
          tool("sql", 67_100, 28_500, DEBTS, undefined, TIMEOUT),
        ]),
      ],
      TIMEOUT,
    ),
  }),
  crawl: request({
    number: CRAWL,
    service: "crawler",
    environment: "staging",
    at: 20 * 60_000,
    root: session(
      "nightly-crawl",
      60_000,
      ["nightly"],
      [
        agent("crawler", 10, 59_000, [
          chat(20, 3_000, { model: "house-model-7b" }),
          tool("fetch", 3_100, 800, { url: "https://example.com/" }, "200 OK"),
        ]),
      ],
    ),
  }),
};

/** Runs that differ in little, one each two hours back from the others. */
export function many(count = MANY): unknown[] {
  const names = ["index-docs", "answer-mail", "label-tickets", "draft-report"];
  return Array.from({ length: count }, (_, k) => {
    const took = 800 + ((k * 7919) % 9_000);
    const failed = k % 11 === 3;
    const error = { type: "RateLimited", message: `429: try again in ${k} s` };
    const run = session(
      names[k % names.length]!,
      took,
      [k % 2 ? "prod" : "staging"],
      [
        agent(["reader", "writer"][k % 2]!, 5, took - 10, [
          chat(10, took / 2, {
            model: ["gpt-4o-mini", "gpt-4o", "claude-haiku-4-5"][k % 3]!,
            input: 500 + ((k * 131) % 4_000),
            output: 50 + ((k * 37) % 600),
          }),
        ]),
      ],
      failed ? error : undefined,
    );
    return request({
      number: FIRST_OF_MANY + k,
      service: ["mail", "docs"][k % 2]!,
      at: -(k + 1) * 2 * 3_600_000,
      root: run,
    });
  });
}
