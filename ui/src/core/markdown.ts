/**
 * Markdown as models write it, read into plain values.
 *
 * What was written is never markup: HTML stays text, a link leads nowhere but to the web and mail, and an image that is not
 * in the text itself is only named, for fetching it would tell somebody that it was read. Reading takes time in proportion
 * to the text, whatever is in it. Knows nothing of elements.
 */

export type Inline =
  | { type: "text"; text: string }
  | { type: "code"; text: string }
  | { type: "strong" | "em" | "del"; inner: Inline[] }
  | { type: "link"; href: string; inner: Inline[] }
  | {
      type: "image";
      alt: string;
      /** Only what is in the text itself. */ data: string | null;
      href: string | null;
    }
  | { type: "break" };

export type Align = "left" | "center" | "right" | null;

export type Block =
  | { type: "heading"; level: number; inner: Inline[] }
  | { type: "paragraph"; inner: Inline[] }
  | { type: "code"; language: string; text: string }
  | { type: "quote"; blocks: Block[] }
  | { type: "list"; start: number | null; items: Block[][] }
  | { type: "table"; align: Align[]; head: Inline[][]; rows: Inline[][][] }
  | { type: "rule" };

/** Longer texts are shown as they are. */
export const LONGEST = 150_000;
/** Quotes and lists within one another, and emphasis within itself. */
const DEEPEST = 8;
/** How far the end of something is looked for. */
const REACH = 2_000;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,40})/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+|$)/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?: {1,4}|\t|$)/;
const DIVIDER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

export function read(text: string): Block[] {
  return blocks(text.split(/\r\n?|\n/), 0);
}

function blocks(lines: readonly string[], depth: number): Block[] {
  const found: Block[] = [];
  let paragraph: string[] = [];
  const close = () => {
    if (paragraph.length > 0)
      found.push({ type: "paragraph", inner: inline(paragraph.join("\n")) });
    paragraph = [];
  };
  for (let k = 0; k < lines.length;) {
    const line = lines[k];
    const fence = FENCE.exec(line);
    if (line.trim() === "") {
      close();
      k++;
    } else if (fence) {
      close();
      const end = closing(lines, k + 1, fence[1]);
      found.push({ type: "code", language: fence[2], text: lines.slice(k + 1, end).join("\n") });
      k = end + 1;
    } else if (HEADING.test(line)) {
      close();
      const marks = HEADING.exec(line);
      const level = marks?.[1].length ?? 1;
      const words = line.slice(marks?.[0].length ?? 0).trimEnd();
      found.push({ type: "heading", level, inner: inline(withoutHashes(words)) });
      k++;
    } else if (RULE.test(line)) {
      close();
      found.push({ type: "rule" });
      k++;
    } else if (QUOTE.test(line) && depth < DEEPEST) {
      close();
      const from = k;
      while (k < lines.length && QUOTE.test(lines[k])) k++;
      const inner = lines.slice(from, k).map((one) => one.replace(QUOTE, ""));
      found.push({ type: "quote", blocks: blocks(inner, depth + 1) });
    } else if (ITEM.test(line) && depth < DEEPEST) {
      close();
      k = list(lines, k, depth, found);
    } else if (line.includes("|") && DIVIDER.test(lines[k + 1] ?? "")) {
      close();
      k = table(lines, k, found);
    } else {
      paragraph.push(line);
      k++;
    }
  }
  close();
  return found;
}

/** A heading may end as it began. */
function withoutHashes(words: string): string {
  let end = words.length;
  while (end > 0 && words[end - 1] === "#") end--;
  return end > 0 && end < words.length && words[end - 1] === " " ? words.slice(0, end - 1) : words;
}

/** The line that ends a block of code; where none does, all the rest is code. */
function closing(lines: readonly string[], from: number, fence: string): number {
  for (let k = from; k < lines.length; k++) {
    const line = lines[k].trim();
    if (line.length >= fence.length && line === fence[0].repeat(line.length)) return k;
  }
  return lines.length;
}

