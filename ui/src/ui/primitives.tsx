/** The few parts that every page is made of. */

import type { ComponentChildren } from "preact";

import { useState } from "preact/hooks";

import { ApiError } from "../core/api";
import { KINDS, LETTERS } from "../core/kinds";
import { type Session, type Tone, outcome } from "../core/model";

/** A kind as letter in its colour; its name is read out, and shown on hover. */
export function Kind({ kind }: { kind: number }) {
  const name = KINDS[kind].toLowerCase();
  return (
    <span class={`kind kind-${name}`} title={name}>
      <span aria-hidden="true">{LETTERS[kind]}</span>
      <span class="unseen">{name} </span>
    </span>
  );
}

export function Outcome({ session }: { session: Session }) {
  const { word, sign, tone } = outcome(session);
  return (
    <span class={`outcome tone-${tone}`}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

/** A figure with what it means. */
export function Figure({
  label,
  value,
  tone,
  title,
}: {
  label: string;
  value: ComponentChildren;
  tone?: Tone;
  title?: string | undefined;
}) {
  return (
    <span class={tone ? `figure tone-${tone}` : "figure"} title={title}>
      <b>{value}</b> <span>{label}</span>
    </span>
  );
}

/** What failed, and what to do about it. */
export function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  const known = error instanceof ApiError ? error : null;
  if (known?.status === 401) return <KeyForm retry={retry} />;
  return (
    <div class="failure" role="alert">
      <p>{known?.message ?? "The page made a mistake."}</p>
      {known?.requestId && <p class="quiet">Request {known.requestId}</p>}
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** Asks for the token, and goes on where one is. */
function KeyForm({ retry }: { retry: () => void }) {
  const [says, setSays] = useState("");
  const send = async (token: string) => {
    setSays("");
    // The server answers with a cookie, which this page cannot read, and every later request has.
    const asked = await fetch(`/?token=${encodeURIComponent(token)}`).catch(() => null);
    if (asked === null) setSays("The server does not answer. Is `agentops serve` running?");
    else if (asked.status === 401) setSays("That is not the token of this server.");
    else retry();
  };
  return (
    <section class="empty" role="alert">
      <h2>This server wants its token</h2>
      <p>
        Open the address that <code>agentops serve</code> printed, or give what is in the file{" "}
        <code>token</code> of its data directory.
      </p>
      <form
        class="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send(String(new FormData(event.currentTarget).get("token") ?? "").trim());
        }}
      >
        <input
          class="field"
          type="password"
          name="token"
          aria-label="Token"
          autocomplete="off"
          required
        />
        <button type="submit">Open</button>
      </form>
      {says && <p class="tone-bad">{says}</p>}
    </section>
  );
}

/** One of several; arrows go from one to the next. */
export function Tabs<T extends string>({
  label,
  tabs,
  chosen,
  choose,
}: {
  label: string;
  tabs: readonly { id: T; text: ComponentChildren }[];
  chosen: T;
  choose: (id: T) => void;
}) {
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const next = (at + by + tabs.length) % tabs.length;
    choose(tabs[next].id);
    const buttons = (event.currentTarget as HTMLElement).querySelectorAll("button");
    buttons[next].focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} tabIndex={-1} onKeyDown={onKeyDown}>
      {tabs.map(({ id, text }) => (
        <button
          key={id}
          type="button"
          role="tab"
          aria-selected={id === chosen}
          tabIndex={id === chosen ? 0 : -1}
          onClick={() => choose(id)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

/** Puts text on the clipboard, and says so. */
/** Copies a text, which may have to be asked for first. */
export function Copy({ text, label }: { text: () => string | Promise<string>; label: string }) {
  const copy = async (event: MouseEvent) => {
    const button = event.currentTarget as HTMLButtonElement;
    try {
      await navigator.clipboard.writeText(await text());
      button.dataset.done = "copied";
    } catch (error) {
      button.dataset.done = error instanceof DOMException ? "not allowed" : "not there";
    }
  };
  return (
    <button type="button" class="copy" onClick={copy} aria-label={label}>
      {label}
    </button>
  );
}
