/** What there is to see before there is anything: how a run gets here, with this server's own address. */

import { useState } from "preact/hooks";

import { Copy } from "../../ui/primitives";

export function FirstRun() {
  const server = location.origin;
  const ways = [
    {
      id: "rust",
      text: "Rust",
      what: "Three lines in a program, and a run of it",
      code: "cargo add agentops\n#[agentops::main]        // on main\n#[agentops::tool]        // on a function",
    },
    {
      id: "otel",
      text: "OpenTelemetry",
      what: "Any client that exports OTLP over HTTP",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT=${server}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n# then run the program`,
    },
    {
      id: "curl",
      text: "curl",
      what: "One span by hand",
      code: `curl ${server}/v1/traces -H 'content-type: application/json' -d '${span()}'`,
    },
  ];
  const [chosen, choose] = useState("rust");
  const way = ways.find((one) => one.id === chosen) ?? ways[0];
  return (
    <section class="empty">
      <h2>
        <span class="waiting" aria-hidden="true" /> Waiting for the first run
      </h2>
      <p class="quiet">It appears here by itself, as it happens.</p>
      <div class="ways" role="group" aria-label="How to send a run">
        {ways.map(({ id, text }) => (
          <button key={id} type="button" aria-pressed={id === chosen} onClick={() => choose(id)}>
            {text}
          </button>
        ))}
      </div>
      <p class="way">
        <span class="quiet">{way.what}</span>
        <Copy text={() => way.code} label="Copy" />
      </p>
      <pre>{way.code}</pre>
      <p class="quiet">
        Nothing at hand? <code>agentops demo</code> plays a recorded run, which fails in an
        interesting way.
      </p>
    </section>
  );
}

/** A span that ends now, small enough to be read. */
function span(): string {
  const hex = (digits: number) =>
    Array.from(crypto.getRandomValues(new Uint8Array(digits / 2)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
  const end = BigInt(Date.now()) * 1_000_000n;
  return JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: hex(32),
                spanId: hex(16),
                name: "hello",
                startTimeUnixNano: String(end - 250_000_000n),
                endTimeUnixNano: String(end),
                attributes: [{ key: "agentops.span.kind", value: { stringValue: "agent" } }],
              },
            ],
          },
        ],
      },
    ],
  });
}
