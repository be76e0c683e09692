/**
 * Colours and strokes for what is drawn on canvas: bars, ticks and the minimap.
 *
 * Colours are those of the style sheet, read once for each theme. Knows spans only as the store's columns.
 */

import { signal } from "@preact/signals";

import { duration, tick } from "../core/format";
import { KINDS } from "../core/kinds";
import type { Stretch } from "../core/critical";
import type { SpanStore } from "../core/store";
import { type Range, ticks, toPixel } from "../core/timescale";

export interface Palette {
  kinds: string[];
  fg: string;
  quiet: string;
  line: string;
  bad: string;
  accent: string;
  selected: string;
  hover: string;
  bg: string;
  font: string;
}

/** Counts changes of the theme; who draws with a palette draws anew. */
const themes = signal(0);
if (typeof matchMedia !== "undefined") {
  const changed = () => themes.value++;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  new MutationObserver(changed).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
}

let known: { theme: number; colours: Palette } | null = null;

/** The colours as they are at an element; canvas does not know custom properties. Reading them takes time, and is done once for each theme. */
export function palette(near: HTMLElement): Palette {
  const theme = themes.value;
  if (known?.theme !== theme) known = { theme, colours: readPalette(near) };
  return known.colours;
}

function readPalette(near: HTMLElement): Palette {
  const probe = document.createElement("span");
  near.append(probe);
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const read: Palette = {
    kinds: KINDS.map((kind) => colour(`kind-${kind.toLowerCase()}`)),
    fg: colour("fg"),
    quiet: colour("fg-quiet"),
    line: colour("line"),
    bad: colour("bad"),
    accent: colour("accent"),
    selected: colour("bg-selected"),
    hover: colour("bg-hover"),
    bg: colour("bg"),
    font: `11px ${getComputedStyle(near).fontFamily}`,
  };
  probe.remove();
  return read;
}

/** How large canvases are: asking them makes the browser lay out the page, which is too much for every frame. */
const sizes = new WeakMap<Element, { width: number; height: number }>();
const watch =
  typeof ResizeObserver === "undefined"
    ? null
    : new ResizeObserver((entries) => {
        for (const { target } of entries) measure(target);
      });

function measure(canvas: Element): { width: number; height: number } {
  const size = { width: canvas.clientWidth, height: canvas.clientHeight };
  sizes.set(canvas, size);
  return size;
}

function sizeOf(canvas: HTMLCanvasElement): { width: number; height: number } {
  const known = sizes.get(canvas);
  if (known) return known;
  watch?.observe(canvas);
  return measure(canvas);
}

