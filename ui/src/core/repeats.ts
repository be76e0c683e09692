/**
 * Which spans are another attempt at what failed just before, beneath the same parent.
 *
 * An attempt has the name and kind of one that failed; whatever stands between them, and a success ends the row.
 */

import { KINDS } from "./kinds";
import type { SpanStore } from "./store";

/** The number of attempts that failed before, by span; those without any are not in it. */
export function retries(store: SpanStore): Map<number, number> {
  const found = new Map<number, number>();
  const { n, order, above, name, kind } = store;
  // Few names ever fail: all others are passed over at once.
  const everFailed = new Uint8Array(store.texts.all.length + 1);
  for (let at = 0; at < n; at++) if (store.isError(at)) everFailed[name[at] + 1] = 1;
  const failed = new Map<number, number>();
  const names = everFailed.length;
  for (let k = 0; k < n; k++) {
    const at = order[k];
    if (!everFailed[name[at] + 1]) continue;
    const isError = store.isError(at);
    if (!isError && failed.size === 0) continue;
    const key = ((above[at] + 1) * names + name[at] + 1) * KINDS.length + kind[at];
    const before = failed.get(key) ?? 0;
    if (before > 0) found.set(at, before);
    if (isError) failed.set(key, before + 1);
    else if (!store.isOpen(at)) failed.delete(key);
  }
  return found;
}
