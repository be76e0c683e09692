/**
 * Errors that say the same, told of once: an error is on every span that it went through, and on every one that failed so.
 *
 * The first place is where it most likely came from, by how far inside such spans stand. Only counts spans: how many
 * sessions several places have in common is not known here.
 */

import type { Fault } from "../gen/api";
import { parseTime } from "./format";

/** An error with the places where it was. */
export interface Told {
  /** Where it came from. */
  from: Fault;
  /** Where else it was, the innermost first. */
  others: Fault[];
  /** Spans, in all places. */
  count: number;
  /** Sessions; at least so many where `isLeast`. */
  sessions: number;
  isLeast: boolean;
  /** Milliseconds since the epoch. */
  first: number;
  last: number;
  over_time: number[];
}

/** From the inside outwards; what is not here stands in between. */
const INSIDE: ReadonlySet<string> = new Set(["HTTP", "LLM", "TOOL", "GUARDRAIL"]);
const OUTSIDE = ["WORKFLOW", "AGENT", "SESSION"];

const depth = ({ kind }: Fault): number => (INSIDE.has(kind) ? 0 : 1 + (OUTSIDE.indexOf(kind) + 1));

export function together(faults: readonly Fault[]): Told[] {
  const groups = new Map<string, Fault[]>();
  for (const fault of faults) {
    // What says nothing has nothing in common with others of its kind.
    const key = fault.message ? `${fault.code}\n${fault.message}` : String(fault.id);
    const group = groups.get(key);
    if (group) group.push(fault);
    else groups.set(key, [fault]);
  }
  return [...groups.values()].map(tell);
}

function tell(faults: Fault[]): Told {
  const [from, ...others] = faults.toSorted((a, b) => depth(a) - depth(b) || b.count - a.count) as [
    Fault,
    ...Fault[],
  ];
  const sessions = Math.max(...faults.map((fault) => fault.sessions));
  return {
    from,
    others,
    count: faults.reduce((sum, fault) => sum + fault.count, 0),
    sessions,
    isLeast: others.length > 0,
    first: Math.min(...faults.map((fault) => parseTime(fault.first_time))),
    last: Math.max(...faults.map((fault) => parseTime(fault.last_time))),
    over_time: from.over_time.map((_, k) =>
      faults.reduce((sum, fault) => sum + (fault.over_time[k] ?? 0), 0),
    ),
  };
}
