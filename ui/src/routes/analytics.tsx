/** What all runs together cost and took, over time and by whatever they can be told apart by. Each figure leads to them. */

import { type Signal, useSignal } from "@preact/signals";
import { useMemo, useRef, useState } from "preact/hooks";

import { count, duration, money, parseTime, percent, plural, whole } from "../core/format";
import { DAY, during, interval, iso, period } from "../core/period";
import {
  type AnalyticsRoute,
  type Filter,
  type Filters,
  GROUPS,
  type Group,
  type Route,
  print,
  sessionsRoute,
} from "../core/url";
import type { Metrics, Point } from "../gen/api";
import { follow, go } from "../router";
import { useAnswer } from "../ui/ask";
import { Failure, Figure, Tabs } from "../ui/primitives";
import { useRefresh } from "../ui/refresh";
import { Chart, type Series, Sparkline } from "../views/charts/chart";
import {
  type Line,
  type Step,
  begin,
  folded,
  lines,
  percentile,
  rate,
  spoken,
  steps,
  tokensOf,
  uncached,
} from "../views/charts/series";
import { Times } from "../views/sessions/filters";

import "../styles/charts.css";

const USUAL = "30d";
/** Where nothing is older than this, days say too little. */
const YOUNG = "24h";
/** How many groups have a colour of their own. */
const COLOURS = 6;
/** How often sums of a server that takes things in are asked for again. */
const REFRESH_MS = 5_000;

const NAMES: Record<Group, { tab: string; one: string; counted: string; filter: Filter | null }> = {
  all: { tab: "All", one: "Kind of span", counted: "Count", filter: null },
  model: { tab: "By model", one: "Model", counted: "Calls", filter: "model" },
  agent: { tab: "By agent", one: "Agent", counted: "Agent runs", filter: "agent" },
  tool: { tab: "By tool", one: "Tool", counted: "Tool calls", filter: "tool" },
  tag: { tab: "By tag", one: "Tag", counted: "Sessions", filter: "tag" },
  environment: {
    tab: "By environment",
    one: "Environment",
    counted: "Sessions",
    filter: "environment",
  },
  version: { tab: "By version", one: "Version", counted: "Sessions", filter: "version" },
};

export function Analytics({ route }: { route: AnalyticsRoute }) {
  const { by } = route;
  const isUsual = !route.filters.range && !route.filters.since && !route.filters.until;
  const [isYoung, setYoung] = useState(false);
  const range = isYoung ? YOUNG : USUAL;
  const filters = isUsual ? { ...route.filters, range } : route.filters;
  const query = useMemo(() => {
    const now = Date.now();
    const { since, until } = period(filters, now);
    const step = interval(since ?? 0, until ?? now);
    const query = new URLSearchParams({ group_by: by === "all" ? "kind" : by });
    // From where a step begins, of which the server would tell nothing else.
    if (since !== null) query.set("since", iso(begin(since, step)));
    if (until !== null) query.set("until", iso(until));
    if (filters.project) query.set("project", filters.project);
    return { text: query.toString(), by: step };
  }, [route, range]);
  const overTime = useAnswer<Metrics>(`/metrics?${query.text}&interval=${query.by}`);
  const inAll = useAnswer<Metrics>(`/metrics?${query.text}&interval=all`);
  const again = () => {
    overTime.again();
    inAll.again();
  };
  useRefresh(again, REFRESH_MS);
  const points = overTime.answer?.points ?? [];
  const day = begin(Date.now() - DAY, "day");
  if (isUsual && !isYoung && points.length > 0) {
    if (points.every((point) => parseTime(point.time) > day)) setYoung(true);
  }
  const cursor = useSignal<number | null>(null);
  const error = overTime.error ?? inAll.error;
  // Both of one question, so that no figure is of another time than the one beside it.
  const isWhole =
    overTime.answer?.group_by === inAll.answer?.group_by && !overTime.isStale && !inAll.isStale;
  const last = useRef<{ time: Step[]; lines: Line[]; by: Group } | null>(null);
  const shown = useMemo(() => {
    if (!overTime.answer || !inAll.answer || !isWhole) return last.current;
    const { since, until, points } = overTime.answer;
    const time = steps(parseTime(since), parseTime(until), query.by);
    const found = lines(points, inAll.answer.points, time, (point) => point.cost.usd);
    last.current = { time, lines: found, by };
    return last.current;
  }, [overTime.answer, inAll.answer, isWhole]);

  const to = (step: Step, more: Filters = {}): Route =>
    sessionsRoute({ ...during(filters, step.from, step.to), ...more });
  const inTime = (more: Filters): Route => sessionsRoute({ ...filters, ...more });
  return (
    <main class="page analytics">
      <h1 class="unseen">Analytics</h1>
      <div class="controls">
        <Tabs
          label="Told apart by"
          tabs={GROUPS.map((id) => ({ id, text: NAMES[id].tab }))}
          chosen={by}
          choose={(by) => go({ ...route, by })}
        />
        <span class="spring" />
        <Times
          filters={filters}
          usual="Last 30 days"
          choose={(filters) => go({ ...route, filters })}
        />
      </div>
      {error !== null && <Failure error={error} retry={again} />}
      {!shown && error === null && <div class="skeleton-rows" role="status" aria-label="Loading" />}
      {shown && shown.lines.length === 0 && <Nothing by={by} />}
      {shown && shown.lines.length > 0 && (
        <div aria-busy={!isWhole}>
          {shown.by === "all" ? (
            <All lines={shown.lines} time={shown.time} to={to} cursor={cursor} />
          ) : (
            <Grouped by={shown.by} lines={shown.lines} time={shown.time} to={to} cursor={cursor} />
          )}
          <Groups by={shown.by} lines={shown.lines} inTime={inTime} />
        </div>
      )}
    </main>
  );
}

