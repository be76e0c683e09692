/**
 * A session that is shown: its spans, what is folded and found of them, and the part of time in view.
 *
 * Loads the skeleton, takes in changes at most ten times a second, and keeps a clock while something runs. The address
 * says what is selected, folded and searched; this works out what follows from it. Draws nothing.
 */

import { batch, computed, effect, signal } from "@preact/signals";

import { isAborted } from "../core/api";
import { type Stretch, bySpan, criticalPath } from "../core/critical";
import { type Folds, type Layout, foldedIn, layOut, searchOf } from "../core/layout";
import { type Changes, type Session, rowOf } from "../core/model";
import { advance, beginning, begun, startsOf } from "../core/replay";
import { retries } from "../core/repeats";
import { rollUp } from "../core/rollup";
import { type Skeleton, SpanStore } from "../core/store";
import { type Range, between, extent, fit, pan } from "../core/timescale";
import { type Base, type SessionRoute, sessionRoute } from "../core/url";
import type { SessionList } from "../gen/api";
import { listen } from "../live";
import { go, route } from "../router";
import { api } from "../ui/ask";
import { toast } from "../ui/toast";
import { isCalm } from "./calm";
import type { Insight } from "../gen/api";

/** How often figures of a run that goes on are written anew. */
const FIGURES_MS = 250;
/** How often its bars grow where motion is not wanted. */
const CALM_MS = 1_000;
/** How long after a change the server is asked what it makes of the run. */
const INSIGHT_MS = 1_500;
/** From so many spans on, that is asked less often. */
export const MANY = 20_000;
/** How often a large run is summed. */
const SUMS_MS = 1_000;
/** How long the view takes to go to another part of time. */
const GLIDE_MS = 160;
/** Changes of a large run have come to rest. */
const REST_MS = 1_500;
/** A large run is painted before all that is only drawn is worked out. */
const SETTLING_MS = 80;
/** A run that says nothing for so long is quiet. */
const QUIET_MS = 30_000;

export class SessionModel {
  readonly store = new SpanStore();
  readonly session = signal<Session | null>(null);
  readonly error = signal<unknown>(null);
  /** Somebody deleted it while it was shown. */
  readonly isDeleted = signal(false);
  readonly insight = signal<Insight | null>(null);
  /** Counts changes of `store`. */
  readonly version = signal(0);
  /** Milliseconds since the epoch; moves with every frame while the run goes on, for what is drawn. */
  readonly now = signal(Date.now());
  /** The same for what is written. */
  readonly clock = signal(Date.now());
  /** The part of time that is shown; null is all. */
  readonly window = signal<Range | null>(null);
  /** Where a replay stands, on the store's scale; null is none. */
  readonly playhead = signal<number | null>(null);
  readonly isPlaying = signal(false);
  /** Whether the view goes along with what is new. */
  readonly follow = signal(false);
  /** How many spans came since it does not. */
  readonly arrived = signal(0);
  /** Whether the part of time goes along with the rows in view. */
  readonly followsRows = signal(false);
  /** The first row in view, and the one after the last. */
  rowsInView: [number, number] = [0, 0];
  /** When a span of it changed last, by this machine's clock. */
  readonly heard = signal(Date.now());

