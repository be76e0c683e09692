/**
 * Which spans stand in which rows: what is folded is left out, and so is what a search does not want.
 *
 * Works on the order that the store made, so that a fold is a step over a stretch of it. Knows nothing of pixels.
 */

import { NONE, type SpanStore } from "./store";
import type { Base } from "./url";

export interface Layout {
  /** Spans, top to bottom. */
  rows: Int32Array;
  /** The row of a span; -1 where it has none. */
  rowOf: Int32Array;
  /** Spans that the search itself found, in order. */
  matches: Int32Array;
  /** The same by span: 1 where it was found; null where nothing is searched. */
  isMatch: Uint8Array | null;
}

/** What is folded: a rule, and by id what is not as the rule has it, so that it outlives a session that is loaded again. */
export interface Folds {
  base: Base;
  others: ReadonlySet<string>;
}

/** Levels that are open whatever the rule says; more where nothing failed, for then no error shows the way. */
const OPEN_LEVELS = 1;
const OPEN_LEVELS_WELL = 2;

/** Which spans are folded; `errors` are those at and beneath each. */
export function foldedIn(store: SpanStore, folds: Folds, errors: Int32Array): Uint8Array {
  const { n, kids, depth } = store;
  const folded = new Uint8Array(n);
  if (folds.base !== "none") {
    const isOpenToErrors = folds.base === "errors";
    const failed = errors.subarray(0, n).some((count) => count > 0);
    const open = isOpenToErrors && !failed ? OPEN_LEVELS_WELL : OPEN_LEVELS;
    for (let at = 0; at < n; at++) {
      if (kids[at] === 0 || depth[at] < open) continue;
      // Of spans that came after the last sum nothing is known beneath.
      const beneath = (errors[at] ?? 0) - (store.isError(at) ? 1 : 0);
      folded[at] = isOpenToErrors && beneath > 0 ? 0 : 1;
    }
  }
  for (const id of folds.others) {
    const at = store.indexOf(id);
    if (at !== NONE) folded[at] ^= 1;
  }
  return folded;
}

export interface Search {
  /** In small letters, every word must stand somewhere. */
  words: string[];
  /** Only what was found is shown, with all that it stands under. */
  only: boolean;
}

export function searchOf(text: string, only: boolean): Search | null {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length === 0 ? null : { words, only };
}

/** What `folded` has is changed where a search wants to see what is beneath. */
export function layOut(store: SpanStore, folded: Uint8Array, search: Search | null): Layout {
  const { n, order, size, above } = store;
  const matches = search ? find(store, search.words) : new Int32Array(0);
  const isMatch = search ? new Uint8Array(n) : null;
  if (isMatch) for (const at of matches) isMatch[at] = 1;
  let wanted: Uint8Array | null = null;
  if (search?.only) {
    wanted = new Uint8Array(n);
    for (const match of matches) {
      for (let at = match; at >= 0 && !wanted[at]; at = above[at]) {
        wanted[at] = 1;
        // What stands above a match is open, whatever was folded.
        if (at !== match) folded[at] = 0;
      }
    }
  }
  const rows = new Int32Array(n);
  const rowOf = new Int32Array(n).fill(-1);
  let count = 0;
  for (let k = 0; k < n;) {
    const at = order[k];
    const isShown = !wanted || wanted[at] === 1;
    if (isShown) {
      rowOf[at] = count;
      rows[count++] = at;
    }
    k += isShown && !folded[at] ? 1 : size[at];
  }
  return { rows: rows.subarray(0, count), rowOf, matches, isMatch };
}

/** Looks through names, agents and models; each text once, however many spans carry it. */
function find(store: SpanStore, words: string[]): Int32Array {
  const texts = store.texts.all.map((text) => text.toLowerCase());
  const hits = words.map((word) => Uint8Array.from(texts, (text) => Number(text.includes(word))));
  const found = new Int32Array(store.n);
  let count = 0;
  for (let k = 0; k < store.n; k++) {
    const at = store.order[k];
    let all = true;
    for (let word = 0; all && word < words.length; word++) {
      all =
        hits[word][store.name[at]] === 1 ||
        hits[word][store.agent[at]] === 1 ||
        hits[word][store.model[at]] === 1 ||
        store.ids[at] === words[word];
    }
    if (all) found[count++] = at;
  }
  return found.subarray(0, count);
}

/** The next in `candidates` (in order) after a span, or before it; goes round at the end. -1 where there is none. */
export function step(store: SpanStore, candidates: Int32Array, from: number, by: 1 | -1): number {
  const count = candidates.length;
  if (count === 0) return -1;
  const place = from < 0 ? (by > 0 ? -1 : store.n) : store.place[from];
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (store.place[candidates[middle]] < place + (by > 0 ? 1 : 0)) low = middle + 1;
    else high = middle;
  }
  const next = by > 0 ? low : low - 1;
  return candidates[(next + count) % count];
}

/** All spans that failed, in order. */
export function failing(store: SpanStore): Int32Array {
  return pick(store, (at) => store.isError(at));
}

/** All spans of the same name and kind, in order. */
export function peers(store: SpanStore, of: number): Int32Array {
  return pick(
    store,
    (at) => store.name[at] === store.name[of] && store.kind[at] === store.kind[of],
  );
}

/** The spans beside it, and itself. */
export function siblings(store: SpanStore, of: number): Int32Array {
  return pick(store, (at) => store.above[at] === store.above[of]);
}

function pick(store: SpanStore, wanted: (at: number) => boolean): Int32Array {
  const { order, n } = store;
  return order.subarray(0, n).filter(wanted);
}

/** The failing spans that others failed because of: those with no failing span beneath them. */
export function culprits(store: SpanStore, errors: Int32Array): Int32Array {
  return failing(store).filter((at) => errors[at] === 1);
}
