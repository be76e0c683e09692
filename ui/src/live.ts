/** The server's changes for the whole page: one listener, whatever is shown. */

import { signal } from "@preact/signals";

import type { Changes } from "./core/model";
import { Events, type State, browser } from "./core/sse";

/** Whether changes come. */
export const connection = signal<State>("connecting");

type Listener = { changes: (changes: Changes) => void; reset: () => void };

const listeners = new Set<Listener>();
let events: Events | null = null;

/** Listens until the function that is returned is called. */
export function listen(listener: Listener): () => void {
  events ??= begin();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function begin(): Events {
  const begun = new Events("/api/v1/events?spans=true", ["hello", "changes", "reset"], browser());
  begun.listen((message) => {
    if (message.type === "state") {
      connection.value = message.state;
    } else if (message.name === "changes") {
      const changes = JSON.parse(message.data) as Changes;
      for (const listener of listeners) listener.changes(changes);
    } else if (message.name === "reset") {
      for (const listener of listeners) listener.reset();
    }
  });
  return begun;
}
