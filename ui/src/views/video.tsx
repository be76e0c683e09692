/**
 * What was filmed of a run, its clock tied to the playhead: moving either moves both.
 *
 * Only films that this server has are played; one from elsewhere is a link, for fetching it would tell somebody.
 */

import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";

import { safe } from "../core/markdown";
import { Away } from "./markdown";
import type { SessionModel } from "./session-model";

/** Closer than this they are the same, in milliseconds. */
const NEAR = 250;

/** Where a film stands at a moment of its run: at the end of it, where it is shorter. */
function secondsOf(film: HTMLVideoElement, ms: number): number {
  const end = Number.isNaN(film.duration) ? Number.POSITIVE_INFINITY : film.duration;
  return Math.max(0, Math.min(ms / 1000, end));
}

export function Video({ model, source }: { model: SessionModel; source: string }) {
  const player = useRef<HTMLVideoElement>(null);
  const [isGone, setGone] = useState(false);
  useEffect(
    () =>
      effect(() => {
        const film = player.current;
        const at = model.playhead.value;
        const isPlaying = model.isPlaying.value;
        if (!film || at === null) return;
        const wanted = secondsOf(film, at - model.whole.peek().from);
        if (Math.abs(film.currentTime - wanted) * 1000 > NEAR && !film.seeking) {
          film.currentTime = wanted;
        }
        // The replay leads: its speed is not one that every player has.
        if (isPlaying && !film.paused) film.pause();
      }),
    [model],
  );
  const isOwn = source.startsWith("/") && !source.startsWith("//");
  if (!isOwn) {
    const href = safe(source);
    return (
      <p class="nothing">
        The film of this run lies elsewhere:{" "}
        {href ? <Away href={href}>{href}</Away> : <code>{source}</code>}
      </p>
    );
  }
  if (isGone) {
    return (
      <p class="nothing">
        The film at <code>{source}</code> is not there, or is none that this browser plays.
      </p>
    );
  }
  const follow = () => {
    const film = player.current;
    if (!film || model.isPlaying.peek()) return;
    const { from } = model.whole.peek();
    const at = model.playhead.peek();
    // A run may go on after its film has ended, and the playhead with it.
    const isOver = at !== null && (at - from) / 1000 > film.duration;
    const isAtEnd = film.duration - film.currentTime < NEAR / 1000;
    if (!(isOver && isAtEnd)) model.seek(from + film.currentTime * 1000);
  };
  return (
    <div class="film">
      {/* oxlint-disable-next-line jsx-a11y/media-has-caption -- what a recorder filmed has none */}
      <video
        ref={player}
        src={source}
        controls
        preload="metadata"
        onError={() => setGone(true)}
        onTimeUpdate={follow}
        onSeeked={follow}
      />
    </div>
  );
}
