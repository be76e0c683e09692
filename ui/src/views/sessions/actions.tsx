/** What can be done with sessions that are selected: their sums, taking them out, deleting them and bringing them back. */

import { useState } from "preact/hooks";

import { ApiError } from "../../core/api";
import { count, duration, money, plural } from "../../core/format";
import type { Deleted, Restored, Session } from "../../gen/api";
import { api } from "../../ui/ask";
import { Icon } from "../../ui/icons";
import { Menu } from "../../ui/menu";
import { toast } from "../../ui/toast";

/** How many ids one address takes, whatever stands between here and the server. */
const TOGETHER = 100;

export const FORMATS = [
  { id: "json", text: "JSON, everything" },
  { id: "otlp", text: "OTLP, for other tools" },
  { id: "csv", text: "CSV, a line for each span" },
] as const;
export type Format = (typeof FORMATS)[number]["id"];

export function Selected({
  sessions,
  clear,
  remove,
}: {
  sessions: readonly Session[];
  clear: () => void;
  remove: (ids: string[]) => void;
}) {
  const [isBusy, setBusy] = useState(false);
  const priced = sessions.filter((session) => session.cost.usd !== null);
  const usd = priced.reduce((sum, session) => sum + (session.cost.usd ?? 0), 0);
  const isPartial = sessions.some((session) => session.cost.partial);
  const tokens = sessions.reduce((sum, session) => sum + session.tokens.total, 0);
  const time = sessions.reduce((sum, session) => sum + (session.duration_ms ?? 0), 0);
  return (
    <div class="selection" role="region" aria-label="Selected sessions">
      <b>{plural(sessions.length, "session")}</b>
      <span>Σ {money({ usd: priced.length > 0 ? usd : null, partial: isPartial })}</span>
      <span>Σ {count(tokens)} tokens</span>
      <span>Σ {duration(time)}</span>
      <span class="spring" />
      <Menu
        class="up"
        label={
          <>
            <Icon name="download" /> {isBusy ? "Exporting…" : "Export"}
          </>
        }
      >
        {(close) => (
          <ul class="options">
            {FORMATS.map(({ id, text }) => (
              <li key={id}>
                <button
                  type="button"
                  disabled={isBusy}
                  onClick={() => {
                    close();
                    setBusy(true);
                    void download(sessions, id).finally(() => setBusy(false));
                  }}
                >
                  {text}
                </button>
              </li>
            ))}
          </ul>
        )}
      </Menu>
      <button
        type="button"
        class="danger"
        title="#"
        onClick={() => remove(sessions.map((session) => session.id))}
      >
        <Icon name="trash" /> Delete
      </button>
      <button type="button" onClick={clear}>
        Clear
      </button>
    </div>
  );
}

/** A file for each session, one after the other. */
export async function download(sessions: readonly Session[], format: Format): Promise<void> {
  for (const { id, name } of sessions) {
    const response = await fetch(`/api/v1/export/${id}?format=${format}`).catch(() => null);
    if (!response?.ok) {
      toast(`Session ${name} could not be exported: the server did not answer with it.`);
      return;
    }
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = `${name.replaceAll(/[^\w.-]+/g, "-")}-${id.slice(-8)}.${format}`;
    link.click();
    URL.revokeObjectURL(address);
  }
}

/** Deletes sessions, and offers to bring back those that went; `then` is told when something changed. */
export async function remove(ids: readonly string[], then: () => void): Promise<void> {
  const gone: string[] = [];
  try {
    for (const some of chunks(ids)) {
      const { deleted } = await api.send<Deleted>("DELETE", `/sessions?${query(some)}`);
      gone.push(...deleted);
    }
  } catch (error) {
    toast(error instanceof ApiError ? error.message : "Not all were deleted.");
  }
  if (gone.length > 0) {
    toast(`${plural(gone.length, "session")} deleted.`, {
      text: "Undo",
      run: () => void restore(gone).then(then),
    });
  }
  then();
}

async function restore(ids: readonly string[]): Promise<void> {
  try {
    let sum = 0;
    for (const some of chunks(ids)) {
      const { restored } = await api.send<Restored>("POST", `/sessions/restore?${query(some)}`);
      sum += restored.length;
    }
    toast(`${plural(sum, "session")} brought back.`);
  } catch (error) {
    toast(error instanceof ApiError ? error.message : "They could not be brought back.");
  }
}

function chunks(ids: readonly string[]): string[][] {
  const all: string[][] = [];
  for (let at = 0; at < ids.length; at += TOGETHER) all.push(ids.slice(at, at + TOGETHER));
  return all;
}

const query = (ids: readonly string[]): string => ids.map((id) => `id=${id}`).join("&");
