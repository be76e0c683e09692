// Writes sessions to look at and to measure with, in the JSON that `agentops import` reads.
//
//     node tests/sessions.mjs refund > refund.json     a run of two agents in which much goes wrong
//     node tests/sessions.mjs 100000 > many.json       a run of so many spans, up to 200 deep
import { argv, stdout } from "node:process";

const MS = 1_000_000n;
const what = argv[2] ?? "refund";
const seed = Number(argv[3] ?? 1);

/** The same numbers each time. */
let state = seed * 2_654_435_761;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}
const oneOf = (list) => list[Math.floor(random() * list.length)];
const hex = (value, digits) => value.toString(16).padStart(digits, "0");

const began = BigInt(Date.parse("2026-11-22T12:04:11Z")) * MS;
function time(ms) {
  const nanos = began + BigInt(Math.round(ms * 1e6));
  const seconds = new Date(Number(nanos / MS)).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}

const trace = `019c6b1e6f2a7c3d9b41${hex(seed, 4)}${hex(what === "refund" ? 1 : Number(what), 8)}`;
const id = trace.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
let spans = 0;

function span(parent, kind, name, from, to, more = {}) {
  spans++;
  return {
    id: hex(0x1000_0000_0000 + spans * 7919, 16),
    parent_id: parent?.id ?? null,
    session_id: id,
    trace_id: trace,
    agent: parent?.agent ?? null,
    name,
    kind,
    status: "ok",
    cancelled: false,
    open: false,
    start_time: time(from),
    end_time: time(to),
    duration_ms: to - from,
    thread: parent?.thread ?? { id: 1, name: "main" },
    attributes: {},
    logs: [],
    ...more,
  };
}

const session = (name, to, more) => ({
  id,
  trace_id: trace,
  project: "default",
  name,
  service: name,
  state: "ended",
  parent_session_id: null,
  start_time: time(0),
  end_time: time(to),
  tags: [],
  host: {
    os: "linux",
    arch: "x86_64",
    hostname: "mac-1",
    cpu_count: 8,
    sdk: "agentops-rust/0.1.0",
  },
  attributes: {},
  ...more,
});

const text = (words) => [{ type: "text", text: words }];
const prices = { model: "gpt-4o", input: 2.5, output: 10, cache_read: 1.25 };
function llm(messages, completion, input, output, cached, more = {}) {
  const usd = ((input - cached) * 2.5 + cached * 1.25 + output * 10) / 1e6;
  return {
    provider: "openai",
    request_model: "gpt-4o",
    model: "gpt-4o-2024-08-06",
    operation: "chat",
    streaming: true,
    messages,
    completions: completion ? [completion] : [],
    usage: {
      input,
      output,
      cache_read: cached,
      cache_write: 0,
      reasoning: 0,
      total: input + output,
    },
    cost: { usd: Number(usd.toFixed(9)), price_table: "2026-11", prices },
    parameters: { temperature: 0.2, max_tokens: 1024 },
    attempts: 1,
    ...more,
  };
}