function list(lines: readonly string[], from: number, depth: number, into: Block[]): number {
  const items: Block[][] = [];
  const first = ITEM.exec(lines[from]);
  const sign = first?.[2] ?? "-";
  const isOrdered = /\d/.test(sign);
  let item: string[] = [];
  let indent = 0;
  let k = from;
  for (; k < lines.length; k++) {
    const line = lines[k];
    const mark = ITEM.exec(line);
    if (
      mark &&
      /\d/.test(mark[2]) === isOrdered &&
      !RULE.test(line) &&
      mark[1].length < Math.max(2, indent)
    ) {
      if (k > from) items.push(blocks(item, depth + 1));
      indent = mark[0].length;
      item = [line.slice(mark[0].length)];
    } else if (line.trim() === "") {
      // A list ends where what follows an empty line is not indented.
      const next = lines[k + 1] ?? "";
      if (!next.startsWith("  ") && !ITEM.test(next)) break;
      item.push("");
    } else if (/^\s/.test(line) || !startsBlock(line)) {
      item.push(line.startsWith(" ".repeat(indent)) ? line.slice(indent) : line.trimStart());
    } else break;
  }
  items.push(blocks(item, depth + 1));
  into.push({ type: "list", start: isOrdered ? Number.parseInt(sign, 10) : null, items });
  return k;
}

const startsBlock = (line: string): boolean =>
  FENCE.test(line) || HEADING.test(line) || QUOTE.test(line) || RULE.test(line) || ITEM.test(line);

function table(lines: readonly string[], from: number, into: Block[]): number {
  const align = cells(lines[from + 1]).map((cell): Align => {
    const left = cell.startsWith(":");
    const right = cell.endsWith(":");
    return left && right ? "center" : right ? "right" : left ? "left" : null;
  });
  const rows: Inline[][][] = [];
  let k = from + 2;
  for (; k < lines.length && lines[k].includes("|"); k++) {
    rows.push(cells(lines[k]).slice(0, align.length).map(inline));
  }
  const head = cells(lines[from]).slice(0, align.length).map(inline);
  into.push({ type: "table", align, head, rows });
  return k;
}

/** What stands between the bars of a line; a bar behind a backslash is none. */
function cells(line: string): string[] {
  const found: string[] = [];
  let cell = "";
  for (let k = 0; k < line.length; k++) {
    if (line[k] === "\\" && line[k + 1] === "|") {
      cell += "|";
      k++;
    } else if (line[k] === "|") {
      found.push(cell.trim());
      cell = "";
    } else cell += line[k];
  }
  if (cell.trim()) found.push(cell.trim());
  if (found[0] === "" && line.trimStart().startsWith("|")) found.shift();
  return found;
}

/** Signs that may begin something. */
const SIGNS = /[\\`*_~[!\n<]|https?:\/\//g;

export function inline(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let plain = 0;
  let k = 0;
  const put = (end: number, one: Inline, next: number) => {
    if (end > plain) found.push({ type: "text", text: text.slice(plain, end) });
    found.push(one);
    plain = k = next;
  };
  const signs = new RegExp(SIGNS);
  while (k < text.length) {
    signs.lastIndex = k;
    const sign = signs.exec(text);
    if (!sign) break;
    k = sign.index;
    const one = special(text, k, depth);
    if (one) put(k, one.made, one.next);
    else k++;
  }
  if (plain < text.length) found.push({ type: "text", text: text.slice(plain) });
  return found;
}

interface Made {
  made: Inline;
  next: number;
}

function special(text: string, at: number, depth: number): Made | null {
  switch (text[at]) {
    case "\\":
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")
        ? { made: { type: "text", text: text[at + 1] }, next: at + 2 }
        : null;
    case "\n":
      return { made: { type: "break" }, next: at + 1 };
    case "`":
      return code(text, at);
    case "*":
    case "_":
    case "~":
      return depth < DEEPEST ? emphasis(text, at, depth) : null;
    case "!":
      return text[at + 1] === "[" ? image(text, at) : null;
    case "[":
      return depth < DEEPEST ? link(text, at, depth) : null;
    default:
      return bare(text, at);
  }
}

/** Where `what` stands next, within reach; -1 where it does not. */
function find(text: string, what: string, from: number): number {
  const at = text.slice(from, from + REACH).indexOf(what);
  return at < 0 ? -1 : from + at;
}

function code(text: string, at: number): Made | null {
  let ticks = 1;
  while (text[at + ticks] === "`") ticks++;
  const fence = "`".repeat(Math.min(ticks, REACH));
  const end = find(text, fence, at + ticks);
  if (end < 0)
    return { made: { type: "text", text: text.slice(at, at + ticks) }, next: at + ticks };
  const inside = text.slice(at + ticks, end);
  const trimmed =
    inside.trim() === "" ? inside : inside.replace(/^ (?=.* $)/s, "").replace(/ $/, "");
  return { made: { type: "code", text: trimmed }, next: end + ticks };
}

