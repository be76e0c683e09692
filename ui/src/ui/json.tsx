/**
 * A value as a tree that folds and is searched. Long texts and long lists are cut, and shown whole when asked for, so that
 * a value of megabytes does not stop the page. Shows text as text: nothing in a value is ever markup.
 */

import { useMemo, useState } from "preact/hooks";

import { whole as digits } from "../core/format";
import { findIn, split } from "../core/jsonfind";
import { Copy } from "./primitives";

const LONG_TEXT = 2_000;
const MANY = 100;
/** So deep it is open from the start, unless there is a lot in it. */
const OPEN_DEPTH = 2;
const OPEN_SIZE = 30;
/** So deep it is opened with one click or by a search. */
const DEEPEST = 60;
/** From so many lines on a value is worth searching. */
const WORTH_SEARCHING = 6;

/** What is looked for, and where it is. */
interface Look {
  words: string;
  open: ReadonlySet<object>;
}

/** A value with its name, and what can be done with it. */
export function Value({
  name,
  value,
  whole,
}: {
  name: string;
  value: unknown;
  /** Asks for all of it, where only a part is here. */
  whole?: () => Promise<unknown>;
}) {
  const [words, setWords] = useState("");
  const [all, setAll] = useState<boolean | null>(null);
  const found = useMemo(() => (words ? findIn(value, words) : null), [value, words]);
  const text = async () => {
    const all = whole ? await whole() : value;
    return typeof all === "string" ? all : JSON.stringify(all, null, 2);
  };
  const isTree = typeof value === "object" && value !== null;
  const isLong = useMemo(
    () =>
      isTree ? size(value, WORTH_SEARCHING) >= WORTH_SEARCHING : String(value).length > LONG_TEXT,
    [value, isTree],
  );
  return (
    <section class="value">
      <h3>
        <span>
          {name}
          {whole && <span class="chip warn">in part</span>}
        </span>
        <span class="value-tools">
          {isLong && (
            <>
              {found && (
                <span role="status" class={found.count === 0 ? "tone-warn" : ""}>
                  {digits(found.count)} found{found.isCut && " so far"}
                </span>
              )}
              <input
                type="search"
                placeholder="Find…"
                aria-label={`Find in ${name}`}
                value={words}
                onInput={(event) => setWords(event.currentTarget.value)}
              />
            </>
          )}
          {isTree && isLong && (
            <button
              type="button"
              class="copy"
              aria-pressed={all === true}
              onClick={() => setAll(all !== true)}
            >
              {all === true ? "Fold" : "Open"}
            </button>
          )}
          <Copy text={text} label="Copy" />
        </span>
      </h3>
      <div class="box">
        <Json
          key={String(all)}
          value={value}
          all={all}
          look={found ? { words, open: found.open } : null}
        />
      </div>
    </section>
  );
}

/** How many parts there are, as far as anybody wants to know. */
function size(value: unknown, enough: number): number {
  let count = 0;
  const waiting = [value];
  while (waiting.length > 0 && count < enough) {
    const one = waiting.pop();
    count++;
    if (typeof one === "object" && one !== null) {
      for (const inner of Object.values(one).slice(0, enough)) waiting.push(inner);
    }
  }
  return count;
}

interface Props {
  value: unknown;
  depth?: number;
  name?: string;
  look?: Look | null;
  /** Everything open, or everything folded; null is as it was found best. */
  all?: boolean | null;
}

export function Json({ value, depth = 0, name, look = null, all = null }: Props) {
  const label =
    name === undefined ? null : (
      <span class="key">
        <Marked text={name} look={look} />:{" "}
      </span>
    );
  if (value === null || typeof value !== "object") {
    return (
      <div class="json-line">
        {label}
        <Scalar value={value} look={look} />
      </div>
    );
  }
  return <Branch value={value} depth={depth} label={label} look={look} all={all} />;
}

function Branch({
  value,
  depth,
  label,
  look,
  all,
}: {
  value: object;
  depth: number;
  label: preact.ComponentChildren;
  look: Look | null;
  all: boolean | null;
}) {
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const isBest = depth < OPEN_DEPTH && entries.length <= OPEN_SIZE;
  const [chosen, setOpen] = useState(all === null ? isBest : all && depth < DEEPEST);
  const [shown, setShown] = useState(MANY);
  if (entries.length === 0) {
    return (
      <div class="json-line">
        {label}
        <span class="quiet">{isList ? "[]" : "{}"}</span>
      </div>
    );
  }
  const open = chosen || (look !== null && depth < DEEPEST && look.open.has(value));
  // What was found is shown, however far down the list it stands.
  const isWanted = (entry: [string, unknown], k: number) =>
    k < shown ||
    (look !== null && typeof entry[1] === "object" && look.open.has(entry[1] as object));
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
          {entries.filter(isWanted).map(([key, one]) => (
            <Json key={key} name={key} value={one} depth={depth + 1} look={look} all={all} />
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

function Scalar({ value, look }: { value: unknown; look: Look | null }) {
  if (value === "[redacted]") {
    return (
      <span
        class="redacted"
        title="Withheld by the redaction rules of the program that recorded it"
      >
        [redacted]
      </span>
    );
  }
  if (typeof value === "string") return <Text text={value} class="string" look={look} />;
  return (
    <span class="scalar">
      <Marked text={String(value)} look={look} />
    </span>
  );
}

function Marked({ text, look }: { text: string; look: Look | null }) {
  if (!look) return <>{text}</>;
  return (
    <>
      {split(text, look.words).map((part, k) => (k % 2 === 1 ? <mark key={k}>{part}</mark> : part))}
    </>
  );
}

/** Text of any length. */
export function Text({
  text,
  class: className,
  look = null,
}: {
  text: string;
  class?: string;
  look?: Look | null;
}) {
  const [whole, setWhole] = useState(false);
  const isLong = text.length > LONG_TEXT;
  return (
    <span class={className}>
      <Marked text={isLong && !whole ? text.slice(0, LONG_TEXT) : text} look={look} />
      {isLong && !whole && (
        <button type="button" class="more" onClick={() => setWhole(true)}>
          … {text.length - LONG_TEXT} more characters
        </button>
      )}
    </span>
  );
}