  readonly state = computed<SessionRoute | null>(() =>
    route.value.page === "session" && route.value.id === this.id ? route.value : null,
  );
  readonly view = computed(() => this.state.value?.view ?? "timeline");
  readonly #foldsText = computed(() => this.state.value?.folds.join(".") ?? "");
  readonly #find = computed(() => this.state.value?.find ?? "");
  readonly #only = computed(() => this.state.value?.only ?? false);
  readonly #base = computed(
    () => this.state.value?.base ?? (this.view.value === "tree" ? "errors" : "none"),
  );
  readonly folds = computed<Folds>(() => ({
    base: this.#base.value,
    others: new Set(this.#foldsText.value.split(".")),
  }));
  readonly selectedId = computed(() => this.state.value?.span ?? null);
  readonly search = computed(() => searchOf(this.#find.value, this.#only.value));
  readonly showsPath = computed(() => this.state.value?.path ?? true);
  readonly speed = computed(() => this.state.value?.speed ?? 1);

  /** Rows are there and have been painted: what is only drawn may be worked out. */
  readonly isSettled = signal(false);
  /** Counts changes that sums know of: those of a large run are summed less often than it changes. */
  readonly summed = signal(0);
  readonly sums = computed(() => {
    void this.summed.value;
    return rollUp(this.store);
  });
  readonly folded = computed(() => {
    void this.version.value;
    return foldedIn(this.store, this.folds.value, this.sums.value.errors);
  });
  readonly layout = computed<Layout>(() => {
    void this.version.value;
    const search = this.search.value;
    const folded = this.folded.value;
    return layOut(this.store, search?.only ? folded.slice() : folded, search);
  });
  readonly selected = computed(() => {
    void this.version.value;
    const id = this.selectedId.value;
    return id === null ? -1 : this.store.indexOf(id);
  });
  readonly isRunning = computed(() => this.session.value?.state === "running");
  /** For how long nothing was heard of a run that goes on; null while that is not long. */
  readonly quietFor = computed(() => {
    const silence = this.clock.value - this.heard.value;
    return this.isRunning.value && silence >= QUIET_MS ? silence : null;
  });
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
  /** The part of time in view. */
  readonly range = computed<Range>(() => this.window.value ?? this.whole.value);
  /** Counts changes that the critical path knows of: for a large run it is walked once changes have come to rest. */
  readonly rested = signal(0);
  readonly critical = computed<Map<number, Stretch[]>>(() => {
    void this.rested.value;
    // While it goes on, it is not known yet what was waited for.
    if (!this.showsPath.value || this.isRunning.value || !this.isSettled.value) return new Map();
    const { store } = this;
    return bySpan(criticalPath(store, store.root, store.to));
  });
  readonly #starts = computed(() => {
    void this.version.value;
    return startsOf(this.store);
  });
  /** How many attempts failed before a span, by span. */
  readonly tries = computed<Map<number, number>>(() => {
    void this.summed.value;
    if (!this.isSettled.value) return new Map();
    return retries(this.store);
  });
  /** How many spans had begun where the replay stands; null where there is none. */
  readonly begun = computed(() => {
    const at = this.playhead.value;
    return at === null ? null : begun(this.#starts.value, at);
  });
  /** How often spans that go in circles did, by id. */
  readonly loops = computed(() => {
    const found = new Map<string, { round: number; rounds: number }>();
    for (const { span_ids, rounds } of this.insight.value?.loops ?? []) {
      for (const [k, id] of span_ids.entries()) found.set(id, { round: k + 1, rounds });
    }
    return found;
  });

  readonly #stop = new AbortController();
  readonly #ends: (() => void)[] = [];
  #pending: Changes["spans"] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopGliding: () => void = () => {};
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #sumsTimer: ReturnType<typeof setTimeout> | undefined;
  #summedAt = Number.NEGATIVE_INFINITY;
  #insightTimer: ReturnType<typeof setTimeout> | undefined;
  /** The commit that the store is as of. */
  #sequence = 0;
  /** What changed while an answer was waited for; null while none is. */
  #meanwhile: Changes[] | null = null;
  /** What is being asked for was too old before it came. */
  #isStale = false;

  constructor(readonly id: string) {
    const state = this.state.value;
    this.window.value = state?.time ?? null;
    this.playhead.value = state?.at ?? null;
    void this.load();
    this.#ends.push(
      listen({ changes: (changes) => this.#take(changes), reset: () => void this.load() }),
      // Going back and forth in the browser's history.
      effect(() => {
        const state = this.state.value;
        if (!state) return;
        const shown = this.window.peek();
        const isSame = state.time?.from === shown?.from && state.time?.to === shown?.to;
        if (!isSame) this.window.value = state.time;
        if (state.at !== this.playhead.peek()) this.playhead.value = state.at;
      }),
      effect(() => {
        if (!this.isRunning.value) return;
        const figures = setInterval(() => (this.clock.value = Date.now()), FIGURES_MS);
        const grow = frames(isCalm() ? CALM_MS : 0, () => (this.now.value = Date.now()));
        return () => {
          clearInterval(figures);
          grow();
        };
      }),
      effect(() => {
        if (!this.isPlaying.value) return;
        let last = performance.now();
        return frames(0, (time) => {
          const whole = this.whole.peek();
          const next = advance(
            this.playhead.peek() ?? whole.from,
            time - last,
            this.speed.peek(),
            whole,
          );
          last = time;
          this.playhead.value = next.at;
          if (next.isOver) this.isPlaying.value = false;
        });
      }),
    );
  }

  close(): void {
    this.#stop.abort();
    this.#stopGliding();
    clearTimeout(this.#timer);
    clearTimeout(this.#insightTimer);
    clearTimeout(this.#sumsTimer);
    clearTimeout(this.#restTimer);
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
      const isFirst = this.session.value === null;
      batch(() => {
        this.store.load(skeleton);
        this.#sequence = skeleton.sequence;
        this.now.value = this.clock.value = Date.now();
        this.session.value = session;
        this.error.value = null;
        this.isDeleted.value = false;
        this.version.value++;
        this.summed.value++;
        this.rested.value++;
        if (isFirst) {
          this.heard.value = this.store.epoch + this.store.to;
          this.follow.value = session.state === "running" && this.selectedId.value === null;
        }
      });
      if (this.store.n <= MANY) this.isSettled.value = true;
      else setTimeout(() => (this.isSettled.value = true), SETTLING_MS);
      this.#askInsight(this.isSettled.value ? 0 : 2 * SETTLING_MS);
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
    if (changes.removed.includes(id)) {
      this.isDeleted.value = true;
      return;
    }
    const session = changes.sessions.find((one) => one.id === id);
    if (session) this.session.value = session;
    if (session) this.#askInsight(this.store.n > MANY ? 10 * INSIGHT_MS : INSIGHT_MS);
    const rows = changes.spans.filter((row) => row.session_id === id);
    if (rows.length > 0) this.heard.value = Date.now();
    if (changes.refetch.includes(id)) {
      this.#pending = [];
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.load(), 50);
    } else if (rows.length > 0) {
      // What waits is taken in at its time, however much comes meanwhile.
      if (this.#pending.length === 0) this.#timer = setTimeout(() => this.#merge(), 50);
      for (const row of rows) this.#pending.push(row);
    }
  }

  #merge(): void {
    const before = this.store.n;
    // In the order in which they began, so that they come to the end of the tree's lists.
    const rows = this.#pending.map(rowOf).sort((a, b) => a.start - b.start);
    for (const row of rows) this.store.put(row);
    this.#pending = [];
    this.store.link();
    const now = performance.now();
    batch(() => {
      this.version.value++;
      clearTimeout(this.#restTimer);
      if (this.store.n <= MANY) this.rested.value++;
      else this.#restTimer = setTimeout(() => this.rested.value++, REST_MS);
      if (this.store.n <= MANY || now - this.#summedAt >= SUMS_MS) {
        this.#summedAt = now;
        this.summed.value++;
      } else this.#sumsTimer ??= setTimeout(() => this.#sumUp(), SUMS_MS);
      if (!this.follow.value) this.arrived.value += this.store.n - before;
    });
  }

  #sumUp(): void {
    this.#sumsTimer = undefined;
    this.#summedAt = performance.now();
    this.summed.value++;
  }

  /** Asks the server what it makes of the run, once for all that changes until then. */
  #askInsight(wait: number): void {
    if (this.#insightTimer !== undefined) return;
    this.#insightTimer = setTimeout(async () => {
      try {
        const path = `/sessions/${encodeURIComponent(this.id)}/verdict`;
        this.insight.value = await api.get<Insight>(path, this.#stop.signal);
      } catch {
        // What it had said stays; the page tells the same in figures, and the next change asks again.
      }
      this.#insightTimer = undefined;
    }, wait);
  }

  change(part: Partial<SessionRoute>, replace = true): void {
    const state = this.state.value;
    const [time, at] = [this.window.peek(), this.playhead.peek()];
    if (state) go({ ...state, time, at, ...part }, { replace });
  }

  /** Selects a span, and moves the part of time in view to where it is. */
  select(at: number): void {
    if (at < 0) return;
    this.follow.value = false;
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
    return this.folded.value[at] === 1;
  }

  fold(at: number, folded: boolean): void {
    const state = this.state.value;
    if (!state || this.store.kids[at] === 0 || this.isFolded(at) === folded) return;
    const id = this.store.ids[at];
    const others = state.folds.filter((one) => one !== id);
    const isOther = others.length < state.folds.length;
    this.change({ base: this.#base.value, folds: isOther ? others : [...others, id] });
  }

  /** Folds or opens everything, or all but the way to what failed. */
  foldAll(base: Base): void {
    this.change({ base, folds: [] });
  }

  /** Shows the time of the rows in view. */
  showRows(): void {
    const [from, to] = this.rowsInView;
    const { store } = this;
    const now = this.nowHere.peek();
    // What stands above others in view lasts longer than they do, and would be all that counts.
    const rows = this.layout
      .peek()
      .rows.slice(Math.max(0, from), to)
      .filter((at, k, all) => store.above[all[k + 1]] !== at);
    const range = extent(rows, 0, rows.length, store.start, (at) => store.endAt(at, now));
    if (range) this.#glide(fit(range, this.whole.peek(), 0.04));
  }

  followRows(): void {
    this.followsRows.value = !this.followsRows.value;
    if (this.followsRows.value) this.showRows();
  }

  /** Goes to a part of time in a few frames, so that the eye can follow. */
  #glide(to: Range): void {
    this.#stopGliding();
    const from = this.range.peek();
    if (isCalm()) {
      this.window.value = to;
      return;
    }
    const began = performance.now();
    this.#stopGliding = frames(0, (time) => {
      const share = Math.min(1, Math.max(0, time - began) / GLIDE_MS);
      this.window.value = between(from, to, 1 - (1 - share) ** 3);
      if (share === 1) this.#stopGliding();
    });
  }

  /** Goes to the session that began before this one, or after it. */
  async neighbour(which: "before" | "after"): Promise<void> {
    const session = this.session.peek();
    if (!session) return;
    const query = new URLSearchParams({ project: session.project, limit: "2" });
    query.set("sort", which === "before" ? "newest" : "oldest");
    query.set(which === "before" ? "until" : "since", session.start_time);
    try {
      const { sessions } = await api.get<SessionList>(`/sessions?${query}`, this.#stop.signal);
      const other = sessions.find(({ id }) => id !== session.id);
      if (other) go({ ...sessionRoute(other.id), view: this.view.peek() });
      else toast(which === "before" ? "This is the first session" : "This is the newest session");
    } catch (error) {
      if (!isAborted(error)) toast("The other sessions could not be asked for");
    }
  }

  /** Brings a session back that was deleted while it was shown. */
  async restore(): Promise<void> {
    try {
      await api.send("POST", `/sessions/${encodeURIComponent(this.id)}/restore`);
      await this.load();
    } catch {
      toast("It could not be brought back: that is possible for ten minutes");
    }
  }

  show(window: Range | null): void {
    this.#stopGliding();
    this.followsRows.value = false;
    this.window.value = window;
  }

  play(): void {
    if (this.isPlaying.value) {
      this.isPlaying.value = false;
      return;
    }
    this.follow.value = false;
    this.playhead.value = beginning(this.playhead.value, this.whole.value);
    this.isPlaying.value = true;
  }

  /** Moves the replay; null ends it. */
  seek(at: number | null): void {
    if (at === null) this.isPlaying.value = false;
    this.playhead.value = at;
  }

  followAlong(follow: boolean): void {
    this.follow.value = follow;
    this.arrived.value = 0;
  }
}

/** Calls with every frame, or every so many milliseconds, until the function that is returned is called. */
function frames(every: number, work: (time: number) => void): () => void {
  if (every > 0) {
    const timer = setInterval(() => work(performance.now()), every);
    return () => clearInterval(timer);
  }
  let next = requestAnimationFrame(function again(time) {
    next = requestAnimationFrame(again);
    work(time);
  });
  return () => cancelAnimationFrame(next);
}
