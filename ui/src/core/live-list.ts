/**
 * A list that changes while it is read: rows change where they stand, and nothing moves under the reader.
 *
 * New rows are put on top only where the reader is at the top; else they are counted, and come when asked for. What is
 * gone goes. Which new rows fit the filters is for the server to say: this merges its first page as it is now. All values
 * are plain and new ones are made, so that what is shown is never half changed.
 */

export interface Row {
  id: string;
}

export interface LiveList<T extends Row> {
  rows: readonly T[];
  /** New rows that are not shown yet, the first on top. */
  waiting: readonly T[];
  /** Where the server goes on after the last row. */
  cursor: string | null;
  /** Rows that came in while one looked on: they are to be noticed. */
  fresh: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

export const start = <T extends Row>(rows: readonly T[], cursor: string | null): LiveList<T> => ({
  rows,
  waiting: [],
  cursor,
  fresh: NONE,
});

/** The next page. What moved onto it while the list grew is in the list already. */
export function append<T extends Row>(
  list: LiveList<T>,
  page: readonly T[],
  cursor: string | null,
): LiveList<T> {
  const known = new Set([...list.rows, ...list.waiting].map((row) => row.id));
  return { ...list, rows: [...list.rows, ...page.filter((row) => !known.has(row.id))], cursor };
}

/** Rows as they are now, and those that are gone; the same list where none of them is in it. */
export function change<T extends Row>(
  list: LiveList<T>,
  changed: readonly T[],
  removed: readonly string[],
): LiveList<T> {
  const gone = new Set(removed);
  const now = new Map(changed.map((row) => [row.id, row]));
  const touches = (row: T) => gone.has(row.id) || now.has(row.id);
  const merged = (rows: readonly T[]) =>
    rows.some(touches)
      ? rows.filter((row) => !gone.has(row.id)).map((row) => now.get(row.id) ?? row)
      : rows;
  const rows = merged(list.rows);
  const waiting = merged(list.waiting);
  return rows === list.rows && waiting === list.waiting ? list : { ...list, rows, waiting };
}

/** The first page as it is now, of a list with the newest on top: what is new waits, unless the reader is at the top. */
export function refresh<T extends Row>(
  list: LiveList<T>,
  page: readonly T[],
  isAtTop: boolean,
): LiveList<T> {
  const known = new Set(list.rows.map((row) => row.id));
  const waited = new Set(list.waiting.map((row) => row.id));
  const arrived = page.filter((row) => !known.has(row.id) && !waited.has(row.id));
  const updated = change(
    list,
    page.filter((row) => known.has(row.id) || waited.has(row.id)),
    [],
  );
  if (arrived.length === 0 && !(isAtTop && updated.waiting.length > 0)) return updated;
  const all = { ...updated, waiting: [...arrived, ...updated.waiting] };
  return isAtTop ? show(all) : all;
}

/** Shows what waits. */
export function show<T extends Row>(list: LiveList<T>): LiveList<T> {
  if (list.waiting.length === 0) return list;
  return {
    ...list,
    rows: [...list.waiting, ...list.rows],
    waiting: [],
    fresh: new Set(list.waiting.map((row) => row.id)),
  };
}

/** The part of rows of one height that is to be drawn. */
export function visible(
  count: number,
  height: number,
  scrolled: number,
  room: number,
  beside = 8,
): { from: number; to: number } {
  const from = Math.max(0, Math.floor(scrolled / height) - beside);
  const to = Math.min(count, Math.ceil((scrolled + room) / height) + beside);
  return { from: Math.min(from, to), to };
}
