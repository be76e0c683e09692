/** What this server counts with, what it keeps, where to send to, and how all of it looks. */

import { useState } from "preact/hooks";

import { bytes, count, money, plural, whole } from "../core/format";
import { ApiError } from "../core/api";
import { DAY, iso } from "../core/period";
import { print, sessionsRoute } from "../core/url";
import type { About, File, PriceList, Prices, SessionList, Used } from "../gen/api";
import { follow } from "../router";
import { api, useAnswer } from "../ui/ask";
import { Copy, Failure } from "../ui/primitives";
import { THEMES, chooseTheme, theme } from "../ui/theme";
import { toast } from "../ui/toast";
import { remove } from "../views/sessions/actions";

import "../styles/charts.css";
import "../styles/settings.css";

export function Settings() {
  const about = useAnswer<About>("/about");
  const prices = useAnswer<PriceList>("/prices");
  return (
    <main class="page settings">
      <h1 class="unseen">Settings</h1>
      <section aria-labelledby="send">
        <h2 id="send">Send to this server</h2>
        <Addresses />
      </section>
      <section aria-labelledby="look">
        <h2 id="look">Theme</h2>
        <div class="ways" role="group" aria-labelledby="look">
          {THEMES.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={theme.value === name}
              onClick={() => chooseTheme(name)}
            >
              {name}
            </button>
          ))}
        </div>
      </section>
      <section aria-labelledby="data">
        <h2 id="data">Data</h2>
        {about.error !== null && <Failure error={about.error} retry={about.again} />}
        {about.answer && <Data about={about.answer} again={about.again} />}
      </section>
      <section aria-labelledby="prices">
        <h2 id="prices">Prices</h2>
        {prices.error !== null && <Failure error={prices.error} retry={prices.again} />}
        {prices.answer && <PriceTable prices={prices.answer} />}
      </section>
      <section aria-labelledby="about">
        <h2 id="about">About</h2>
        <dl class="facts">
          <div>
            <dt>Version</dt>
            <dd>{about.answer ? `agentops ${about.answer.version}` : "…"}</dd>
          </div>
          <div>
            <dt>Licence</dt>
            <dd>MIT or Apache-2.0</dd>
          </div>
          <div>
            <dt>Network</dt>
            <dd>This page asks nobody but this server.</dd>
          </div>
        </dl>
      </section>
    </main>
  );
}