/** A canvas as sharp as the screen, cleared; null where there is nothing to draw on. */
export function prepare(canvas: HTMLCanvasElement): Pen | null {
  const pixels = devicePixelRatio;
  const { width, height } = sizeOf(canvas);
  const context = canvas.getContext("2d");
  if (!context || width === 0 || height === 0) return null;
  if (
    canvas.width !== Math.round(width * pixels) ||
    canvas.height !== Math.round(height * pixels)
  ) {
    canvas.width = Math.round(width * pixels);
    canvas.height = Math.round(height * pixels);
  }
  context.setTransform(pixels, 0, 0, pixels, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

export interface Pen {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
}

/** Ticks are counted from where the run began, which need not be where its first record was. */
const since = (view: Range, origin: number): Range => ({
  from: view.from - origin,
  to: view.to - origin,
});

export interface Bars {
  store: SpanStore;
  /** Where the run began. */
  origin: number;
  rows: Int32Array;
  view: Range;
  now: number;
  /** How far it is scrolled, and how high a row is, in pixels. */
  top: number;
  row: number;
  selected: number;
  /** The stretches of the critical path, by span. */
  critical: Map<number, Stretch[]>;
  /** Errors at and beneath each span. */
  errors: Int32Array;
  /** Where a replay stands; what comes after it is only hinted at. */
  playhead: number | null;
}

/** How much of its colour has what a replay has not come to. */
const AHEAD = 0.18;

/** Room beside the bars, so that neither the first tick nor the last duration is cut. */
export const MARGIN = 12;

export function drawBars({ context, width, height }: Pen, colours: Palette, bars: Bars): void {
  const { store, rows, view, now, top, row } = bars;
  const wide = width - 2 * MARGIN;
  const first = Math.max(0, Math.floor(top / row));
  const last = Math.min(rows.length, Math.ceil((top + height) / row));

  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  context.beginPath();
  for (const time of ticks(since(view, bars.origin), wide).times) {
    const x = Math.round(MARGIN + toPixel(view, bars.origin + time, wide)) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, height);
  }
  context.stroke();

  context.font = colours.font;
  context.textBaseline = "middle";
  for (let k = first; k < last; k++) {
    const at = rows[k];
    const y = k * row - top;
    if (at === bars.selected) {
      context.fillStyle = colours.selected;
      context.fillRect(0, y, width, row);
    }
    const end = store.endAt(at, now);
    const from = MARGIN + toPixel(view, store.start[at], wide);
    const to = MARGIN + toPixel(view, end, wide);
    const isError = store.isError(at);
    // Red is where an error began; what failed because of it is framed.
    const isCause = isError && bars.errors[at] === 1;
    const colour = isCause ? colours.bad : colours.kinds[store.kind[at]];
    if (to < 0 || from > width) {
      drawArrow(context, colour, from > width ? width - 6 : 6, y + row / 2, from > width ? 1 : -1);
      continue;
    }
    const left = Math.max(-4, from);
    const right = Math.min(width + 4, Math.max(to, from + 2));
    const isAhead = bars.playhead !== null && end > bars.playhead;
    const solid = store.isOpen(at) ? 0.55 : 1;
    context.fillStyle = colour;
    context.globalAlpha = isAhead ? AHEAD : solid;
    bar(context, left, right, y, row);
    context.globalAlpha = 1;
    if (isAhead) {
      const reached = MARGIN + toPixel(view, bars.playhead ?? 0, wide);
      context.globalAlpha = solid;
      if (reached > left) bar(context, left, Math.min(right, reached), y, row);
      context.globalAlpha = 1;
      if (store.start[at] > (bars.playhead ?? 0)) continue;
    }
    if (store.isOpen(at)) stripe(context, colours.bg, left, right, y, row);
    if (isError && !isCause && !isAhead) {
      context.beginPath();
      context.roundRect(left, y + 7, right - left, row - 14, Math.min(3, (right - left) / 2));
      context.strokeStyle = colours.bad;
      context.lineWidth = 1.5;
      context.stroke();
    }
    const token = store.firstToken[at];
    if (!Number.isNaN(token)) {
      // Waiting for the first token is paler than what came after it.
      const wait = MARGIN + toPixel(view, store.start[at] + token, wide);
      context.fillStyle = colours.bg;
      context.globalAlpha = 0.45;
      context.fillRect(left + 1, y + 8, Math.max(0, Math.min(wait, right) - left - 1), row - 16);
      context.globalAlpha = 1;
    }
    context.fillStyle = colours.fg;
    for (const stretch of bars.critical.get(at) ?? []) {
      const x = Math.max(0, MARGIN + toPixel(view, stretch.from, wide));
      const wider = MARGIN + toPixel(view, stretch.to, wide) - x;
      if (wider > 1) context.fillRect(x, y + row - 5, wider, 1.5);
    }
    const inside = store.isOpen(at) || isAhead ? colours.fg : colours.bg;
    const text = duration(end - store.start[at]);
    drawLabel({ context, width, height }, colours.quiet, inside, text, left, right, y + row / 2);
  }
  if (bars.playhead !== null) {
    const x = MARGIN + toPixel(view, bars.playhead, wide);
    drawPlayhead({ context, width, height }, colours, x);
  }
}

function bar(
  context: CanvasRenderingContext2D,
  left: number,
  right: number,
  y: number,
  row: number,
): void {
  context.beginPath();
  context.roundRect(left, y + 7, right - left, row - 14, Math.min(3, (right - left) / 2));
  context.fill();
}

/** What runs is striped, so that it is told from what ended without its colour. */
function stripe(
  context: CanvasRenderingContext2D,
  colour: string,
  left: number,
  right: number,
  y: number,
  row: number,
): void {
  context.save();
  context.beginPath();
  context.rect(left, y + 7, right - left, row - 14);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.35;
  context.lineWidth = 2;
  context.beginPath();
  for (let x = Math.floor(left / 8) * 8; x < right + row; x += 8) {
    context.moveTo(x, y + row - 7);
    context.lineTo(x + row - 14, y + 7);
  }
  context.stroke();
  context.restore();
}

/** Where a replay stands. */
export function drawPlayhead({ context, height }: Pen, colours: Palette, x: number): void {
  context.fillStyle = colours.accent;
  context.fillRect(Math.round(x) - 1, 0, 2, height);
}

/** Beside the bar, before it where there is no room, else inside it. */
function drawLabel(
  { context, width }: Pen,
  beside: string,
  inside: string,
  text: string,
  left: number,
  right: number,
  y: number,
): void {
  const wide = context.measureText(text).width;
  context.fillStyle = beside;
  if (right + 6 + wide <= width) context.fillText(text, right + 6, y);
  else if (left - 6 - wide >= 0) context.fillText(text, left - 6 - wide, y);
  else {
    context.fillStyle = inside;
    context.fillText(text, Math.min(right, width) - wide - 6, y + 0.5);
  }
}

/** What is out of view lies there. */
function drawArrow(
  context: CanvasRenderingContext2D,
  colour: string,
  x: number,
  y: number,
  to: 1 | -1,
): void {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x + 3 * to, y);
  context.lineTo(x - 2 * to, y - 4);
  context.lineTo(x - 2 * to, y + 4);
  context.fill();
}

