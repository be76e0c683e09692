/**
 * The time that a page is about: one of a few lengths up to now, or from one moment to another.
 *
 * A length stays a length in the address, so that a link that says "last day" goes on to mean it.
 */

import type { Filters } from "./url";

export const RANGES = ["1h", "24h", "7d", "30d", "90d"] as const;
export type RangeName = (typeof RANGES)[number];

export const RANGE_NAMES: Record<RangeName, string> = {
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
};

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
const MINUTE = 60_000;

const LENGTHS: Record<RangeName, number> = {
  "1h": HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
  "90d": 90 * DAY,
};

/** Milliseconds since the epoch; null where there is no such end. */
export interface Period {
  since: number | null;
  until: number | null;
}

export function period(filters: Filters, now: number): Period {
  const length = lengthOf(filters.range);
  // By the minute, so that asking the same again is the same question.
  if (length !== null) return { since: Math.floor((now - length) / MINUTE) * MINUTE, until: null };
  return { since: moment(filters.since), until: moment(filters.until) };
}

/** Filters as the server knows them: a length of time becomes the moment that it began. */
export function asked(filters: Filters, now: number): URLSearchParams {
  const { range: _, ...others } = filters;
  const query = new URLSearchParams(others as Record<string, string>);
  if (lengthOf(filters.range) === null) return query;
  const { since } = period(filters, now);
  if (since !== null) query.set("since", iso(since));
  query.delete("until");
  return query;
}

/** The same filters about another time. */
export function during(filters: Filters, since: number, until: number): Filters {
  const { range: _, ...others } = filters;
  return { ...others, since: iso(since), until: iso(until) };
}

/** The same filters about the last while, or about all time. */
export function lately(filters: Filters, range: RangeName | null): Filters {
  const { range: _, since: _since, until: _until, ...others } = filters;
  return range === null ? others : { ...others, range };
}

/** How long each bar of a chart over this time is. */
export const interval = (since: number, until: number): "hour" | "day" =>
  until - since > 3 * DAY ? "day" : "hour";

export const iso = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");

function lengthOf(name: string | undefined): number | null {
  return RANGES.some((known) => known === name) ? LENGTHS[name as RangeName] : null;
}

function moment(text: string | undefined): number | null {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : ms;
}
