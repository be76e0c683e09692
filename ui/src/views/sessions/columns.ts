/** The columns of the list: which there are, how wide they are, and which ones somebody wants to see. */

import { signal } from "@preact/signals";

import type { Sort } from "../../core/url";

export interface Column {
  id: string;
  head: string;
  /** As a grid has it. */
  width: string;
  isNumber?: boolean;
  sort?: Sort;
  /** Shown until somebody says otherwise. */
  usual?: boolean;
  /** Left out where there is little room. */
  isWide?: boolean;
}

export const COLUMNS: readonly Column[] = [
  { id: "state", head: "State", width: "88px", usual: true },
  { id: "name", head: "Session", width: "minmax(126px, 1.2fr)", usual: true },
  { id: "why", head: "What happened", width: "minmax(220px, 4fr)", usual: true },
  { id: "started", head: "Started", width: "86px", sort: "newest", usual: true },
  { id: "time", head: "Time", width: "74px", isNumber: true, sort: "duration", usual: true },
  { id: "cost", head: "Cost", width: "80px", isNumber: true, sort: "cost", usual: true },
  { id: "tokens", head: "Tokens", width: "68px", isNumber: true, sort: "tokens", usual: true },
  { id: "spans", head: "Spans", width: "56px", isNumber: true, sort: "spans", usual: true },
  { id: "errors", head: "Errors", width: "56px", isNumber: true, sort: "errors", usual: true },
  { id: "agents", head: "Agents", width: "minmax(66px, 0.8fr)", usual: true, isWide: true },
  { id: "models", head: "Models", width: "minmax(78px, 0.8fr)", usual: true, isWide: true },
  { id: "tags", head: "Tags", width: "minmax(72px, 0.7fr)", usual: true },
  { id: "calls", head: "Calls", width: "60px", isNumber: true },
  { id: "tools", head: "Tools", width: "60px", isNumber: true },
  { id: "cached", head: "Cached", width: "64px", isNumber: true },
  { id: "service", head: "Service", width: "minmax(90px, 1fr)" },
  { id: "project", head: "Project", width: "minmax(80px, 1fr)" },
  { id: "user", head: "User", width: "minmax(80px, 1fr)" },
  { id: "host", head: "Host", width: "minmax(80px, 1fr)" },
  { id: "id", head: "Id", width: "80px" },
];

const KEY = "agentops.columns";

/** In the order in which columns are drawn. */
export const shownColumns = signal<ReadonlySet<string>>(kept());

export function chooseColumns(ids: ReadonlySet<string>): void {
  shownColumns.value = ids;
  try {
    localStorage.setItem(KEY, JSON.stringify([...ids]));
  } catch {
    // A browser that keeps nothing still shows them until the page goes.
  }
}

export function usualColumns(): ReadonlySet<string> {
  return new Set(COLUMNS.filter((column) => column.usual).map((column) => column.id));
}

function kept(): ReadonlySet<string> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (!Array.isArray(found)) return usualColumns();
    return new Set(COLUMNS.map((column) => column.id).filter((id) => found.includes(id)));
  } catch {
    return usualColumns();
  }
}
