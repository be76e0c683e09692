/**
 * Finds words in a value: in its keys, texts and numbers, and says which of its parts to open for all of them to be seen.
 *
 * Goes through any depth without going down the stack, and gives up after so much, which is then said.
 */

export interface Found {
  count: number;
  /** Objects and lists with something found beneath them. */
  open: ReadonlySet<object>;
  /** There was more than was looked through. */
  isCut: boolean;
}

/** So many parts are looked through. */
const MOST = 200_000;

export function findIn(value: unknown, words: string, most = MOST): Found {
  const wanted = words.toLowerCase();
  const open = new Set<object>();
  let count = 0;
  let seen = 0;
  interface Place {
    value: unknown;
    within: Place | null;
  }
  const hit = (place: Place | null) => {
    count++;
    for (let up = place; up && !open.has(up.value as object); up = up.within) {
      open.add(up.value as object);
    }
  };
  const waiting: Place[] = [{ value, within: null }];
  while (waiting.length > 0 && seen < most) {
    const place = waiting.pop()!;
    seen++;
    const { value: one, within } = place;
    if (typeof one === "object" && one !== null) {
      for (const [key, inner] of Object.entries(one)) {
        if (!Array.isArray(one) && key.toLowerCase().includes(wanted)) hit(place);
        waiting.push({ value: inner, within: place });
      }
    } else if (String(one).toLowerCase().includes(wanted)) hit(within);
  }
  return { count, open, isCut: waiting.length > 0 };
}

/** A text in pieces, every second of which is what was looked for. */
export function split(text: string, words: string): string[] {
  if (!words) return [text];
  const small = text.toLowerCase();
  // Some signs become longer in small letters: then places do not fit, and nothing is marked.
  if (small.length !== text.length) return [text];
  const wanted = words.toLowerCase();
  const pieces: string[] = [];
  let from = 0;
  for (let at = small.indexOf(wanted); at >= 0; at = small.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  pieces.push(text.slice(from));
  return pieces;
}
