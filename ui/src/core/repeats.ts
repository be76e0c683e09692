/**
 * Which spans are another attempt at what failed just before, beneath the same parent.
 *
 * An attempt has the name and kind of one that failed; whatever stands between them, and a success ends the row.
 */

import type { SpanStore } from "./store";

/** The number of attempts that failed before, by span; those without any are not in it. */
export function retries(store: SpanStore): Map<number, number> {
  const found = new Map<number, number>();
  const failed = new Map<string, number>();
  for (let k = 0; k < store.n; k++) {
    const at = store.order[k];
    const isError = store.isError(at);
    if (!isError && failed.size === 0) continue;
    const key = `${store.above[at]} ${store.name[at]} ${store.kind[at]}`;
    const before = failed.get(key) ?? 0;
    if (before > 0) found.set(at, before);
    if (isError) failed.set(key, before + 1);
    else if (!store.isOpen(at)) failed.delete(key);
  }
  return found;
}
