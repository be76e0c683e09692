/** An answer of the server as state of a component: asked for when its address changes, given up when it goes. */

import { useEffect, useRef, useState } from "preact/hooks";

import { Api, isAborted } from "../core/api";

export const api = new Api();

export interface Asked<T> {
  /** The newest answer; that of before stays while another is asked for. */
  answer: T | null;
  error: unknown;
  /** An answer to another question than the one at hand. */
  isStale: boolean;
  again: () => void;
}

export function useAnswer<T>(path: string | null): Asked<T> {
  const [state, setState] = useState<{ path: string | null; answer: T | null; error: unknown }>({
    path: null,
    answer: null,
    error: null,
  });
  const [round, setRound] = useState(0);
  const last = useRef(state);
  last.current = state;
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    api.get<T>(path, stop.signal).then(
      (answer) => setState({ path, answer, error: null }),
      (error: unknown) => {
        if (!isAborted(error)) setState({ path, answer: last.current.answer, error });
      },
    );
    return () => stop.abort();
  }, [path, round]);
  return {
    answer: path === null ? null : state.answer,
    error: state.path === path ? state.error : null,
    isStale: state.path !== path,
    again: () => setRound((round) => round + 1),
  };
}