interface ChartsProps {
  lines: readonly Line[];
  time: readonly Step[];
  to: (step: Step, more?: Filters) => Route;
  cursor: Signal<number | null>;
}

const dollars = (value: number) =>
  Number.isInteger(value) && value < 1e6 ? `$${whole(value)}` : money({ usd: value });
const share = (value: number) => percent(value);

/** Everything, without telling it apart: spans by their kind, of which each figure takes those that it is about. */
function All({ lines, time, to, cursor }: ChartsProps) {
  const of = (kind: string) => lines.find((line) => line.name === kind);
  const sum = (value: (point: Point) => number) =>
    lines.reduce((sum, line) => sum + value(line.all), 0);
  const over = (value: (point: Point) => number) =>
    time.map((_, at) =>
      lines.reduce((sum, line) => sum + (line.points[at] ? value(line.points[at]) : 0), 0),
    );
  const runs = of("SESSION");
  const calls = of("LLM");
  const tools = of("TOOL");
  const failures = [
    { name: "sessions", line: runs, colour: "bad" },
    { name: "models", line: calls, colour: "series-1" },
    { name: "tools", line: tools, colour: "series-3" },
  ];
  const unpriced = sum((point) => point.cost.unpriced);
  const failed = (step: Step) => to(step, { end_state: "Error" });
  const shared = { time, to, cursor };
  return (
    <>
      <p class="totals">
        <Figure value={whole(runs?.all.count ?? 0)} label="sessions that ended" />
        <Figure
          value={money({ usd: sum((point) => point.cost.usd), partial: unpriced > 0 })}
          label={unpriced > 0 ? `spent; ${plural(unpriced, "call")} without a price` : "spent"}
        />
        <Figure value={count(sum(tokensOf))} label="tokens" />
        <Figure
          value={percent(
            sum((point) => point.tokens.cache_read) / sum((point) => point.tokens.input),
          )}
          label="of input from the cache"
        />
        <Figure
          value={percent(rate(runs?.all.errors ?? 0, runs?.all.count ?? 0) ?? Number.NaN)}
          label="failed"
          tone={runs && runs.all.errors > 0 ? "bad" : "plain"}
        />
        <Figure value={duration(runs?.all.latency_ms?.p50)} label="p50 of a session" />
        <Figure value={duration(runs?.all.latency_ms?.p95)} label="p95" />
      </p>
      <div class="charts">
        <Chart
          {...shared}
          title="Cost"
          sum={money({ usd: sum((point) => point.cost.usd), partial: unpriced > 0 })}
          kind="bars"
          format={dollars}
          series={[{ name: "cost", values: over((point) => point.cost.usd), colour: "series-1" }]}
        />
        <Chart
          {...shared}
          title="Tokens"
          sum={count(sum(tokensOf))}
          kind="bars"
          format={count}
          series={[
            { name: "input", values: over(uncached), colour: "series-1" },
            {
              name: "cached",
              values: over((point) => point.tokens.cache_read),
              colour: "series-rest",
            },
            { name: "output", values: over(spoken), colour: "series-2" },
            {
              name: "reasoning",
              values: over((point) => point.tokens.reasoning),
              colour: "series-4",
            },
          ]}
        />
        <Chart
          {...shared}
          title="Sessions"
          sum={whole(runs?.all.count ?? 0)}
          kind="bars"
          isWhole
          format={count}
          series={[
            {
              name: "failed",
              values: values(runs, time, (point) => point.errors),
              colour: "bad",
              to: failed,
            },
            {
              name: "others",
              values: values(runs, time, (point) => point.count - point.errors),
              colour: "bar",
            },
          ]}
        />
        <Chart
          {...shared}
          title="Share that failed"
          sum={percent(rate(runs?.all.errors ?? 0, runs?.all.count ?? 0) ?? Number.NaN)}
          kind="lines"
          format={share}
          series={failures.map(({ name, line, colour }) => ({
            name,
            colour,
            values: errorRates(line, time),
            to: name === "sessions" ? failed : undefined,
          }))}
        />
        <Chart
          {...shared}
          title="Time of a session"
          kind="lines"
          format={duration}
          series={percentiles(runs, time, "latency_ms")}
        />
        <Chart
          {...shared}
          title="Time to the first token"
          kind="lines"
          format={duration}
          series={percentiles(calls, time, "time_to_first_token_ms")}
        />
      </div>
    </>
  );
}

