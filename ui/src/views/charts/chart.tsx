/**
 * One figure over time, as bars upon bars or as lines. What is under the pointer is said in words, arrows do the same, and
 * each place leads to the sessions behind it. Below it is the same as a table.
 */

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

import { type Route, print } from "../../core/url";
import { follow, go } from "../../router";
import { linePath, niceTicks, stacked, stepLabel, timeLabel, timeTicks, under } from "./scale";
import type { Step } from "./series";
import { sized } from "./sized";

export interface Series {
  name: string;
  values: readonly (number | null)[];
  /** A variable of the style sheet. */
  colour: string;
  /** Where it leads; without it, to the time alone. */
  to?: ((step: Step) => Route) | undefined;
}

interface Props {
  title: string;
  /** What it comes to, where that can be said. */
  sum?: ComponentChildren;
  kind: "bars" | "lines";
  series: readonly Series[];
  time: readonly Step[];
  format: (value: number) => string;
  /** Where only whole numbers make sense. */
  isWhole?: boolean;
  /** The sessions of a time. */
  to: (step: Step) => Route;
  /** The place that all charts of a page point at. */
  cursor: Signal<number | null>;
  note?: string | undefined;
}

const HEIGHT = 168;
const LEFT = 60;
const TOP = 8;
const BOTTOM = 20;

export function Chart(props: Props) {
  const { title, sum, kind, series, time, format, to, cursor, note } = props;
  const place = useRef<HTMLDivElement>(null);
  const width = sized(place, 480);
  const isHere = useSignal(false);
  const some = series.some(({ values }) => values.some((value) => value !== null && value !== 0));
  const known = series.some(({ values }) => values.some((value) => value !== null));
  const isEmpty = kind === "bars" ? !some : !known;

  const stacks = kind === "bars" ? stacked(series.map(({ values }) => values)) : [];
  const most =
    kind === "bars"
      ? Math.max(0, ...(stacks.at(-1) ?? []).map(([, to]) => to))
      : Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const ticks = niceTicks(most, 4, props.isWhole);
  const high = ticks.at(-1) ?? 1;
  const inner = Math.max(1, width - LEFT - 4);
  const bar = inner / Math.max(1, time.length);
  const y = (value: number) => TOP + (1 - value / high) * (HEIGHT - TOP - BOTTOM);
  const x = (at: number) => LEFT + (at + 0.5) * bar;
  const since = time[0]?.from ?? 0;
  const until = time.at(-1)?.to ?? 1;
  const labels = timeTicks(since, until, Math.max(2, Math.floor(inner / 84)));
  const wide = bar > 3 ? bar - Math.min(3, bar * 0.25) : bar;

  const at = cursor.value;
  const step = at === null ? undefined : time[at];
  const move = (event: PointerEvent) => {
    const box = place.current?.getBoundingClientRect();
    if (!box) return;
    const found = Math.floor((event.clientX - box.left - LEFT) / bar);
    cursor.value = found >= 0 && found < time.length ? found : null;
  };
  /** To what is under the pointer: the part of a bar, or the line that is nearest. */
  const leads = (step: Step, event: MouseEvent): Route => {
    const box = place.current?.getBoundingClientRect();
    const found = under(
      kind === "bars" ? stacks.map((stack) => stack[at ?? 0]) : null,
      series.map(({ values }) => values[at ?? 0] ?? null),
      high * (1 - (event.clientY - (box?.top ?? 0) - TOP) / (HEIGHT - TOP - BOTTOM)),
    );
    return series[found ?? -1]?.to?.(step) ?? to(step);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = time.length - 1;
    const next = {
      ArrowRight: (at ?? -1) + 1,
      ArrowLeft: (at ?? time.length) - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      cursor.value = Math.max(0, Math.min(last, next));
    } else if (event.key === "Enter" && step) {
      event.preventDefault();
      go(to(step));
    } else if (event.key === "Escape") cursor.value = null;
  };
  const leave = () => {
    isHere.value = false;
    cursor.value = null;
  };
  const says = step
    ? `${stepLabel(step)}: ${series
        .map(({ name, values }) => `${name} ${told(values[at ?? 0], format)}`)
        .join(", ")}`
    : `${title}: arrows move through time, Enter shows the sessions`;

  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        {sum !== undefined && <b>{sum}</b>}
        {note && <span class="quiet">{note}</span>}
        <span class="spring" />
        {series.length > 1 && (
          <ul class="legend">
            {series.map(({ name, colour }) => (
              <li key={name}>
                <i style={{ background: `var(--${colour})` }} />
                {name}
              </li>
            ))}
          </ul>
        )}
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="slider"
        tabIndex={isEmpty ? -1 : 0}
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, time.length - 1)}
        aria-valuenow={at ?? 0}
        aria-valuetext={says}
        onKeyDown={onKeyDown}
        onFocus={() => (isHere.value = true)}
        onBlur={leave}
        onPointerEnter={() => (isHere.value = true)}
        onPointerMove={move}
        onPointerLeave={leave}
        onClick={(event) => step && !isEmpty && go(leads(step, event))}
      >
        <svg width={width} height={HEIGHT} aria-hidden="true">
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="grid" x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
              {!isEmpty && (
                <text x={LEFT - 6} y={y(tick) + 3.5} text-anchor="end">
                  {format(tick)}
                </text>
              )}
            </g>
          ))}
          {labels.map(({ at, step }) => {
            const left = LEFT + ((at - since) / (until - since)) * inner;
            return (
              <g key={at}>
                <line class="notch" x1={left} x2={left} y1={y(0)} y2={y(0) + 4} />
                {left < width - 36 && (
                  <text x={left + 3} y={HEIGHT - 5}>
                    {timeLabel(at, step)}
                  </text>
                )}
              </g>
            );
          })}
          {step && !isEmpty && (
            <rect
              class="chart-over"
              x={LEFT + (at ?? 0) * bar}
              y={TOP}
              width={bar}
              height={HEIGHT - TOP - BOTTOM}
            />
          )}
          {kind === "bars"
            ? series.map(({ name, colour }, index) => (
                <g key={name} fill={`var(--${colour})`}>
                  {stacks[index].map(([from, to], place) =>
                    to > from ? (
                      <rect
                        key={time[place].from}
                        x={LEFT + place * bar + (bar - wide) / 2}
                        y={y(to)}
                        width={wide}
                        height={Math.max(0.75, y(from) - y(to))}
                      />
                    ) : null,
                  )}
                </g>
              ))
            : series.map(({ name, colour, values }) => (
                <g key={name} style={{ color: `var(--${colour})` }}>
                  <path class="line" d={linePath(values, x, y)} />
                  {values.map((value, place) =>
                    value !== null && (isAlone(values, place) || place === at) ? (
                      <circle key={time[place].from} cx={x(place)} cy={y(value)} r={2.5} />
                    ) : null,
                  )}
                </g>
              ))}
        </svg>
        {isEmpty && <p class="chart-nothing quiet">Nothing in this time</p>}
        {step && isHere.value && !isEmpty && (
          <Tip
            step={step}
            at={at ?? 0}
            series={series}
            format={format}
            isStacked={kind === "bars"}
            left={x(at ?? 0)}
            width={width}
          />
        )}
      </div>
      {!isEmpty && <Table {...props} />}
    </figure>
  );
}