function Addresses() {
  const server = location.origin;
  const all = [
    { what: "OTLP traces", text: `${server}/v1/traces` },
    { what: "OTLP logs", text: `${server}/v1/logs` },
    { what: "Any OpenTelemetry client", text: `OTEL_EXPORTER_OTLP_ENDPOINT=${server}` },
    {
      what: "AgentOps' Python SDK",
      text: `AGENTOPS_API_ENDPOINT=${server} AGENTOPS_EXPORTER_ENDPOINT=${server}/v1/traces`,
    },
  ];
  return (
    <>
      <p class="quiet">
        Programs with the agentops crate need no address: they record on this machine, and the
        server reads it from there.
      </p>
      <dl class="facts">
        {all.map(({ what, text }) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              <code>{text}</code> <Copy text={() => text} label="Copy" />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Data({ about, again }: { about: About; again: () => void }) {
  const { path, bytes: size, spool_bytes: spool, totals, removed_spans: gone, losses } = about.data;
  const lost = Object.entries(losses).filter(([, n]) => n > 0);
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Where</dt>
          <dd>
            <code>{path}</code> <Copy text={() => path} label="Copy" />
          </dd>
        </div>
        <div>
          <dt>On disk</dt>
          <dd>
            {bytes(size)} in the store
            {spool > 0 && `, ${bytes(spool)} recorded and not yet cleared away`}
          </dd>
        </div>
        <div>
          <dt>Holds</dt>
          <dd>
            {plural(totals.sessions, "session")}, {plural(totals.spans, "span")},{" "}
            {count(totals.tokens)} tokens, {money(totals.cost)}
          </dd>
        </div>
        <div>
          <dt>Lost</dt>
          <dd>
            {lost.length === 0 && gone === 0 && "nothing"}
            {lost.map(([cause, n]) => (
              <span key={cause} class="chip bad">
                {whole(n)} {cause.replaceAll("_", " ")}
              </span>
            ))}
            {gone > 0 && (
              <span class="chip bad">{whole(gone)} to keep a spool within its limit</span>
            )}
          </dd>
        </div>
      </dl>
      <DeleteOlder again={again} />
    </>
  );
}

const AGES = [7, 30, 90, 365];
const PAGE = 500;

function DeleteOlder({ again }: { again: () => void }) {
  const [days, setDays] = useState(90);
  const [found, setFound] = useState<{ until: string; sessions: number } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    const until = iso(Math.floor((Date.now() - days * DAY) / 1000) * 1000);
    try {
      const { totals } = await api.get<SessionList>(
        `/sessions?foreign=true&until=${until}&limit=1`,
      );
      setFound({ until, sessions: totals.sessions });
    } catch (error) {
      toast(error instanceof ApiError ? error.message : "The server was not asked.");
    }
    setBusy(false);
  };
  const drop = async (until: string) => {
    setBusy(true);
    try {
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const path: string = `/sessions?foreign=true&until=${until}&limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
        const page: SessionList = await api.get<SessionList>(path);
        ids.push(...page.sessions.map((session) => session.id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      await remove(ids, again);
    } catch (error) {
      toast(error instanceof ApiError ? error.message : "Nothing was deleted.");
    }
    setFound(null);
    setBusy(false);
  };
  const old = found && sessionsRoute({ until: found.until });
  return (
    <div class="older">
      <label>
        Delete what is older than{" "}
        <select
          value={String(days)}
          onChange={(event) => {
            setDays(Number(event.currentTarget.value));
            setFound(null);
          }}
        >
          {AGES.map((days) => (
            <option key={days} value={days}>
              {days === 365 ? "a year" : `${days} days`}
            </option>
          ))}
        </select>
      </label>
      {found === null && (
        <button type="button" disabled={isBusy} onClick={() => void look()}>
          Count
        </button>
      )}
      {found?.sessions === 0 && <span class="quiet">There is nothing so old.</span>}
      {found !== null && old !== null && found.sessions > 0 && (
        <>
          <button
            type="button"
            class="danger"
            disabled={isBusy}
            onClick={() => void drop(found.until)}
          >
            Delete {plural(found.sessions, "session")}
          </button>
          <a href={print(old)} onClick={(event) => follow(event, old)}>
            See them first
          </a>
          <span class="quiet">Can be undone for ten minutes.</span>
        </>
      )}
    </div>
  );
}

const COLUMNS: { head: string; key: keyof Prices }[] = [
  { head: "Input", key: "input" },
  { head: "Cached", key: "cache_read" },
  { head: "Cache write", key: "cache_write" },
  { head: "Output", key: "output" },
];

function PriceTable({ prices }: { prices: PriceList }) {
  const { table, own, newer, used } = prices;
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Table</dt>
          <dd>{table}</dd>
        </div>
        <Place
          name="Your own prices"
          file={own}
          without="not there: no price of yours goes before the table"
        />
        <Place
          name="Newer table"
          file={newer}
          without="not there: the table that is built in counts; agentops prices update fetches a newer one"
        />
      </dl>
      {used.length > 0 && (
        <div class="table-scroll">
          <table class="figures">
            <caption>
              Models that were called, and what a million tokens cost now, in USD. What a call cost
              was settled with the prices of its day.
            </caption>
            <thead>
              <tr>
                <th>Model</th>
                <th class="num">Calls</th>
                <th class="num">Spent</th>
                {COLUMNS.map(({ head }) => (
                  <th key={head} class="num">
                    {head}
                  </th>
                ))}
                <th>Priced as</th>
              </tr>
            </thead>
            <tbody>
              {used.map((model) => (
                <ModelRow key={model.model} used={model} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Place({ name, file, without }: { name: string; file: File | null; without: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {file ? <code>{file.path}</code> : "no place is known for it"}{" "}
        {file && !file.exists && <span class="quiet">{without}</span>}
      </dd>
    </div>
  );
}

function ModelRow({ used }: { used: Used }) {
  const { model, calls, unpriced, usd, quote } = used;
  const target = sessionsRoute({ model });
  return (
    <tr>
      <th scope="row">
        <a href={print(target)} onClick={(event) => follow(event, target)}>
          {model}
        </a>
      </th>
      <td class="num">{count(calls)}</td>
      <td class="num">
        <span class={unpriced > 0 && usd === 0 ? "tone-warn" : undefined}>
          {money({ usd: unpriced > 0 && usd === 0 ? null : usd, partial: unpriced > 0 })}
        </span>
      </td>
      {COLUMNS.map(({ head, key }) => {
        const price = quote?.prices[key];
        return (
          <td key={head} class="num">
            {typeof price === "number" ? price : <span class="quiet">–</span>}
          </td>
        );
      })}
      <td class="quiet">
        {quote ? (
          `${quote.prices.model}, ${quote.price_table}`
        ) : unpriced > 0 ? (
          <span class="tone-warn">
            no price: add it to your own prices, or run agentops prices update
          </span>
        ) : (
          "by its provider"
        )}
      </td>
    </tr>
  );
}
