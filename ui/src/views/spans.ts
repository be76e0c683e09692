/**
 * Details of many spans, as cards that come into view ask for them: each asked for once, a few at a time, the longest
 * unseen forgotten.
 */

import { signal } from "@preact/signals";

import { isAborted } from "../core/api";
import type { Span } from "../core/model";
import { api } from "../ui/ask";
import type { SessionModel } from "./session-model";

/** How many are kept, and how many asked for at once; a browser has six connections, and live changes take one. */
const KEPT = 400;
const AT_ONCE = 4;

export interface Loaded {
  span: Span | null;
  error: unknown;
}

export class Spans {
  /** Counts answers. */
  readonly version = signal(0);
  readonly #known = new Map<string, Loaded & { as: string }>();
  readonly #wanted = new Map<string, string>();
  readonly #stop = new AbortController();
  #asking = 0;

  constructor(readonly model: SessionModel) {}

  close(): void {
    this.#stop.abort();
  }

  /** What is known of a span; it is asked for where that is nothing, or where it has changed since. */
  get(at: number): Loaded | null {
    const { store } = this.model;
    const id = store.ids[at];
    const as = `${store.flags[at]} ${store.status[at]} ${store.end[at]}`;
    const known = this.#known.get(id);
    if (known) {
      this.#known.delete(id);
      this.#known.set(id, known);
    }
    if (known?.as !== as && !this.#wanted.has(id)) {
      this.#wanted.set(id, as);
      this.#ask();
    }
    return known ?? null;
  }

  #ask(): void {
    for (const [id, as] of this.#wanted) {
      if (this.#asking >= AT_ONCE) return;
      if (this.#known.get(id)?.as === as) continue;
      this.#asking++;
      // Marked as known at once, so that it is not asked for again meanwhile.
      this.#put(id, as, this.#known.get(id) ?? { span: null, error: null });
      void this.#answer(id, as);
    }
  }

  async #answer(id: string, as: string): Promise<void> {
    const session = this.model.session.peek()?.id ?? this.model.id;
    try {
      const span = await api.get<Span>(
        `/sessions/${encodeURIComponent(session)}/spans/${id}`,
        this.#stop.signal,
      );
      this.#put(id, as, { span, error: null });
    } catch (error) {
      if (isAborted(error)) return;
      this.#put(id, as, { span: null, error });
    }
    this.#wanted.delete(id);
    this.#asking--;
    this.version.value++;
    this.#ask();
  }

  #put(id: string, as: string, loaded: Loaded): void {
    this.#known.delete(id);
    this.#known.set(id, { span: loaded.span, error: loaded.error, as });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KEPT) break;
      this.#known.delete(oldest);
    }
  }
}