/** The same figures, told apart. */
function Grouped({ by, lines, time, to, cursor }: ChartsProps & { by: Group }) {
  const { counted, filter } = NAMES[by];
  const shared = { time, to, cursor };
  // A group has one colour, whatever is told of it.
  const colours = new Map(
    lines.slice(0, COLOURS).map((line, index) => [line.name, `series-${index + 1}`]),
  );
  const lead = (name: string) =>
    filter ? (step: Step) => to(step, { [filter]: name }) : undefined;
  const bars = (value: (point: Point) => number): Series[] =>
    folded(lines, COLOURS, value).map(({ name, values, isRest }) => ({
      name,
      values,
      colour: isRest ? "series-rest" : (colours.get(name) ?? "series-rest"),
      to: isRest ? undefined : lead(name),
    }));
  const each = (values: (line: Line) => (number | null)[]): Series[] =>
    lines.slice(0, COLOURS).map((line) => ({
      name: line.name,
      values: values(line),
      colour: colours.get(line.name) ?? "series-rest",
      to: lead(line.name),
    }));
  const left = lines.length > COLOURS ? `${COLOURS} of ${lines.length}` : undefined;
  const hasFirst = lines.some((line) => line.all.time_to_first_token_ms !== null);
  // Tools have no tokens, and most cost nothing.
  const has = (value: (point: Point) => number) => lines.some((line) => value(line.all) > 0);
  return (
    <>
      {by === "tag" && (
        <p class="quiet note">A session with several tags counts in each of them.</p>
      )}
      <div class="charts">
        {has((point) => point.cost.usd) && (
          <Chart
            {...shared}
            title="Cost"
            kind="bars"
            format={dollars}
            series={bars((point) => point.cost.usd)}
          />
        )}
        {has(tokensOf) && (
          <Chart {...shared} title="Tokens" kind="bars" format={count} series={bars(tokensOf)} />
        )}
        <Chart
          {...shared}
          title={counted}
          kind="bars"
          isWhole
          format={count}
          series={bars((point) => point.count)}
        />
        <Chart
          {...shared}
          title="Share that failed"
          note={left}
          kind="lines"
          format={share}
          series={each((line) => errorRates(line, time))}
        />
        <Chart
          {...shared}
          title="Time, p95"
          note={left}
          kind="lines"
          format={duration}
          series={each((line) => line.points.map(percentile("latency_ms", "p95")))}
        />
        {hasFirst && (
          <Chart
            {...shared}
            title="Time to the first token, p50"
            note={left}
            kind="lines"
            format={duration}
            series={each((line) => line.points.map(percentile("time_to_first_token_ms", "p50")))}
          />
        )}
      </div>
    </>
  );
}

const KIND_NAMES: Record<string, string> = {
  SESSION: "sessions",
  AGENT: "agents",
  WORKFLOW: "workflows",
  OPERATION: "operations",
  TASK: "tasks",
  LLM: "model calls",
  TOOL: "tools",
  GUARDRAIL: "guardrails",
  CHAIN: "chains",
  HTTP: "HTTP requests",
  UNKNOWN: "others",
};