function emphasis(text: string, at: number, depth: number): Made | null {
  const sign = text[at];
  const isDouble = text[at + 1] === sign;
  if (sign === "~" && !isDouble) return null;
  const fence = isDouble ? sign + sign : sign;
  const from = at + fence.length;
  // Words with underscores in them are names.
  if (sign === "_" && /\w/.test(text[at - 1] ?? "")) return null;
  if (from >= text.length || /\s/.test(text[from])) return null;
  for (let tries = 0, end = find(text, fence, from + 1); end >= 0 && tries < 4; tries++) {
    const isWithin =
      /\s/.test(text[end - 1]) || (sign === "_" && /\w/.test(text[end + fence.length] ?? ""));
    const isLonger = !isDouble && text[end + 1] === sign;
    if (!isWithin && !isLonger) {
      const type = sign === "~" ? "del" : isDouble ? "strong" : "em";
      return {
        made: { type, inner: inline(text.slice(from, end), depth + 1) },
        next: end + fence.length,
      };
    }
    end = find(text, fence, end + (isLonger ? 2 : 1));
  }
  return null;
}

/** `[words](target)`: where the words end, and what they lead to. */
function target(text: string, open: number): { words: string; to: string; next: number } | null {
  const close = find(text, "](", open + 1);
  if (close < 0) return null;
  const end = find(text, ")", close + 2);
  if (end < 0) return null;
  const words = text.slice(open + 1, close);
  // A bracket within belongs to another link.
  if (words.includes("\n\n")) return null;
  const to = text
    .slice(close + 2, end)
    .trim()
    .replace(/\s+["'(].*$/s, "");
  return { words, to: to.replace(/^<|>$/g, ""), next: end + 1 };
}

function link(text: string, at: number, depth: number): Made | null {
  const found = target(text, at);
  if (!found) return null;
  const inner = inline(found.words, depth + 1);
  const href = safe(found.to);
  if (href === null)
    return { made: { type: "text", text: text.slice(at, found.next) }, next: found.next };
  return { made: { type: "link", href, inner }, next: found.next };
}

/** What images may be, where they are in the text itself; SVG is a program. */
const DATA = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

function image(text: string, at: number): Made | null {
  const open = find(text, "](", at + 2);
  if (open < 0) return null;
  // Data may be long, and ends where no base64 goes on.
  const isData = text.startsWith("data:", open + 2);
  const end = isData ? text.indexOf(")", open + 2) : find(text, ")", open + 2);
  if (end < 0) return null;
  const to = text
    .slice(open + 2, end)
    .trim()
    .replace(/\s+["'(].*$/s, "");
  const data = DATA.test(to) ? to : null;
  const alt = text.slice(at + 2, open);
  return { made: { type: "image", alt, data, href: data ? null : safe(to) }, next: end + 1 };
}

/** An address that stands by itself, or between `<` and `>`. */
function bare(text: string, at: number): Made | null {
  const isFramed = text[at] === "<";
  const from = isFramed ? at + 1 : at;
  if (!isFramed && /\w/.test(text[at - 1] ?? "")) return null;
  const found = /^https?:\/\/[^\s<>"'`\]|\\^{}]+/.exec(text.slice(from, from + REACH));
  if (!found) return null;
  let address = found[0];
  if (isFramed && text[from + address.length] !== ">") return null;
  if (!isFramed) address = withoutStops(address);
  const href = safe(address);
  if (href === null) return null;
  const next = from + address.length + (isFramed ? 1 : 0);
  return { made: { type: "link", href, inner: [{ type: "text", text: address }] }, next };
}

/** Stops and brackets at the end belong to the sentence. */
function withoutStops(address: string): string {
  let end = address.length;
  while (end > 0 && ".,;:!?)*_~".includes(address[end - 1])) end--;
  return address.slice(0, end);
}

/** The address if it leads to the web or to mail, written out in full; null for all else. */
export function safe(address: string): string | null {
  // Browsers skip these within a scheme, so that they could hide one.
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u0020\u007f-\u009f]/.test(address)) return null;
  if (!/^(?:https?:\/\/|mailto:)/i.test(address)) return null;
  try {
    const url = new URL(address);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
