/**
 * Figures as people read them. Every figure on a page comes through here, so that the same looks the same everywhere.
 *
 * What is not known is said so, and is never zero. Knows no language but English.
 */

const UNKNOWN = "—";

/** Milliseconds, in at most three digits: `820 µs`, `12.4 ms`, `1.84 s`, `2 m 05 s`, `3 h 04 m`, `2 d 03 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return UNKNOWN;
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms === 0) return "0 s";
  if (ms < 0.9995) return digits(ms * 1000, "µs");
  if (ms < 999.5) return digits(ms, "ms");
  if (ms < 59_950) return digits(ms / 1000, "s");
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return two(seconds, 60, "m", "s");
  const minutes = Math.round(ms / 60_000);
  if (minutes < 24 * 60) return two(minutes, 60, "h", "m");
  return two(Math.round(ms / 3_600_000), 24, "d", "h");
}

function two(all: number, base: number, big: string, small: string): string {
  return `${Math.floor(all / base)} ${big} ${String(all % base).padStart(2, "0")} ${small}`;
}

/** Three digits that count, and a unit. */
function digits(value: number, unit: string): string {
  const places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${trimmed(value.toFixed(places))} ${unit}`;
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

const DAY = 86_400_000;

/** A time on a scale, as exact as the step between two of its ticks. */
export function tick(ms: number, step: number): string {
  if (ms === 0) return "0";
  if (step < 0.001) return `${Math.round(ms * 1e6)} ns`;
  if (step < 1)
    return `${trimmed((ms * 1000).toFixed(0))} µs`.replace(/^(\d+)(\d{3}) µs$/, "$1.$2 ms");
  if (step < 1000 && ms < 1000) return `${ms} ms`;
  if (ms < 60_000 || step < 1000) {
    const places = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
    return `${(ms / 1000).toFixed(places)} s`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
  if (step >= DAY && step % DAY === 0) return `${Math.round(ms / DAY)} d`;
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
}

/** Money as far as it is known. */
export interface Money {
  /** null where nothing has a price. */
  usd: number | null;
  /** Something that was paid for is missing. */
  partial?: boolean;
  /** It comes of tokens that were estimated. */
  estimated?: boolean;
}

/** `$0.42`, `≥ $0.42` where something is missing, `≈ $0.42` of estimates, `unpriced` where nothing is known. */
export function money({ usd, partial = false, estimated = false }: Money): string {
  if (usd === null || Number.isNaN(usd)) return partial ? "unpriced" : UNKNOWN;
  const sign = partial ? "≥ " : estimated ? "≈ " : "";
  return sign + dollars(usd);
}

function dollars(usd: number): string {
  if (usd < 0) return `−${dollars(-usd)}`;
  if (usd === 0) return "$0";
  // More digits than these are cut where there is little room, and a figure that is cut is another.
  if (usd >= 999_999.5) return `$${amount(usd)}`;
  if (usd >= 99.995) return `$${usd.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",")}`;
  if (usd >= 0.0995) return `$${usd.toFixed(2)}`;
  if (usd < 0.000_001) return "< $1e-6";
  // Two digits that count, however small it is.
  const places = Math.min(9, 1 - Math.floor(Math.log10(usd)));
  return `$${usd.toFixed(places)}`;
}

export const nanoUsd = (nano: number): number | null => (Number.isNaN(nano) ? null : nano / 1e9);

/** `0`, `940`, `41.2 k`, `9.1 M`, `2.5 G`. */
export function count(value: number): string {
  if (value < 0) return `−${count(-value)}`;
  if (value < 9_999.5) return whole(value);
  return amount(value);
}

/** In thousands, millions, and so on, of which there may be absurdly many. */
function amount(value: number): string {
  if (value >= 9.995e14) return value.toExponential(1).replace("+", "");
  const power = Math.floor(Math.log10(value / 0.9995) / 3 + 1e-12);
  return digits(value / 10 ** (3 * power), " kMGT"[power] ?? "");
}

/** Every digit: `118,204`. */
export function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function percent(share: number): string {
  if (!Number.isFinite(share)) return UNKNOWN;
  const hundred = share * 100;
  if (hundred > 0 && hundred < 0.1) return "< 0.1 %";
  return `${trimmed(hundred.toFixed(hundred < 9.95 ? 1 : 0))} %`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 999_500) return digits(value / 1e3, "kB");
  if (value < 999_500_000) return digits(value / 1e6, "MB");
  return digits(value / 1e9, "GB");
}

/** `1 span`, `3 spans`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${whole(value)} ${value === 1 ? one : many}`;
}

/** The time of day, with the date where that is another; in the reader's time zone. */
export function clock(ms: number, now: number): string {
  const at = new Date(ms);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) return time;
  const day = `${MONTHS[at.getMonth()]} ${at.getDate()}`;
  return at.getFullYear() === today.getFullYear()
    ? `${day}, ${time}`
    : `${day} ${at.getFullYear()}, ${time}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** How far another machine's clock may be ahead before that is worth saying. */
const SKEW_SECONDS = 60;

/** How long ago, roughly: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`; `in 2 h` by a clock that goes wrong. */
export function ago(ms: number, now: number): string {
  const seconds = Math.floor((now - ms) / 1000);
  if (seconds < -SKEW_SECONDS) return `in ${rough(-seconds)}`;
  return seconds < 2 ? "now" : `${rough(seconds)} ago`;
}

function rough(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Milliseconds since the epoch of a time that may have nanoseconds; NaN where it is none. */
export function parseTime(text: string): number {
  const found = /^(.*T\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!found) return Number.NaN;
  const seconds = Date.parse(found[1] + found[3]);
  return seconds + (found[2] ? Number(found[2]) * 1000 : 0);
}

/** The end of an id, which tells two apart best. */
export const shortId = (id: string): string => id.slice(-8);
