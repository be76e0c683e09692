/**
 * Filters as people type them: `state=failed tag:prod cost>0.05 "two words"`.
 *
 * Words that name a filter become one, and whatever is left is looked for as text. `print` writes what `read` reads, so
 * that a line that was typed and the filters in the address are the same thing.
 */

import { FILTERS, type Filter, type Filters } from "./url";

const ALIASES: Record<string, Filter> = {
  end: "end_state",
  env: "environment",
  code: "error",
  from: "since",
  to: "until",
  last: "range",
};

/** What people call an end, and what the server calls it. */
const ENDS: Record<string, string> = {
  failed: "Error",
  error: "Error",
  success: "Success",
  succeeded: "Success",
  indeterminate: "Indeterminate",
};

/** The filters that a line names; text that names none is `q`. */
export function read(line: string): Filters {
  const filters: Filters = {};
  const text: string[] = [];
  for (const word of words(line)) {
    const cost = /^cost([<>])=?\$?(\d+(?:\.\d+)?)$/.exec(word.plain);
    if (cost && !word.isQuoted) {
      filters[cost[1] === ">" ? "min_cost" : "max_cost"] = cost[2];
      continue;
    }
    const [name, value] = parts(word);
    if (name === null) text.push(word.plain);
    else if (value) put(filters, name, value);
  }
  const q = text.join(" ");
  if (q) filters.q = q;
  return filters;
}

/** The shortest line that names these filters. */
export function print(filters: Filters): string {
  const line: string[] = [];
  for (const name of FILTERS) {
    const value = filters[name];
    if (!value || name === "q") continue;
    if (name === "min_cost") line.push(`cost>${value}`);
    else if (name === "max_cost") line.push(`cost<${value}`);
    else line.push(`${name === "end_state" ? "end" : name}=${quoted(value)}`);
  }
  for (const word of (filters.q ?? "").split(" ").filter(Boolean)) {
    line.push(isPlain(word) ? word : quoted(word, true));
  }
  return line.join(" ");
}

/** How a filter is named where it is shown. */
export function label(name: Filter, value: string): string {
  switch (name) {
    case "min_cost":
      return `cost ≥ $${value}`;
    case "max_cost":
      return `cost ≤ $${value}`;
    case "end_state":
      return value === "Error" ? "failed" : value.toLowerCase();
    case "state":
      return value;
    case "tag":
      return `#${value}`;
    case "fault":
      return `error group ${value}`;
    case "q":
      return `“${value}”`;
    default:
      return `${name}: ${value}`;
  }
}

interface Word {
  plain: string;
  /** From its beginning, so that it names no filter. */
  isQuoted: boolean;
}

function words(line: string): Word[] {
  const found: Word[] = [];
  for (const [whole] of line.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const plain = whole.replaceAll('"', "");
    if (plain) found.push({ plain, isQuoted: whole.startsWith('"') });
  }
  return found;
}

function parts({ plain, isQuoted }: Word): [Filter | null, string] {
  const at = plain.search(/[=:]/);
  if (isQuoted || at < 1) return [null, plain];
  const name = plain.slice(0, at).toLowerCase();
  const known = FILTERS.find((filter) => filter === name) ?? ALIASES[name];
  return known && known !== "q" ? [known, plain.slice(at + 1)] : [null, plain];
}

function put(filters: Filters, name: Filter, value: string): void {
  const end = ENDS[value.toLowerCase()];
  if ((name === "state" || name === "end_state") && end) filters.end_state = end;
  else filters[name] = name === "state" ? value.toLowerCase() : value;
}

/** A word that means itself, and no filter. */
function isPlain(word: string): boolean {
  const [one, ...more] = words(word);
  return (
    more.length === 0 &&
    one?.plain === word &&
    parts(one)[0] === null &&
    !/^cost[<>]/.test(one.plain)
  );
}

function quoted(value: string, always = false): string {
  return always || /\s/.test(value) ? `"${value}"` : value;
}
