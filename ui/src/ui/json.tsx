/**
 * A value as a tree that folds. Long texts and long lists are cut, and shown whole when asked for, so that a value of
 * megabytes does not stop the page. Shows text as text: nothing in a value is ever markup.
 */

import { useState } from "preact/hooks";

const LONG_TEXT = 2_000;
const MANY = 100;
/** So deep it is open from the start, unless there is a lot in it. */
const OPEN_DEPTH = 2;
const OPEN_SIZE = 30;

export function Json({
  value,
  depth = 0,
  name,
}: {
  value: unknown;
  depth?: number;
  name?: string;
}) {
  const label = name === undefined ? null : <span class="key">{name}: </span>;
  if (value === null || typeof value !== "object") {
    return (
      <div class="json-line">
        {label}
        <Scalar value={value} />
      </div>
    );
  }
  return <Branch value={value} depth={depth} label={label} />;
}

function Branch({
  value,
  depth,
  label,
}: {
  value: object;
  depth: number;
  label: preact.ComponentChildren;
}) {
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && entries.length <= OPEN_SIZE);
  const [shown, setShown] = useState(MANY);
  if (entries.length === 0) {
    return (
      <div class="json-line">
        {label}
        <span class="quiet">{isList ? "[]" : "{}"}</span>
      </div>
    );
  }
  return (
    <details class="json" open={open}>
      <summary
        onClick={(event) => {
          event.preventDefault();
          setOpen(!open);
        }}
      >
        {label}
        <span class="quiet">{isList ? `[${entries.length}]` : open ? "{" : preview(entries)}</span>
      </summary>
      {open && (
        <div class="json-body">
          {entries.slice(0, shown).map(([key, one]) => (
            <Json key={key} name={key} value={one} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <button type="button" class="more" onClick={() => setShown(shown + 10 * MANY)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </details>
  );
}

function preview(entries: [string, unknown][]): string {
  const names = entries.slice(0, 4).map(([key]) => key);
  return `{ ${names.join(", ")}${entries.length > names.length ? ", …" : ""} }`;
}

function Scalar({ value }: { value: unknown }) {
  if (typeof value === "string") return <Text text={value} class="string" />;
  return <span class="scalar">{String(value)}</span>;
}

/** Text of any length. */
export function Text({ text, class: className }: { text: string; class?: string }) {
  const [whole, setWhole] = useState(false);
  const isLong = text.length > LONG_TEXT;
  return (
    <span class={className}>
      {isLong && !whole ? text.slice(0, LONG_TEXT) : text}
      {isLong && !whole && (
        <button type="button" class="more" onClick={() => setWhole(true)}>
          … {text.length - LONG_TEXT} more characters
        </button>
      )}
    </span>
  );
}
