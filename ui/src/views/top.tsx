/** What a run comes to, before any of its spans: what it is, why it ended as it did, and where the money went. */

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

import {
  clock,
  count,
  duration,
  money,
  parseTime,
  percent,
  plural,
  shortId,
  whole,
} from "../core/format";
import { culprits } from "../core/layout";
import { type Session, outcome } from "../core/model";
import { sessionRoute } from "../core/url";
import { go } from "../router";
import { Copy, Figure, Outcome } from "../ui/primitives";
import { useDraw } from "./draw";
import type { Blame as BlameFacts, ContextGrowth, Insight, Portion, Took } from "../gen/api";
import { palette, prepare } from "./paint";
import type { SessionModel } from "./session-model";
import { useSize } from "./size";

const ENVIRONMENT = ["deployment.environment.name", "deployment.environment", "environment"];

export function Head({ session, model }: { session: Session; model: SessionModel }) {
  const start = parseTime(session.start_time);
  const running = model.isRunning.value;
  const took = session.duration_ms ?? (running ? Math.max(0, model.clock.value - start) : null);
  const quiet = model.quietFor.value;
  const { tokens, attributes, host } = session;
  const said = (names: string[]) =>
    names.map((name) => attributes[name]).find((value) => typeof value === "string");
  const environment = said(ENVIRONMENT);
  const version = said(["service.version"]);
  return (
    <header class="session-head">
      <div class="session-facts">
        <h1 title={session.id}>{session.name}</h1>
        <Outcome session={session} />
        {quiet !== null && (
          <span class="tone-warn" title="Nothing was heard of it since">
            quiet for {duration(Math.floor(quiet / 1000) * 1000)}
          </span>
        )}
        {session.state === "lost" && (
          <span class="tone-warn">
            its process went without a word; the end is the last that was heard
          </span>
        )}
        <Figure value={duration(took)} label="" />
        <Figure
          value={money(session.cost)}
          label=""
          tone={session.cost.partial ? "warn" : "plain"}
          {...(session.cost.unpriced_models.length > 0
            ? { title: `no price for ${session.cost.unpriced_models.join(", ")}` }
            : {})}
        />
        <Figure
          value={count(tokens.total)}
          label={
            tokens.cache_read > 0
              ? `tok (${percent(tokens.cache_read / tokens.input)} cached)`
              : "tok"
          }
          title={`${whole(tokens.input)} in, ${whole(tokens.output)} out`}
        />
        <Figure
          value={whole(session.counts.spans)}
          label={session.counts.spans === 1 ? "span" : "spans"}
        />
        {session.counts.errors > 0 && (
          <Figure value={whole(session.counts.errors)} label="failed" tone="bad" />
        )}
        <span class="quiet" title={session.start_time}>
          {clock(start, Date.now())}
        </span>
        {session.tags.map((tag) => (
          <span key={tag} class="tag">
            #{tag}
          </span>
        ))}
        {environment && <span class="quiet">{environment}</span>}
        {version && <span class="quiet">v{version.replace(/^v/, "")}</span>}
        {host?.hostname && (
          <span class="quiet" title={[host.os, host.sdk].filter(Boolean).join(" · ")}>
            {host.hostname}
          </span>
        )}
      </div>
      <span class="quiet mono" title={session.id}>
        {shortId(session.id)}
      </span>
      <span class="actions">
        <Copy text={() => location.href} label="Link" />
        <a
          class="button"
          href={`/api/v1/export/${encodeURIComponent(session.id)}?format=json`}
          download={`${session.name}-${shortId(session.id)}.json`}
        >
          JSON
        </a>
      </span>
    </header>
  );
}

