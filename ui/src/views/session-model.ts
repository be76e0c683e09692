/**
 * A session that is shown: its spans, what is folded and found of them, and the part of time in view.
 *
 * Loads the skeleton, takes in changes at most ten times a second, and keeps a clock while something runs. The address
 * says what is selected, folded and searched; this works out what follows from it. Draws nothing.
 */

import { computed, effect, signal } from "@preact/signals";

import { isAborted } from "../core/api";
import { bySpan, criticalPath } from "../core/critical";
import { type Layout, layOut, searchOf } from "../core/layout";
import { type Changes, type Session, rowOf } from "../core/model";
import { rollUp } from "../core/rollup";
import { type Skeleton, SpanStore } from "../core/store";
import { type Range, pan } from "../core/timescale";
import type { SessionRoute } from "../core/url";
import { listen } from "../live";
import { go, route } from "../router";
import { api } from "../ui/ask";

/** How often the clock of a run that goes on moves. */
const CLOCK_MS = 100;

export class SessionModel {
  readonly store = new SpanStore();
  readonly session = signal<Session | null>(null);
  readonly error = signal<unknown>(null);
  /** Counts changes of `store`. */
  readonly version = signal(0);
  /** Milliseconds since the epoch. */
  readonly now = signal(Date.now());
  /** The part of time that is shown; null is all. */
  readonly window = signal<Range | null>(null);

  readonly state = computed<SessionRoute | null>(() =>
    route.value.page === "session" && route.value.id === this.id ? route.value : null,
  );
  readonly #foldsText = computed(() => this.state.value?.folds.join(".") ?? "");
  readonly folds = computed<ReadonlySet<string>>(() => new Set(this.#foldsText.value.split(".")));
  readonly #find = computed(() => this.state.value?.find ?? "");
  readonly #only = computed(() => this.state.value?.only ?? false);
  readonly selectedId = computed(() => this.state.value?.span ?? null);
  readonly search = computed(() => searchOf(this.#find.value, this.#only.value));

  readonly layout = computed<Layout>(() => {
    void this.version.value;
    return layOut(this.store, this.folds.value, this.search.value);
  });
  readonly sums = computed(() => {
    void this.version.value;
    return rollUp(this.store);
  });
  readonly selected = computed(() => {
    void this.version.value;
    const id = this.selectedId.value;
    return id === null ? -1 : this.store.indexOf(id);
  });
  readonly isRunning = computed(() => this.session.value?.state === "running");
  /** Now on the store's scale. */
  readonly nowHere = computed(() => {
    void this.version.value;
    return this.isRunning.value ? this.now.value - this.store.epoch : this.store.to;
  });
  readonly whole = computed<Range>(() => {
    void this.version.value;
    const { from, to } = this.store;
    const end = this.isRunning.value ? Math.max(to, this.nowHere.value) : to;
    return { from, to: Math.max(end, from + 0.001) };
  });
  readonly view = computed<Range>(() => this.window.value ?? this.whole.value);
  readonly critical = computed(() => {
    void this.version.value;
    const { store } = this;
    return bySpan(criticalPath(store, store.root, this.store.to));
  });

  readonly #stop = new AbortController();
  readonly #ends: (() => void)[] = [];
  #pending: Changes["spans"] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The commit that the store is as of. */
  #sequence = 0;
  /** What changed while an answer was waited for; null while none is. */
  #meanwhile: Changes[] | null = null;
  /** What is being asked for was too old before it came. */
  #isStale = false;

  constructor(readonly id: string) {
    this.window.value = this.state.value?.time ?? null;
    void this.load();
    this.#ends.push(
      listen({ changes: (changes) => this.#take(changes), reset: () => void this.load() }),
      effect(() => {
        if (!this.isRunning.value) return;
        const clock = setInterval(() => (this.now.value = Date.now()), CLOCK_MS);
        return () => clearInterval(clock);
      }),
    );
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }

  /** Asks for all of it anew. What changes meanwhile is taken in afterwards, as far as the answer is older. */
  async load(): Promise<void> {
    if (this.#meanwhile) {
      this.#isStale = true;
      return;
    }
    this.#meanwhile = [];
    this.#isStale = false;
    clearTimeout(this.#timer);
    this.#pending = [];
    const path = `/sessions/${encodeURIComponent(this.id)}`;
    const { signal: stop } = this.#stop;
    try {
      const [session, skeleton] = await Promise.all([
        api.get<Session>(path, stop),
        api.get<Skeleton>(`${path}/skeleton`, stop),
      ]);
      this.store.load(skeleton);
      this.#sequence = skeleton.sequence;
      this.now.value = Date.now();
      this.session.value = session;
      this.error.value = null;
      this.version.value++;
    } catch (error) {
      if (!isAborted(error)) this.error.value = error;
    }
    const meanwhile = this.#meanwhile;
    this.#meanwhile = null;
    if (stop.aborted) return;
    for (const changes of meanwhile) this.#take(changes);
    if (this.#isStale) void this.load();
  }

  #take(changes: Changes): void {
    if (this.#meanwhile) {
      this.#meanwhile.push(changes);
      return;
    }
    const id = this.session.value?.id;
    if (id === undefined || changes.sequence <= this.#sequence) return;
    const session = changes.sessions.find((one) => one.id === id);
    if (session) this.session.value = session;
    const rows = changes.spans.filter((row) => row.session_id === id);
    let isAgain = changes.refetch.includes(id);
    // What waits in the skeleton for a parent is told apart from it only by the server.
    if (rows.some((row) => this.store.indexOf(row.id) < 0) && this.store.hasUnnamedOrphans()) {
      isAgain = true;
    }
    if (isAgain) {
      this.#pending = [];
      this.#later(() => void this.load());
    } else if (rows.length > 0) {
      this.#pending.push(...rows);
      this.#later(() => this.#merge());
    }
  }

  #later(work: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(work, 50);
  }

  #merge(): void {
    for (const row of this.#pending) this.store.put(rowOf(row));
    this.#pending = [];
    this.store.link();
    this.version.value++;
  }

  change(part: Partial<SessionRoute>, replace = true): void {
    const state = this.state.value;
    if (state) go({ ...state, ...part }, { replace });
  }

  /** Selects a span, and moves the part of time in view to where it is. */
  select(at: number): void {
    if (at < 0) return;
    this.change({ span: this.store.ids[at] });
    const window = this.window.value;
    if (!window) return;
    const from = this.store.start[at];
    const to = this.store.endAt(at, this.nowHere.value);
    if (to >= window.from && from <= window.to) return;
    const middle = (window.from + window.to) / 2;
    this.show(pan(window, this.whole.value, (from + to) / 2 - middle));
  }

  isFolded(at: number): boolean {
    return this.folds.value.has(this.store.ids[at]);
  }

  fold(at: number, folded: boolean): void {
    const state = this.state.value;
    if (!state || this.store.kids[at] === 0) return;
    const id = this.store.ids[at];
    const others = state.folds.filter((one) => one !== id);
    this.change({ folds: folded ? [...others, id] : others });
  }

  show(window: Range | null): void {
    this.window.value = window;
  }
}
