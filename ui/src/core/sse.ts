/**
 * Changes as they happen: one connection for all tabs of a browser, resumed where it broke.
 *
 * A browser has six connections to a server in all, so tabs elect one (by a lock) that listens and tells the others. Who
 * comes to listen next goes on after the last change that any tab saw. Where the server no longer remembers what came in
 * between, it says `reset`, and whoever shows something asks for it anew.
 */

/** What came, or what became of the connection. */
export type Message =
  | { type: "event"; name: string; data: string; id: string }
  | { type: "state"; state: State };

export type State = "connecting" | "open" | "retrying";

/** The part of an EventSource that is used here. */
export interface Source {
  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void;
  onopen: ((event: Event) => void) | null;
  onerror: ((event: Event) => void) | null;
  readonly readyState: number;
  close(): void;
}

/** The part of a BroadcastChannel that is used here. */
export interface Channel {
  postMessage(message: Message | { type: "hello" }): void;
  onmessage: ((event: { data: Message | { type: "hello" } }) => void) | null;
  close(): void;
}

/** What the browser has to offer; in tests, what we say it has. */
export interface Surroundings {
  open(url: string): Source;
  channel(): Channel | null;
  /** Calls once this tab is the one that listens, until the promise that it gave resolves. */
  lead(leader: () => Promise<void>): void;
  later(work: () => void, ms: number): () => void;
}

const CLOSED = 2;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Events {
  state: State = "connecting";
  /** The last change that was seen by any tab. */
  lastId: string | null = null;

  readonly #around: Surroundings;
  readonly #url: string;
  readonly #names: readonly string[];
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #channel: Channel | null;
  #source: Source | null = null;
  #leading = false;
  #closed = false;
  #wait = FIRST_WAIT;
  #cancel: () => void = () => {};
  #release: () => void = () => {};

  /** Listens to events of these names; `after` is what the page that is shown already knows. */
  constructor(url: string, names: readonly string[], around: Surroundings, after?: number) {
    this.#url = url;
    this.#names = names;
    this.#around = around;
    if (after !== undefined) this.lastId = String(after);
    this.#channel = around.channel();
    if (this.#channel) {
      this.#channel.onmessage = ({ data }) => this.#heard(data);
      this.#channel.postMessage({ type: "hello" });
    }
    around.lead(
      () =>
        new Promise<void>((resolve) => {
          if (this.#closed) return resolve();
          this.#leading = true;
          this.#release = resolve;
          this.#connect();
        }),
    );
  }

  listen(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#source?.close();
    this.#channel?.close();
    this.#listeners.clear();
    this.#release();
  }

  /** What another tab says. */
  #heard(message: Message | { type: "hello" }): void {
    if (message.type === "hello") {
      if (this.#leading) this.#channel?.postMessage({ type: "state", state: this.state });
    } else if (!this.#leading) {
      this.#tell(message);
    }
  }

  #connect(): void {
    if (this.#closed) return;
    const source = this.#around.open(this.#address());
    this.#source = source;
    source.onopen = () => {
      this.#wait = FIRST_WAIT;
      this.#say({ type: "state", state: "open" });
    };
    source.onerror = () => {
      if (this.#closed || source !== this.#source) return;
      this.#say({ type: "state", state: "retrying" });
      // The browser itself tries again after a connection that broke, but not after an answer that was refused.
      if (source.readyState !== CLOSED) return;
      source.close();
      const wait = this.#wait;
      this.#wait = Math.min(LONGEST_WAIT, wait * 2);
      this.#cancel = this.#around.later(() => this.#connect(), wait);
    };
    for (const name of this.#names) {
      source.addEventListener(name, ({ data, lastEventId }) => {
        this.#say({ type: "event", name, data, id: lastEventId });
      });
    }
  }

  /** Where to listen; a browser says by itself what it saw last, but only on the connection that it saw it on. */
  #address(): string {
    if (this.lastId === null) return this.#url;
    const joint = this.#url.includes("?") ? "&" : "?";
    return `${this.#url}${joint}last_event_id=${encodeURIComponent(this.lastId)}`;
  }

  #say(message: Message): void {
    this.#channel?.postMessage(message);
    this.#tell(message);
  }

  #tell(message: Message): void {
    if (message.type === "state") this.state = message.state;
    else if (message.id) this.lastId = message.id;
    for (const listener of this.#listeners) listener(message);
  }
}

/** A browser's own; without locks or channels, each tab listens for itself. */
export function browser(): Surroundings {
  const canShare = typeof navigator !== "undefined" && "locks" in navigator;
  return {
    open: (url) => new EventSource(url),
    channel: () =>
      canShare && typeof BroadcastChannel !== "undefined"
        ? (new BroadcastChannel("agentops-events") as Channel)
        : null,
    lead: (leader) => {
      if (canShare) void navigator.locks.request("agentops-events", leader);
      else void leader();
    },
    later: (work, ms) => {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
  };
}
