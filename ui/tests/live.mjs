// A run that goes on, as an SDK would send it: a record when a span begins, and one when it ends.
//
//     node tests/live.mjs http://127.0.0.1:4318 [spans a second, 10] [seconds, 30] [spans to begin with, 0]
import { argv, stdout } from "node:process";

const [base, rate = "10", seconds = "30", first = "0"] = argv.slice(2);
const hex = (digits) =>
  Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join("");
const trace = `019c${hex(28)}`;
const session = trace.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const nanos = (ms) => String(BigInt(Math.round(ms * 1_000)) * 1_000n);
const attribute = ([key, value]) => ({
  key,
  value:
    typeof value === "boolean"
      ? { boolValue: value }
      : typeof value === "number"
        ? { intValue: String(value) }
        : { stringValue: value },
});

const begin = Date.now();
function span(id, parent, kind, name, from, to, more = {}) {
  const attributes = {
    "agentops.session.id": session,
    "agentops.session.name": "live-run",
    "agentops.span.kind": kind,
    ...(to === null ? { "agentops.span.pending": true } : {}),
    ...more,
  };
  return {
    traceId: trace,
    spanId: id,
    ...(parent ? { parentSpanId: parent } : {}),
    name,
    kind: 1,
    startTimeUnixNano: nanos(from),
    endTimeUnixNano: nanos(to ?? from),
    status: { code: to === null ? 0 : 1 },
    attributes: Object.entries(attributes).map(attribute),
  };
}

async function send(spans) {
  const response = await fetch(`${base}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [["service.name", "live-run"]].map(attribute) },
          scopeSpans: [{ scope: { name: "live" }, spans }],
        },
      ],
    }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

const root = hex(16);
const agents = ["planner", "coder", "critic"].map((name) => ({ name, id: hex(16) }));
await send([
  span(root, null, "session", "live-run", begin, null),
  ...agents.map(({ name, id }) =>
    span(id, root, "agent", name, begin, null, { "gen_ai.agent.name": name }),
  ),
]);
stdout.write(`${session}\n`);

const work = (id, nth, at, to) => {
  const agent = agents[nth % agents.length];
  const isCall = nth % 4 === 0;
  return span(
    id,
    agent.id,
    isCall ? "llm" : "tool",
    isCall ? "chat" : `tool_${nth % 7}`,
    begin + at,
    to,
    {
      "gen_ai.agent.name": agent.name,
      ...(isCall && to !== null
        ? {
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 900,
            "gen_ai.usage.output_tokens": 60,
          }
        : {}),
    },
  );
};

// What was there before anybody looks.
for (let at = 0; at < Number(first); at += 2_000) {
  const many = Math.min(2_000, Number(first) - at);
  await send(
    Array.from({ length: many }, (_, k) =>
      work(hex(16), at + k, (at + k) / 100, begin + (at + k) / 100 + 5),
    ),
  );
}

// Ten times a second: what ended of what began a while ago, and what begins.
const each = Math.max(1, Math.round(Number(rate) / 10));
const open = [];
const since = Date.now();
for (let tick = 0; tick < Number(seconds) * 10; tick++) {
  const now = Date.now();
  const ended = open.splice(0, Math.max(0, open.length - 3 * each));
  const begun = Array.from({ length: each }, (_, k) => ({
    id: hex(16),
    nth: Number(first) + tick * each + k,
    at: now - begin + k / each,
  }));
  open.push(...begun);
  await send([
    ...ended.map(({ id, nth, at }) => work(id, nth, at, now)),
    ...begun.map(({ id, nth, at }) => work(id, nth, at, null)),
  ]);
  const next = since + (tick + 1) * 100 - Date.now();
  if (next > 0) await new Promise((resolve) => setTimeout(resolve, next));
}
const end = Date.now();
await send([
  ...open.map(({ id, nth, at }) => work(id, nth, at, end)),
  ...agents.map(({ name, id }) =>
    span(id, root, "agent", name, begin, end, { "gen_ai.agent.name": name }),
  ),
  span(root, null, "session", "live-run", begin, end, {
    "agentops.session.end": nanos(end),
    "agentops.session.end_state": "Success",
  }),
]);
