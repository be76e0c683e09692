/**
 * What a page shows, as its address: every state is in it, so that a link shows the same to somebody else.
 *
 * `parse` takes any address, `print` writes the shortest that says the same. Knows nothing of the browser's history.
 */

import type { Range } from "./timescale";

export const VIEWS = ["timeline", "tree", "lanes", "chat", "logs", "video"] as const;
export type View = (typeof VIEWS)[number];

export const TABS = ["overview", "io", "messages", "error", "attributes", "logs", "raw"] as const;
export type Tab = (typeof TABS)[number];

/** What is folded where nothing else is said: nothing, everything, or all but the way to what failed. */
export const BASES = ["none", "all", "errors"] as const;
export type Base = (typeof BASES)[number];

/** What keeps lanes apart. */
export const LANES_BY = ["agent", "thread"] as const;
export type LanesBy = (typeof LANES_BY)[number];

/** The least serious logs that are shown. */
export const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] as const;
export type Level = (typeof LEVELS)[number];

/** How much faster than it went a run is replayed. */
export const SPEEDS = [1, 2, 5, 10, 30, 60] as const;
export type Speed = (typeof SPEEDS)[number];

export const SORTS = ["newest", "oldest", "cost", "duration", "tokens", "spans", "errors"] as const;
export type Sort = (typeof SORTS)[number];

/** What of a session is looked for; each but `range` is a parameter of the server's list. */
export const FILTERS = [
  "project",
  "state",
  "end_state",
  "tag",
  "agent",
  "model",
  "tool",
  "error",
  "fault",
  "environment",
  "version",
  "name",
  "q",
  "since",
  "until",
  "min_cost",
  "max_cost",
  "range",
] as const;
export type Filter = (typeof FILTERS)[number];
export type Filters = Partial<Record<Filter, string>>;

export const GROUPS = ["all", "model", "agent", "tool", "tag", "environment", "version"] as const;
export type Group = (typeof GROUPS)[number];

export const FAULT_SORTS = ["newest", "count", "sessions"] as const;
export type FaultSort = (typeof FAULT_SORTS)[number];

export interface SessionsRoute {
  page: "sessions";
  filters: Filters;
  sort: Sort;
}

export interface AnalyticsRoute {
  page: "analytics";
  by: Group;
  filters: Filters;
}

export interface ErrorsRoute {
  page: "errors";
  filters: Filters;
  /** The kind of spans that failed; null is any. */
  kind: string | null;
  sort: FaultSort;
}

export interface SessionRoute {
  page: "session";
  id: string;
  view: View;
  /** The span that is selected. */
  span: string | null;
  tab: Tab;
  /** The part of time that is shown, in milliseconds from the start; null is all. */
  time: Range | null;
  /** What is searched for, and whether only that is shown. */
  find: string;
  only: boolean;
  /** What is folded but for `folds`; null is as the view would have it. */
  base: Base | null;
  /** Ids of spans that are not as `base` says. */
  folds: string[];
  /** Whether the critical path is marked. */
  path: boolean;
  by: LanesBy;
  level: Level;
  /** The moment at which a replay stands, in milliseconds from the start; null is none. */
  at: number | null;
  speed: Speed;
}

export type Route =
  | SessionsRoute
  | SessionRoute
  | AnalyticsRoute
  | ErrorsRoute
  | { page: "settings" }
  | { page: "missing"; path: string };