function refund() {
  const all = [];
  const add = (one) => (all.push(one), one);
  const agent = (name, role) => ({ id: name, name, role, model: "gpt-4o" });
  const log = (ms, level, message, target = "refund::tools") => ({
    time: time(ms),
    level,
    target,
    message,
    attributes: { attempt: 1 },
  });
  const root = add(span(null, "SESSION", "refund-agent", 0, 48_200, { status: "error" }));
  const planner = add(
    span(root, "AGENT", "planner", 120, 4_900, {
      agent: agent("planner", "splits the request into steps"),
    }),
  );
  const asked = [
    { role: "system", content: text("You plan refunds. Answer with **steps**, as a list.") },
    {
      role: "user",
      content: text("Customer 4711 wants order `A-1009` refunded. Is that allowed?"),
    },
  ];
  const plan = `## Plan\n\n1. Look up the order in \`orders\`\n2. Read the *refund policy*\n3. Decide, and tell why\n\n| step | tool | cost |\n|:-----|:----:|-----:|\n| 1 | \`sql\` | low |\n| 2 | \`search\` | low |\n\n> Policies change: see [the handbook](https://example.com/policy).\n\n![chart](https://example.com/leak.png?q=secret)\n\n<script>alert(1)</script> and [a bad link](javascript:alert(1))\n\n\`\`\`sql\nSELECT * FROM orders\n WHERE id = 'A-1009';\n\`\`\``;
  add(
    span(planner, "LLM", "chat", 160, 4_700, {
      llm: llm(
        asked,
        { role: "assistant", content: text(plan), finish_reason: "stop" },
        1_204,
        318,
        0,
        {
          time_to_first_token_ms: 420,
        },
      ),
    }),
  );
  const coder = add(
    span(root, "AGENT", "coder", 5_000, 48_100, {
      agent: agent("coder", "does the steps with tools"),
      status: "error",
      error: {
        type: "AGENT",
        code: "GaveUp",
        details: "gave up after 3 attempts at `orders`",
        chain: ["tool sql failed", "timeout after 30 s"],
        span_trace: ["refund-agent", "coder"],
        time: time(48_100),
      },
    }),
  );
  const talk = [
    {
      role: "system",
      content: text("You execute plans with tools: `sql`, `search`, `read_page`."),
    },
    { role: "user", content: text(plan) },
  ];
  let at = 5_050;
  let context = 6_200;
  const call = (answer, calls, took, more = {}) => {
    const said = {
      role: "assistant",
      content: answer ? text(answer) : [],
      finish_reason: calls ? "tool_calls" : "stop",
    };
    if (calls) said.tool_calls = calls;
    const made = add(
      span(coder, "LLM", "chat", at, at + took, {
        llm: llm([...talk], said, context, 240, Math.round(context * 0.62), {
          time_to_first_token_ms: took * 0.3,
          ...more,
        }),
      }),
    );
    talk.push({
      role: "assistant",
      content: said.content,
      ...(calls ? { tool_calls: calls } : {}),
    });
    at += took + 40;
    return made;
  };
  const tool = (name, call_id, args, output, took, more = {}) =>
    add(
      span(coder, "TOOL", name, at, at + took, {
        input: args,
        output,
        tool: { name, call_id },
        source: { file: "src/tools.rs", line: 88, function: `refund::tools::${name}` },
        ...more,
      }),
    );
  // Three tools at once, on threads of their own.
  call(
    "I look at three things at once.",
    [
      { id: "call_0", name: "search", arguments: { query: "refund policy" } },
      { id: "call_1", name: "search", arguments: { query: "order A-1009" } },
      { id: "call_2", name: "read_page", arguments: { url: "https://shop.example/orders/A-1009" } },
    ],
    2_100,
  );
  tool("search", "call_0", { query: "refund policy" }, ["30 days", "unopened only"], 900, {
    thread: { id: 2, name: "worker-1" },
  });
  tool("search", "call_1", { query: "order A-1009" }, [{ id: "A-1009", total: 49.9 }], 1_300, {
    thread: { id: 3, name: "worker-2" },
  });
  tool(
    "read_page",
    "call_2",
    { url: "https://shop.example/orders/A-1009" },
    { html: `<h1>Order</h1>${"<p>row</p>".repeat(400)}` },
    2_600,
    {
      thread: { id: 4, name: "worker-3" },
      logs: [
        log(at + 200, "DEBUG", "connected"),
        log(at + 900, "WARN", "the page is slow: 700 ms without a byte"),
        log(at + 2_500, "INFO", "read 4 kB"),
      ],
    },
  );
  at += 2_700;
  talk.push({ role: "tool", tool_call_id: "call_0", content: text('["30 days","unopened only"]') });
  talk.push({
    role: "tool",
    tool_call_id: "call_1",
    content: text('[{"id":"A-1009","total":49.9}]'),
  });
  talk.push({
    role: "tool",
    tool_call_id: "call_2",
    content: text("<h1>Order</h1> <img src=x onerror=alert(1)>"),
  });
  // The same search again and again.
  for (let k = 0; k < 4; k++) {
    context += 3_800;
    call(null, [{ id: `loop_${k}`, name: "search", arguments: { query: "refund policy" } }], 900);
    tool("search", `loop_${k}`, { query: "refund policy" }, ["30 days", "unopened only"], 260);
    at += 300;
    talk.push({
      role: "tool",
      tool_call_id: `loop_${k}`,
      content: text('["30 days","unopened only"]'),
    });
  }
  // One tool that fails three times.
  for (let k = 0; k < 3; k++) {
    context += 5_100;
    call(
      k === 0 ? "Now the order itself." : "That timed out; I try again.",
      [
        {
          id: `sql_${k}`,
          name: "sql",
          arguments: { query: "SELECT * FROM orders WHERE id = 'A-1009'", timeout_s: 30 },
        },
      ],
      1_200,
    );
    const took = [9_000, 7_000, 6_100][k];
    tool(
      "sql",
      `sql_${k}`,
      { query: "SELECT * FROM orders WHERE id = 'A-1009'", timeout_s: 30 },
      null,
      took,
      {
        status: "error",
        error: {
          type: "TOOL",
          code: "TimeoutError",
          details: "timeout after 30 s",
          rust_type: "sqlx::Error",
          chain: ["pool timed out while waiting for an open connection", "deadline has elapsed"],
          stack:
            "   0: refund::tools::sql\n             at src/db.rs:88:14\n   1: refund::agent::step\n             at src/agent.rs:41:9\n   2: core::ops::function::FnOnce::call_once\n   3: main\n             at src/main.rs:12:5",
          span_trace: ["refund-agent", "coder", "sql"],
          time: time(at + took),
        },
        logs: [
          log(at + 10, "INFO", "query sent", "sqlx::query"),
          log(at + took - 5, "ERROR", "timeout after 30 s", "sqlx::query"),
        ],
      },
    );
    at += took + 20;
    talk.push({
      role: "tool",
      tool_call_id: `sql_${k}`,
      content: text("error: timeout after 30 s"),
    });
  }
  context += 900;
  call("I give up: the database does not answer.", null, 1_500, {
    cost: {},
    model: "house-model-7b",
    request_model: "house-model-7b",
    provider: "vllm",
  });
  add(
    span(coder, "TOOL", "notify", at, at + 300, {
      input: { to: "[redacted]", text: "The refund needs a person." },
      output: { sent: true, $truncated: { bytes: 70_000 } },
      tool: { name: "notify" },
      attributes: { "http.status_code": 202, channel: "mail", recipients: ["[redacted]"] },
    }),
  );
  stdout.write(
    JSON.stringify({
      ...session("refund-agent", 48_200, {
        end_state: "Error",
        end_state_reason: "coder gave up",
        tags: ["prod", "refunds"],
        losses: { queue: 6 },
        attributes: {
          "deployment.environment.name": "production",
          "service.version": "1.4.2",
          customer: "4711",
        },
      }),
      spans: all,
    }),
  );
}