function Tip({
  step,
  at,
  series,
  format,
  isStacked,
  left,
  width,
}: {
  step: Step;
  at: number;
  series: readonly Series[];
  format: (value: number) => string;
  isStacked: boolean;
  left: number;
  width: number;
}) {
  const rows = series
    .map(({ name, colour, values }) => ({ name, colour, value: values[at] ?? null }))
    .filter(({ value }) => value !== null && (value !== 0 || series.length < 5));
  const sum = rows.reduce((sum, { value }) => sum + (value ?? 0), 0);
  const side = left > width / 2 ? { right: `${width - left + 12}px` } : { left: `${left + 12}px` };
  return (
    <div class="tip chart-tip" style={side}>
      <p>{stepLabel(step)}</p>
      <table>
        <tbody>
          {rows.map(({ name, colour, value }) => (
            <tr key={name}>
              <th>
                <i style={{ background: `var(--${colour})` }} />
                {name}
              </th>
              <td>{told(value, format)}</td>
            </tr>
          ))}
          {rows.length === 0 && (
            <tr>
              <th class="quiet">nothing</th>
            </tr>
          )}
          {isStacked && rows.length > 1 && (
            <tr class="sum">
              <th>Σ</th>
              <td>{format(sum)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** The same in figures, the newest first. */
function Table({ title, series, time, format, to }: Props) {
  const isOpen = useSignal(false);
  const places = time
    .map((step, at) => ({ step, at }))
    .filter(({ at }) => series.some(({ values }) => values[at]))
    .toReversed();
  return (
    <details class="chart-table" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>
        Table<span class="unseen"> of {title}</span>
      </summary>
      {isOpen.value && (
        <div class="table-scroll">
          <table class="figures">
            <thead>
              <tr>
                <th>Time</th>
                {series.map(({ name }) => (
                  <th key={name} class="num">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {places.map(({ step, at }) => {
                const target = to(step);
                return (
                  <tr key={step.from}>
                    <td>
                      <a href={print(target)} onClick={(event) => follow(event, target)}>
                        {stepLabel(step)}
                      </a>
                    </td>
                    {series.map(({ name, values, to }) => {
                      const text = told(values[at], format);
                      const there = to?.(step);
                      return (
                        <td key={name} class="num">
                          {there && values[at] ? (
                            <a href={print(there)} onClick={(event) => follow(event, there)}>
                              {text}
                            </a>
                          ) : (
                            text
                          )}
                        </td>
                      );
                    })}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

/** How something went, in the space of a word. */
export function Sparkline({
  values,
  colour,
  label,
}: {
  values: readonly number[];
  colour: string;
  label: string;
}) {
  const most = Math.max(...values, 0);
  const bar = 96 / Math.max(1, values.length);
  return (
    <svg class="spark" width={96} height={20} role="img" aria-label={label}>
      <line class="grid" x1={0} x2={96} y1={19.5} y2={19.5} />
      {values.map((value, at) => {
        if (!(value > 0)) return null;
        const tall = Math.max(1.5, (value / most) * 18);
        return (
          <rect
            // Its place is all that tells it from others.
            key={at}
            x={at * bar}
            y={20 - tall}
            width={Math.max(1, bar - 1)}
            height={tall}
            fill={`var(--${colour})`}
          />
        );
      })}
    </svg>
  );
}

const told = (value: number | null | undefined, format: (value: number) => string): string =>
  value === null || value === undefined ? "—" : format(value);

/** A point that no line goes through, so that it would not be seen. */
const isAlone = (values: readonly (number | null)[], at: number): boolean =>
  (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