export function parse(path: string, search: string): Route {
  const parts = path.split("/").filter(Boolean);
  const query = new URLSearchParams(search);
  if (parts.length === 0 || (parts.length === 1 && parts[0] === "sessions")) {
    return { page: "sessions", filters: filtersOf(query), sort: oneOf(SORTS, query.get("sort")) };
  }
  if (parts.length === 2 && (parts[0] === "s" || parts[0] === "sessions")) {
    const id = decode(parts[1]);
    if (id !== null) {
      return {
        page: "session",
        id,
        view: oneOf(VIEWS, query.get("view")),
        span: query.get("span") || null,
        tab: oneOf(TABS, query.get("tab")),
        time: range(query.get("t")),
        find: query.get("find") ?? "",
        only: query.get("only") === "1",
        ...folding(query.get("fold")),
        path: query.get("path") !== "0",
        by: oneOf(LANES_BY, query.get("by")),
        level: oneOf(LEVELS, query.get("level")),
        at: moment(query.get("at")),
        speed: SPEEDS.find((speed) => String(speed) === query.get("speed")) ?? 1,
      };
    }
  }
  if (parts.length === 1) {
    const page = parts[0];
    const filters = filtersOf(query);
    if (page === "analytics") return { page, by: oneOf(GROUPS, query.get("by")), filters };
    if (page === "errors") {
      const kind = query.get("kind") || null;
      return { page, filters, kind, sort: oneOf(FAULT_SORTS, query.get("sort")) };
    }
    if (page === "settings") return { page };
  }
  return { page: "missing", path };
}

export function print(route: Route): string {
  const query = new URLSearchParams();
  switch (route.page) {
    case "sessions":
      put(route.filters, query);
      if (route.sort !== SORTS[0]) query.set("sort", route.sort);
      return join("/sessions", query);
    case "analytics":
      if (route.by !== GROUPS[0]) query.set("by", route.by);
      put(route.filters, query);
      return join("/analytics", query);
    case "errors":
      put(route.filters, query);
      if (route.kind) query.set("kind", route.kind);
      if (route.sort !== FAULT_SORTS[0]) query.set("sort", route.sort);
      return join("/errors", query);
    case "session":
      if (route.view !== VIEWS[0]) query.set("view", route.view);
      if (route.span) query.set("span", route.span);
      if (route.tab !== TABS[0]) query.set("tab", route.tab);
      if (route.time) query.set("t", `${plain(route.time.from)}..${plain(route.time.to)}`);
      if (route.find) query.set("find", route.find);
      if (route.only) query.set("only", "1");
      if (route.base || route.folds.length > 0) {
        query.set("fold", [route.base ?? BASES[0], ...route.folds].join("."));
      }
      if (!route.path) query.set("path", "0");
      if (route.by !== LANES_BY[0]) query.set("by", route.by);
      if (route.level !== LEVELS[0]) query.set("level", route.level);
      if (route.at !== null) query.set("at", plain(route.at));
      if (route.speed !== 1) query.set("speed", String(route.speed));
      return join(`/s/${encodeURIComponent(route.id)}`, query);
    case "missing":
      return route.path;
    default:
      return `/${route.page}`;
  }
}

export const sessionsRoute = (filters: Filters = {}): SessionsRoute => ({
  page: "sessions",
  filters,
  sort: SORTS[0],
});

function filtersOf(query: URLSearchParams): Filters {
  const filters: Filters = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) filters[name] = value;
  }
  return filters;
}

function put(filters: Filters, query: URLSearchParams): void {
  for (const name of FILTERS) {
    const value = filters[name];
    if (value) query.set(name, value);
  }
}

export function sessionRoute(id: string): SessionRoute {
  return {
    page: "session",
    id,
    view: "timeline",
    span: null,
    tab: "overview",
    time: null,
    find: "",
    only: false,
    base: null,
    folds: [],
    path: true,
    by: "agent",
    level: "TRACE",
    at: null,
    speed: 1,
  };
}

function join(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** To the microsecond, without an exponent. */
const plain = (ms: number): string => String(Number(ms.toFixed(3)));

function range(text: string | null): Range | null {
  const found = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(text ?? "");
  if (!found) return null;
  const from = Number(found[1]);
  const to = Number(found[2]);
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? { from, to } : null;
}

function moment(text: string | null): number | null {
  return text !== null && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

function folding(text: string | null): { base: Base | null; folds: string[] } {
  const words = (text ?? "").split(".").filter(Boolean);
  const base = BASES.find((base) => base === words[0]);
  if (base) return { base, folds: words.slice(1) };
  return { base: words.length > 0 ? BASES[0] : null, folds: words };
}

/** One of the words that are known, else the first. */
function oneOf<T extends string>(known: readonly T[], word: string | null): T {
  return known.find((one) => one === word) ?? known[0];
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