/** Why it ended as it did, in a sentence, with the way to the span that it is about. */
export function Why({ session, model }: { session: Session; model: SessionModel }) {
  const insight = model.insight.value;
  if (!insight) return <Meanwhile session={session} model={model} />;
  const { verdict } = insight;
  const to = verdict.span_id ?? verdict.within?.span_id ?? null;
  const elsewhere = verdict.session_id !== null && verdict.session_id !== session.id;
  const show = () => {
    if (to === null) return;
    if (elsewhere && verdict.session_id) go({ ...sessionRoute(verdict.session_id), span: to });
    else model.select(model.store.indexOf(to));
  };
  return (
    <section
      class={`why severity-${verdict.severity}`}
      aria-label="Verdict"
      data-lines={lines(session)}
    >
      <p>
        <Ticked text={verdict.text} />{" "}
        {to !== null && (
          <button type="button" class="go" onClick={show}>
            {verdict.span_id ? "go to the failing span" : "go to where it is"} →
          </button>
        )}
      </p>
      {verdict.other_failures > 0 && !verdict.notes.some((note) => note.includes("other fail")) && (
        <p class="quiet">
          {plural(verdict.other_failures, "other failure")} besides; <kbd>e</kbd> goes from one to
          the next
        </p>
      )}
      {verdict.notes.length > 0 && (
        <p class="tone-warn">
          <Ticked text={verdict.notes.join(" ")} />
        </p>
      )}
    </section>
  );
}

/** What the session itself says, until the server has looked at all of it, in the place that its verdict will take. */
function Meanwhile({ session, model }: { session: Session; model: SessionModel }) {
  const failed = outcome(session).tone === "bad";
  const found = failed ? culprits(model.store, model.sums.value.errors) : [];
  return (
    <section
      class={failed ? "why severity-error" : "why"}
      aria-label="Verdict"
      aria-busy="true"
      data-lines={lines(session)}
    >
      <p>
        {session.end_state_reason}{" "}
        {found.length > 0 && (
          <button type="button" class="go" onClick={() => model.select(found[found.length - 1])}>
            go to the failing span →
          </button>
        )}
      </p>
    </section>
  );
}

/** How much room a verdict will want: where more than one thing went wrong, or was lost, it has something to add. */
const lines = ({ counts, cost }: Session): number =>
  counts.errors > 1 || counts.dropped > 0 || cost.partial ? 2 : 1;

/** Names between backticks as code. */
export function Ticked({ text }: { text: string }) {
  return (
    <>{text.split("`").map((part, k) => (k % 2 === 1 ? <code key={k}>{part}</code> : part))}</>
  );
}

const shareOf = (part: Portion): number => part.share ?? 0;

/** Parts that are named; the others are summed. */
const NAMED = 5;

export function Blame({ session, model }: { session: Session; model: SessionModel }) {
  const insight = model.insight.value;
  // Where there is money to tell of, its line is there before what it says.
  if (!insight) return session.cost.usd ? <section class="blame" aria-hidden="true" /> : null;
  const { cost } = insight;
  // A single agent says nothing: then it is the models that are told apart.
  const [what, all] = cost.agents.length > 1 ? ["agent", cost.agents] : ["model", cost.models];
  const priced = all.filter((part) => shareOf(part) > 0);
  const named = priced.slice(0, NAMED);
  const rest = cost.left_out[what === "agent" ? "agents" : "models"] > 0;
  const others =
    priced.length > NAMED || rest
      ? Math.max(0, 1 - named.reduce((sum, part) => sum + shareOf(part), 0))
      : 0;
  const isKnown = cost.cost.usd !== null && priced.length > 0;
  const wasted = waste(cost, insight, model);
  if (!isKnown && wasted.length === 0) return null;
  return (
    <section class="blame" aria-label="Where the money went">
      {isKnown && (
        <>
          <span class="quiet">
            {money(cost.cost)} by {what}
          </span>
          <span class="stack" aria-hidden="true">
            {named.map((part, k) => (
              <span key={part.name} class={`share-${k}`} style={{ flexGrow: shareOf(part) }} />
            ))}
            {others > 0 && <span style={{ flexGrow: others }} />}
          </span>
          {named.map((part, k) => (
            <button
              key={part.name}
              type="button"
              class="link"
              title={`${money(part.cost)}, ${plural(part.calls, "call")}, ${count(part.input)} tokens in, ${count(part.output)} out, ${duration(part.duration_ms)}. Find its spans`}
              onClick={() => model.change({ find: part.name ?? "" }, false)}
            >
              <span class={`dot share-${k}`} aria-hidden="true" />
              {part.name ?? "nobody"} <b>{percent(shareOf(part))}</b>
            </button>
          ))}
          {others > 0 && <span class="quiet">others {percent(others)}</span>}
        </>
      )}
      {wasted.length > 0 && (
        <span class="waste">
          <span class="tone-warn">
            wasted{cost.waste.usd ? ` ${money({ usd: cost.waste.usd })}` : ""}
          </span>
          {wasted}
        </span>
      )}
    </section>
  );
}