/** All groups, each with its sums: the charts in figures. */
function Groups({
  by,
  lines,
  inTime,
}: {
  by: Group;
  lines: readonly Line[];
  inTime: (more: Filters) => Route;
}) {
  const { counted, filter } = NAMES[by];
  const all = lines.reduce((sum, line) => sum + line.all.cost.usd, 0);
  const hasCost = lines.some(({ all: { cost } }) => cost.usd > 0 || cost.unpriced > 0);
  const hasTokens = lines.some((line) => tokensOf(line.all) > 0);
  const hasFirst = lines.some((line) => line.all.time_to_first_token_ms !== null);
  return (
    <div class="table-scroll">
      <table class="figures groups">
        <caption class="unseen">Sums of all groups</caption>
        <thead>
          <tr>
            <th>{NAMES[by].one}</th>
            {hasCost && (
              <>
                <th class="num">Cost</th>
                <th>Share</th>
              </>
            )}
            <th>{hasCost ? "Cost over time" : "Over time"}</th>
            <th class="num">{counted}</th>
            <th class="num">Failed</th>
            {hasTokens && (
              <>
                <th class="num">Input</th>
                <th class="num">Cached</th>
                <th class="num">Output</th>
                <th class="num">Reasoning</th>
              </>
            )}
            <th class="num">p50</th>
            <th class="num">p95</th>
            <th class="num">p99</th>
            {hasFirst && <th class="num">First token</th>}
          </tr>
        </thead>
        <tbody>
          {lines.map(({ name, all: point, points }) => {
            const { tokens, cost, latency_ms: latency } = point;
            const target = inTime(filter ? { [filter]: name } : {});
            const bad = rate(point.errors, point.count);
            return (
              <tr key={name}>
                <th scope="row">
                  <a href={print(target)} onClick={(event) => follow(event, target)}>
                    {by === "all" ? (KIND_NAMES[name] ?? name) : name}
                  </a>
                </th>
                {hasCost && (
                  <>
                    <td
                      class="num"
                      title={
                        cost.unpriced > 0
                          ? `${whole(cost.unpriced)} calls have no known price`
                          : undefined
                      }
                    >
                      {cost.usd === 0 && cost.unpriced === 0 ? (
                        <span class="quiet">–</span>
                      ) : (
                        <span class={cost.usd === 0 ? "tone-warn" : undefined}>
                          {money({
                            usd: cost.usd === 0 && cost.unpriced > 0 ? null : cost.usd,
                            partial: cost.unpriced > 0,
                          })}
                        </span>
                      )}
                    </td>
                    <td>{all > 0 && cost.usd > 0 && <Share value={cost.usd / all} />}</td>
                  </>
                )}
                <td>
                  <Sparkline
                    values={points.map((point) => (hasCost ? point?.cost.usd : point?.count) ?? 0)}
                    colour="series-1"
                    label={`${hasCost ? "Cost" : counted} of ${name} over time`}
                  />
                </td>
                <td class="num">{count(point.count)}</td>
                <td class={point.errors > 0 ? "num tone-bad" : "num quiet"}>
                  {point.errors > 0 ? `${count(point.errors)} (${percent(bad ?? 0)})` : "–"}
                </td>
                {hasTokens && (
                  <>
                    <td class="num">{figure(tokens.input)}</td>
                    <td class="num">
                      {tokens.input > 0 ? percent(tokens.cache_read / tokens.input) : figure(0)}
                    </td>
                    <td class="num">{figure(tokens.output)}</td>
                    <td class="num">{figure(tokens.reasoning)}</td>
                  </>
                )}
                <td class="num">{duration(latency?.p50)}</td>
                <td class="num">{duration(latency?.p95)}</td>
                <td class="num">{duration(latency?.p99)}</td>
                {hasFirst && <td class="num">{duration(point.time_to_first_token_ms?.p50)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const figure = (value: number) =>
  value > 0 ? <span title={whole(value)}>{count(value)}</span> : <span class="quiet">–</span>;

function Share({ value }: { value: number }) {
  return (
    <span class="share">
      <span style={{ width: `${(100 * value).toFixed(1)}%` }} />
      <b>{percent(value)}</b>
    </span>
  );
}

function Nothing({ by }: { by: Group }) {
  return (
    <section class="empty">
      <h2>Nothing in this time</h2>
      <p class="quiet">
        {by === "environment"
          ? "Sessions say where they ran by their attribute “environment”, or “deployment.environment.name”."
          : "Choose a longer time, or look at another grouping."}
      </p>
    </section>
  );
}

const values = (
  line: Line | undefined,
  time: readonly Step[],
  value: (point: Point) => number,
): (number | null)[] =>
  time.map((_, at) => {
    const point = line?.points[at];
    return point ? value(point) : 0;
  });

const errorRates = (line: Line | undefined, time: readonly Step[]): (number | null)[] =>
  time.map((_, at) => {
    const point = line?.points[at];
    return point ? rate(point.errors, point.count) : null;
  });

function percentiles(
  line: Line | undefined,
  time: readonly Step[],
  of: "latency_ms" | "time_to_first_token_ms",
): Series[] {
  const colours = { p50: "series-3", p95: "series-1", p99: "series-4" };
  return (["p50", "p95", "p99"] as const).map((which) => ({
    name: which,
    colour: colours[which],
    values: line ? line.points.map(percentile(of, which)) : time.map(() => null),
  }));
}
