/**
 * What became of each session that is in view, in the server's own sentence. Asked for a few at a time, and again only
 * once the session has changed; of one that runs, not more often than one can read.
 */

import { useEffect, useState } from "preact/hooks";

import { isAborted } from "../../core/api";
import type { Insight, Session, Verdict } from "../../gen/api";
import { api } from "../../ui/ask";

const AT_ONCE = 3;
const KEPT = 500;
const RUNNING_MS = 2_000;

interface Known {
  /** What it was said of. */
  of: string;
  at: number;
  verdict: Verdict | null;
}

const known = new Map<string, Known>();

/** Sessions that have more to say than that they ended well. */
const isTelling = (session: Session): boolean =>
  session.state !== "ended" || session.end_state === "Error" || session.counts.errors > 0;

const state = ({ state, end_state, counts }: Session): string =>
  [state, end_state, counts.spans, counts.open, counts.errors].join(" ");

function isWanted(session: Session, now: number): boolean {
  if (!isTelling(session)) return false;
  const found = known.get(session.id);
  if (!found) return true;
  if (isKnown(session)) return false;
  return session.state !== "running" || now - found.at > RUNNING_MS;
}

/** The verdicts on these sessions, as far as they are known. */
export function useVerdicts(sessions: readonly Session[]): (session: Session) => Verdict | null {
  const [, setRound] = useState(0);
  const [late, setLate] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const waiting = sessions.filter((session) => isWanted(session, Date.now()));
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { id } = next;
        const of = state(next);
        try {
          const { verdict } = await api.get<Insight>(`/sessions/${id}/verdict`, stop.signal);
          keep(id, { of, at: Date.now(), verdict });
        } catch (error) {
          if (isAborted(error)) return;
          // The row says what it knows by itself; the list says what is wrong with the server.
          keep(id, { of, at: Date.now(), verdict: null });
        }
        setRound((round) => round + 1);
      }
    };
    for (let k = 0; k < AT_ONCE; k++) void work();
    // What changed too soon is asked for once it may be.
    const isBehind = sessions.some((session) => isTelling(session) && !isKnown(session));
    const timer = isBehind ? setTimeout(() => setLate((late) => late + 1), RUNNING_MS) : undefined;
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [sessions.map((session) => session.id + state(session)).join(), late]);
  return (session) => {
    // Of one that runs, what was true a moment ago; of one that has ended, only what is.
    if (!isTelling(session) || (session.state !== "running" && !isKnown(session))) return null;
    return known.get(session.id)?.verdict ?? null;
  };
}

const isKnown = (session: Session): boolean => known.get(session.id)?.of === state(session);

function keep(id: string, found: Known): void {
  known.delete(id);
  known.set(id, found);
  for (const oldest of known.keys()) {
    if (known.size <= KEPT) break;
    known.delete(oldest);
  }
}