/** What it took, the most telling first. */
function took({
  usd,
  tokens,
  duration_ms,
}: Partial<Took> & { usd: number | null; tokens: number }) {
  if (usd) return money({ usd });
  if (tokens > 0) return `${count(tokens)} tok`;
  return duration_ms ? duration(duration_ms) : "";
}

/** Loops that are named; the others are counted. */
const LOOPS = 3;

function waste(
  cost: BlameFacts,
  { loops, loops_left_out }: Insight,
  model: SessionModel,
): ComponentChildren[] {
  const { retried, failed, resent } = cost.waste;
  const said: ComponentChildren[] = [];
  if (retried.calls > 0) said.push(<span key="r">retries {took(retried)}</span>);
  if (failed.calls > 0) said.push(<span key="f">failed calls {took(failed)}</span>);
  if (resent.tokens > 0) {
    said.push(
      <span
        key="s"
        title={`${count(resent.tokens)} tokens that had been sent before, not from the cache`}
      >
        re-sent context {took(resent)}
      </span>,
    );
  }
  for (const loop of loops.slice(0, LOOPS)) {
    said.push(
      <button
        key={loop.span_ids[0]}
        type="button"
        class="link"
        title={`${took(loop.took)} in it and ${took(loop.between)} in between`}
        onClick={() => model.select(model.store.indexOf(loop.span_ids[0]))}
      >
        loop <code>{loop.name}</code> ×{loop.rounds}
      </button>,
    );
  }
  const more = loops.length + loops_left_out - LOOPS;
  if (more > 0) said.push(<span key="l">{plural(more, "other loop")}</span>);
  return said;
}

/** How much each model call had to read: where it grew, was cached, and was made smaller. */
export function ContextStrip({ model }: { model: SessionModel }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSize(canvas);
  const all = model.insight.value?.context ?? [];
  const context = all.reduce<ContextGrowth | null>(
    (most, one) => (most === null || one.peak > most.peak ? one : most),
    null,
  );
  useDraw(() => {
    const pen = canvas.current && prepare(canvas.current);
    if (!pen || !context) return;
    const { context: ink, width, height } = pen;
    const colours = palette(canvas.current!);
    const most = Math.max(1, context.peak);
    const wide = width / context.calls.length;
    const selected = model.selectedId.value;
    for (const [k, call] of context.calls.entries()) {
      const high = (call.input / most) * (height - 1);
      const cached = (call.cache_read / most) * (height - 1);
      const x = k * wide;
      const thick = Math.max(1, wide - (wide > 3 ? 1 : 0));
      ink.fillStyle = call.span_id === selected ? colours.accent : colours.kinds[5];
      ink.fillRect(x, height - high, thick, high);
      ink.fillStyle = colours.bg;
      ink.globalAlpha = 0.5;
      ink.fillRect(x, height - cached, thick, cached);
      ink.globalAlpha = 1;
      if (call.compacted) {
        ink.fillStyle = colours.fg;
        ink.fillRect(x, 0, 1, height);
      }
    }
  });
  if (!model.insight.value) {
    const isExpected = (model.session.value?.counts.llm_calls ?? 0) > 1;
    return isExpected ? <figure class="context" aria-hidden="true" /> : null;
  }
  if (!context || context.calls.length < 2) return null;
  const pick = (event: MouseEvent) => {
    const area = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const k = Math.floor(((event.clientX - area.left) / area.width) * context.calls.length);
    const call = context.calls[Math.max(0, Math.min(context.calls.length - 1, k))];
    model.select(model.store.indexOf(call.span_id));
  };
  const cached = context.cached ? `, ${percent(context.cached)} from cache` : "";
  const about = `Tokens in, by call of ${context.agent ?? "the model"}: up to ${count(context.peak)}${cached}`;
  return (
    <figure class="context" title={`${about}. A click selects the call`}>
      <figcaption>
        context <b>{count(context.peak)}</b>
      </figcaption>
      {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the same calls are rows below */}
      <canvas ref={canvas} role="img" aria-label={about} onClick={pick} />
    </figure>
  );
}
