/** Where a span stands among those of the same name: a mark on the line of all their times, and the slowest of them. */

import { useMemo } from "preact/hooks";

import { duration, percent, plural } from "../../core/format";
import { standing } from "../../core/peers";
import type { SessionModel } from "../session-model";

/** Columns of the histogram. */
const COLUMNS = 40;

export function Peers({ model, at }: { model: SessionModel; at: number }) {
  const { store } = model;
  const version = model.version.value;
  const found = useMemo(() => standing(store, at), [store, at, version]);
  const { sorted, rank } = found;
  if (sorted.length < 2) return null;
  const took = store.end[at] - store.start[at];
  const most = sorted[sorted.length - 1];
  const least = sorted[0];
  // Times of calls lie orders apart: their logarithms are what spreads.
  const low = Math.log(Math.max(least, 0.001));
  const wide = Math.max(1e-9, Math.log(Math.max(most, 0.001)) - low);
  const place = (ms: number) => (Math.log(Math.max(ms, 0.001)) - low) / wide;
  const columns = Array.from({ length: COLUMNS }, () => 0);
  for (const ms of sorted) columns[Math.min(COLUMNS - 1, Math.floor(place(ms) * COLUMNS))]++;
  const tallest = Math.max(...columns);
  const name = store.texts.get(store.name[at]);
  return (
    <section class="peers" aria-label={`Other spans named ${name}`}>
      <h3>
        <span>
          {plural(sorted.length, "span")} named {name}
          {found.errors > 0 && <span class="tone-bad"> · {found.errors} failed</span>}
        </span>
        <span class="quiet">
          <kbd>p</kbd> next
        </span>
      </h3>
      {rank !== null && (
        <p>
          {rank === 1
            ? "The slowest of them."
            : rank === 0
              ? "The fastest of them."
              : `Slower than ${percent(rank)} of the others.`}
        </p>
      )}
      <svg viewBox={`0 0 ${COLUMNS * 4} 30`} preserveAspectRatio="none" aria-hidden="true">
        {columns.map((count, k) => (
          <rect
            key={k}
            x={k * 4}
            width={3}
            y={28 - (count / tallest) * 26}
            height={(count / tallest) * 26}
          />
        ))}
        {!Number.isNaN(took) && (
          <rect
            class="here"
            x={Math.min(0.99, place(took)) * COLUMNS * 4}
            width={1.5}
            y={0}
            height={30}
          />
        )}
      </svg>
      <dl class="percentiles">
        {(
          [
            ["least", least],
            ["p50", found.p50],
            ["p95", found.p95],
            ["p99", found.p99],
            ["most", most],
          ] as const
        ).map(([label, ms]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{duration(ms)}</dd>
          </div>
        ))}
      </dl>
      <ol class="slowest">
        {found.slowest.map((peer) => (
          <li key={store.ids[peer]}>
            <button
              type="button"
              class="link"
              aria-current={peer === at}
              onClick={() => model.select(peer)}
            >
              <span class="num">{duration(store.end[peer] - store.start[peer])}</span>
              <span>at {duration(store.start[peer] - store.from)}</span>
              {store.isError(peer) && <span class="tone-bad">✕ failed</span>}
              {peer === at && <span class="quiet">this one</span>}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
