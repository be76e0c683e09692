/**
 * The critical path: at each moment of a span, what it was waiting for.
 *
 * Walked from a span's end backwards: the child that ended last before the moment at hand is what was waited for, and
 * before that child began it was the span itself, or a child that ended earlier. Shortening anything on the path shortens
 * the run; shortening anything else does not.
 */

import { NONE, type SpanStore } from "./store";

/** A stretch of time in which a span itself, and none beneath it, was what was waited for. */
export interface Stretch {
  span: number;
  from: number;
  to: number;
}

export function criticalPath(store: SpanStore, root: number, now: number): Stretch[] {
  if (root === NONE || store.n === 0) return [];
  const children = byEnd(store, now);
  const path: Stretch[] = [];
  // Each frame goes on backwards from `until`; a stack of our own, for trees may be deep.
  const frame = (span: number, until: number) => ({ span, until, child: children.from[span] });
  const frames = [frame(root, store.endAt(root, now))];
  while (frames.length > 0) {
    const top = frames[frames.length - 1];
    const begin = store.start[top.span];
    const { list, from } = children;
    let child = NONE;
    while (top.child < from[top.span + 1]) {
      const candidate = list[top.child++];
      const end = store.endAt(candidate, now);
      // What goes on after its parent was not waited for, nor was what ended before the parent began.
      if (end <= top.until && end > begin && store.start[candidate] < end) {
        child = candidate;
        break;
      }
    }
    if (child === NONE) {
      if (top.until > begin) path.push({ span: top.span, from: begin, to: top.until });
      frames.pop();
      continue;
    }
    const end = store.endAt(child, now);
    if (top.until > end) path.push({ span: top.span, from: end, to: top.until });
    top.until = Math.max(begin, store.start[child]);
    frames.push(frame(child, end));
  }

  return path.reverse();
}

/** The children of each span, the last to end first. */
function byEnd(store: SpanStore, now: number): { list: Int32Array; from: Int32Array } {
  const { n, above } = store;
  const from = new Int32Array(n + 1);
  for (let at = 0; at < n; at++) if (above[at] !== NONE) from[above[at] + 1]++;
  for (let at = 0; at < n; at++) from[at + 1] += from[at];
  const list = new Int32Array(from[n]);
  const fill = from.slice();
  const latest = Int32Array.from({ length: n }, (_, at) => at).sort(
    (a, b) => store.endAt(b, now) - store.endAt(a, now) || store.place[b] - store.place[a],
  );
  for (const at of latest) if (above[at] !== NONE) list[fill[above[at]]++] = at;
  return { list, from };
}

/** The stretches of each span that is on the path. */
export function bySpan(path: readonly Stretch[]): Map<number, Stretch[]> {
  const found = new Map<number, Stretch[]>();
  for (const stretch of path) {
    const known = found.get(stretch.span);
    if (known) known.push(stretch);
    else found.set(stretch.span, [stretch]);
  }
  return found;
}
