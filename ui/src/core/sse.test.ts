import { expect, test } from "vitest";

import { type Channel, Events, type Message, type Source, type Surroundings } from "./sse";

/** A browser with tabs: one lock, one channel, sources that are driven by hand. */
class Browser {
  readonly sources: FakeSource[] = [];
  readonly #channels = new Set<Channel>();
  readonly #waiting: (() => Promise<void>)[] = [];
  #held = false;
  readonly timers: { work: () => void; ms: number }[] = [];

  tab(): Surroundings {
    return {
      open: (url) => {
        const source = new FakeSource(url);
        this.sources.push(source);
        return source;
      },
      channel: () => {
        const channel: Channel = {
          onmessage: null,
          postMessage: (data) => {
            for (const other of this.#channels) if (other !== channel) other.onmessage?.({ data });
          },
          close: () => this.#channels.delete(channel),
        };
        this.#channels.add(channel);
        return channel;
      },
      lead: (leader) => {
        this.#waiting.push(leader);
        this.#next();
      },
      later: (work, ms) => {
        const timer = { work, ms };
        this.timers.push(timer);
        return () => void this.timers.splice(this.timers.indexOf(timer), 1);
      },
    };
  }

  #next(): void {
    const leader = this.#held ? undefined : this.#waiting.shift();
    if (!leader) return;
    this.#held = true;
    void leader().then(() => {
      this.#held = false;
      this.#next();
    });
  }
}

class FakeSource implements Source {
  onopen: Source["onopen"] = null;
  onerror: Source["onerror"] = null;
  readyState = 0;
  readonly #listeners = new Map<string, (event: MessageEvent<string>) => void>();

  constructor(readonly url: string) {}

  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void {
    this.#listeners.set(name, listener);
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  fail(readyState: number): void {
    this.readyState = readyState;
    this.onerror?.(new Event("error"));
  }

  send(name: string, data: string, lastEventId: string): void {
    this.#listeners.get(name)?.(new MessageEvent(name, { data, lastEventId }));
  }

  close(): void {
    this.readyState = 2;
  }
}

function tab(browser: Browser, after?: number) {
  const events = new Events("/events", ["changes", "reset"], browser.tab(), after);
  const heard: string[] = [];
  events.listen((message: Message) =>
    heard.push(
      message.type === "event" ? `${message.name} ${message.data} ${message.id}` : message.state,
    ),
  );
  return { events, heard };
}

const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

test("two tabs share one connection and hear the same", () => {
  const browser = new Browser();
  const first = tab(browser, 40);
  browser.sources[0].open();
  const second = tab(browser);
  browser.sources[0].send("changes", "{}", "41");
  expect(browser.sources.map(({ url }) => url)).toEqual(["/events?last_event_id=40"]);
  expect(first.heard).toEqual(["open", "changes {} 41"]);
  expect(second.heard).toEqual(["changes {} 41"]);
  expect(second.events.lastId).toBe("41");
});

test("a tab that comes later is told that there is a connection", () => {
  const browser = new Browser();
  tab(browser);
  browser.sources[0].open();
  expect(tab(browser).events.state).toBe("open");
});

test("when the tab that listens is closed, another goes on where it was", async () => {
  const browser = new Browser();
  const first = tab(browser);
  const second = tab(browser);
  browser.sources[0].open();
  browser.sources[0].send("changes", "a", "7");
  first.events.close();
  await settled();
  expect(browser.sources.map(({ url }) => url)).toEqual(["/events", "/events?last_event_id=7"]);
  browser.sources[1].send("changes", "b", "8");
  expect(second.heard).toEqual(["open", "changes a 7", "changes b 8"]);
});

test("the browser tries again by itself, unless it was refused: then we do, more and more slowly", () => {
  const browser = new Browser();
  const { heard } = tab(browser);
  browser.sources[0].fail(0);
  expect(browser.timers).toEqual([]);
  browser.sources[0].send("changes", "a", "3");
  browser.sources[0].fail(2);
  for (let k = 0; k < 7; k++) {
    browser.timers[k].work();
    browser.sources[k + 1].fail(2);
  }
  expect(browser.timers.map(({ ms }) => ms)).toEqual([
    500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000,
  ]);
  expect(browser.sources.at(-1)?.url).toBe("/events?last_event_id=3");
  browser.timers[7].work();
  browser.sources.at(-1)?.open();
  browser.sources.at(-1)?.fail(2);
  expect(browser.timers.at(-1)?.ms).toBe(500);
  expect(heard.slice(0, 3)).toEqual(["retrying", "changes a 3", "retrying"]);
});

test("a reset is passed on to every tab", () => {
  const browser = new Browser();
  tab(browser);
  const second = tab(browser);
  browser.sources[0].send("reset", "{}", "99");
  expect(second.heard).toEqual(["reset {} 99"]);
  expect(second.events.lastId).toBe("99");
});

test("nothing is heard after closing", () => {
  const browser = new Browser();
  const { events, heard } = tab(browser);
  events.close();
  browser.sources[0].send("changes", "a", "1");
  browser.sources[0].fail(2);
  expect(heard).toEqual([]);
  expect(browser.timers).toEqual([]);
});