export function drawAxis(
  { context, width, height }: Pen,
  colours: Palette,
  view: Range,
  origin: number,
  /** So much of its end is covered by something else. */
  covered = 0,
): void {
  const wide = width - 2 * MARGIN;
  const { step, times } = ticks(since(view, origin), wide);
  context.font = colours.font;
  context.textBaseline = "middle";
  context.fillStyle = colours.quiet;
  for (const time of times) {
    const x = MARGIN + toPixel(view, origin + time, wide);
    const text = tick(time, step);
    const textWide = context.measureText(text).width;
    const left = Math.max(2, Math.min(x - textWide / 2, width - textWide - 2));
    // A label that would be cut says something else.
    if (left + textWide <= width - covered) context.fillText(text, left, height / 2);
  }
}

/** Levels of depth that the minimap tells apart. */
const LEVELS = 24;

/**
 * The run as a silhouette: time across, depth down, so that ten thousand spans have a shape. What failed is drawn last,
 * and at least two pixels wide.
 */
export function drawMinimap(
  { context, width, height }: Pen,
  colours: Palette,
  store: SpanStore,
  whole: Range,
  now: number,
): void {
  let deepest = 1;
  for (let at = 0; at < store.n; at++) deepest = Math.max(deepest, store.depth[at] + 1);
  const levels = Math.min(LEVELS, deepest);
  const high = height / levels;
  const filled = new Uint8Array(Math.ceil(width) * levels);
  const span = (at: number, least: number) => {
    // Of a very deep run the upper levels, in which most of it lies, get most of the room.
    const depth = store.depth[at];
    const share = deepest <= LEVELS ? depth / deepest : Math.log1p(depth) / Math.log1p(deepest);
    const level = Math.min(levels - 1, Math.floor(share * levels));
    const x = toPixel(whole, store.start[at], width);
    const to = Math.max(x + least, toPixel(whole, store.endAt(at, now), width));
    return { level, x, to };
  };
  context.globalAlpha = 0.75;
  for (let at = 0; at < store.n; at++) {
    const { level, x, to } = span(at, 1);
    // Of spans that fall into one pixel, the first is drawn; the others would not be seen.
    if (to - x < 1.5) {
      const cell = level * Math.ceil(width) + Math.floor(x);
      if (filled[cell]) continue;
      filled[cell] = 1;
    }
    context.fillStyle = colours.kinds[store.kind[at]];
    context.fillRect(x, level * high, to - x, Math.max(1, high - 1));
  }
  context.globalAlpha = 1;
  context.fillStyle = colours.bad;
  for (let at = 0; at < store.n; at++) {
    if (!store.isError(at) || store.kids[at] > 0) continue;
    const { level, x, to } = span(at, 2);
    context.fillRect(x, level * high, to - x, Math.max(2, high - 1));
  }
}
