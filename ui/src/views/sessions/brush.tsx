/** When sessions started: bars over time, to drag over. What is dragged over becomes the time that the list is about. */

import { useEffect, useRef, useState } from "preact/hooks";

import { parseTime, percent, whole } from "../../core/format";
import type { Histogram } from "../../gen/api";
import { api } from "../../ui/ask";
import { isAborted } from "../../core/api";
import { sized } from "../charts/sized";
import { timeLabel, timeTicks } from "../charts/scale";

const BARS = 120;
const HEIGHT = 34;
/** As wide as a label of the axis may be. */
const LABEL = 80;

/** How often bars of what changes are asked for anew: they move far less than rows do. */
const REFRESH_MS = 5_000;

/** What the bars are of; asked for anew once `round` has changed, and drawn over what was there before. */
export function useHistogram(query: string, round: number): Histogram | null {
  const [histogram, setHistogram] = useState<Histogram | null>(null);
  const asked = useRef({ query: "", at: 0 });
  useEffect(() => {
    const stop = new AbortController();
    const ask = () => {
      asked.current = { query, at: Date.now() };
      api
        .get<Histogram>(`/histogram?${query}&parts=${BARS}`, stop.signal)
        .then(setHistogram, (error: unknown) => {
          // The list says what is wrong; without bars it is as good a list.
          if (!isAborted(error)) setHistogram(null);
        });
    };
    const wait = asked.current.query === query ? asked.current.at + REFRESH_MS - Date.now() : 0;
    const timer = setTimeout(ask, Math.max(0, wait));
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [query, round]);
  return histogram;
}

/** Whether there is a stretch of time to choose from. */
export const isSpread = ({ parts, step_ms: step }: Histogram): boolean =>
  parts.length > 0 && step * parts.length > 1000;

export function Brush({
  histogram,
  choose,
}: {
  histogram: Histogram;
  choose: (since: number, until: number) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const width = sized(place);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const { parts, step_ms: step } = histogram;
  const since = histogram.since === null ? 0 : parseTime(histogram.since);
  const until = since + step * parts.length;
  const most = Math.max(1, ...parts.map((part) => part.sessions));
  const bar = width / parts.length;
  const at = (event: PointerEvent) => {
    const box = place.current?.getBoundingClientRect();
    const share = box ? (event.clientX - box.left) / box.width : 0;
    return Math.max(0, Math.min(parts.length - 1, Math.floor(share * parts.length)));
  };
  const chosen = drag && { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) };
  const end = (range: { from: number; to: number } | null) => {
    setDrag(null);
    if (range) choose(since + range.from * step, since + (range.to + 1) * step);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by !== 0) {
      event.preventDefault();
      const next = Math.max(0, Math.min(parts.length - 1, (over ?? -1) + by));
      setOver(next);
      setDrag(event.shiftKey ? { from: drag?.from ?? over ?? next, to: next } : null);
    } else if (event.key === "Enter" && over !== null) {
      event.preventDefault();
      end(chosen ?? { from: over, to: over });
    } else if (event.key === "Escape") {
      setDrag(null);
      setOver(null);
    }
  };
  const told = chosen ?? (over === null ? null : { from: over, to: over });
  const ticks = timeTicks(since, until, Math.max(2, Math.floor(width / 110)));
  return (
    <div class="when">
      <div
        ref={place}
        class="when-bars"
        role="slider"
        tabIndex={0}
        aria-label="Time: arrows move, with Shift they extend, Enter shows only that time"
        aria-valuemin={0}
        aria-valuemax={parts.length - 1}
        aria-valuenow={over ?? 0}
        aria-valuetext={told ? says(histogram, since, told) : "all"}
        onKeyDown={onKeyDown}
        onBlur={() => (setOver(null), setDrag(null))}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: at(event), to: at(event) });
        }}
        onPointerMove={(event) => {
          setOver(at(event));
          if (drag && event.buttons === 1) setDrag({ ...drag, to: at(event) });
        }}
        onPointerUp={() => drag && end(chosen)}
        onPointerCancel={() => setDrag(null)}
        onPointerLeave={() => !drag && setOver(null)}
      >
        <svg width={width} height={HEIGHT} aria-hidden="true">
          {told && (
            <rect
              class={chosen ? "when-chosen" : "when-over"}
              x={told.from * bar}
              width={(told.to - told.from + 1) * bar}
              height={HEIGHT}
            />
          )}
          {parts.map(({ sessions, failed }, index) => {
            if (sessions === 0) return null;
            // However few they are among many, they can be seen.
            const tall = Math.max(2, (sessions / most) * (HEIGHT - 2));
            const bad = failed === 0 ? 0 : Math.max(2, (failed / sessions) * tall);
            const wide = Math.max(1, bar - 1);
            return (
              <g key={index}>
                <rect class="bar" x={index * bar} y={HEIGHT - tall} width={wide} height={tall} />
                {bad > 0 && (
                  <rect
                    class="bar bad"
                    x={index * bar}
                    y={HEIGHT - bad}
                    width={wide}
                    height={bad}
                  />
                )}
              </g>
            );
          })}
        </svg>
        {told && (
          <output
            class="tip"
            style={{ left: `${Math.min(width - 260, Math.max(0, told.from * bar))}px` }}
          >
            {says(histogram, since, told)}
          </output>
        )}
      </div>
      <div class="when-ticks" aria-hidden="true">
        {ticks.map(({ at, step }) => (
          <span
            key={at}
            // Near the end a label stands before its tick, where it has room.
            class={width * (1 - (at - since) / (until - since)) < LABEL ? "before" : undefined}
            style={{ left: `${((at - since) / (until - since)) * 100}%` }}
          >
            {timeLabel(at, step)}
          </span>
        ))}
      </div>
    </div>
  );
}

function says(
  { parts, step_ms: step }: Histogram,
  since: number,
  { from, to }: { from: number; to: number },
): string {
  const within = parts.slice(from, to + 1);
  const sessions = within.reduce((sum, part) => sum + part.sessions, 0);
  const failed = within.reduce((sum, part) => sum + part.failed, 0);
  const begin = since + from * step;
  const end = since + (to + 1) * step;
  const share = failed > 0 ? `, ${whole(failed)} failed (${percent(failed / sessions)})` : "";
  const fine = Math.min(step, 60_000);
  return `${timeLabel(begin, fine, true)} – ${timeLabel(end, fine, true)}: ${whole(sessions)} ${sessions === 1 ? "session" : "sessions"}${share}`;
}