const NAMES = {
  AGENT: [],
  WORKFLOW: [],
  OPERATION: [],
  LLM: ["chat", "chat_stream", "embed"],
  TOOL: [],
  HTTP: ["POST /v1/chat"],
};
for (const kind of ["AGENT", "WORKFLOW", "OPERATION", "TOOL"]) {
  for (let k = 0; k < 60; k++)
    NAMES[kind].push(
      `${oneOf(["read", "plan", "search", "write", "check", "merge", "ask"])}_${oneOf(["file", "page", "order", "policy", "index", "answer", "step"])}_${k}`,
    );
}

/** Written piece by piece, for it may be large. */
function many(wanted) {
  const length = wanted * 4;
  const head = session(`crawl-${wanted}`, length, {
    end_state: "Success",
    tags: ["many"],
    spans: [],
  });
  stdout.write(JSON.stringify(head).replace(/"spans":\[\]\}$/, '"spans":['));
  const root = span(null, "SESSION", `crawl-${wanted}`, 0, length);
  stdout.write(JSON.stringify(root));
  const stack = [{ ...root, from: 0, to: length, depth: 0 }];
  let from = 0;
  let out = [];
  while (spans < wanted) {
    const top = stack[stack.length - 1];
    const isDeep = spans % 20_000 < 200;
    const kind = isDeep
      ? "OPERATION"
      : top.depth === 0
        ? "AGENT"
        : oneOf(["OPERATION", "LLM", "TOOL", "TOOL", "LLM", "WORKFLOW", "HTTP"]);
    from += random() * 6;
    const to = Math.min(top.to, from + (isDeep ? 3_000 : 2 + random() ** 4 * 900));
    const failed = random() < 0.004;
    const made = span(top, kind, oneOf(NAMES[kind]), from, Math.max(to, from + 0.01), {
      agent: kind === "AGENT" ? { id: `a${spans % 12}`, name: `agent-${spans % 12}` } : top.agent,
      thread: { id: 1 + (spans % 8), name: `worker-${spans % 8}` },
      status: failed ? "error" : "ok",
      ...(failed
        ? { error: { type: kind, code: "Timeout", details: "no answer in time", time: time(to) } }
        : {}),
      input: { query: oneOf(["alpha", "beta", "gamma"]).repeat(3) },
      ...(kind === "LLM"
        ? {
            llm: llm(
              [{ role: "user", content: text("go on") }],
              { role: "assistant", content: text("done") },
              900,
              80,
              300,
            ),
          }
        : {}),
    });
    out.push(JSON.stringify(made));
    if (out.length === 1_000) {
      stdout.write(`,${out.join(",")}`);
      out = [];
    }
    const leaf = kind === "LLM" || kind === "HTTP";
    if (
      !leaf &&
      to - from > 5 &&
      (isDeep ? stack.length < 200 : random() < 0.7 && stack.length < 14)
    )
      stack.push({ ...made, from, to, depth: top.depth + 1 });
    else
      while (stack.length > 1 && (from > stack[stack.length - 1].to - 4 || random() < 0.08))
        stack.pop();
    if (from >= length - 10) from = length * random();
  }
  if (out.length > 0) stdout.write(`,${out.join(",")}`);
  stdout.write("]}");
}

if (what === "refund") refund();
else many(Number(what));
