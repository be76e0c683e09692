/** Plays the run again: one playhead over all views, as fast as it went or up to sixty times that. */

import { duration } from "../core/format";
import { SPEEDS, type Speed } from "../core/url";
import type { SessionModel } from "./session-model";

export function Replay({ model }: { model: SessionModel }) {
  const at = model.playhead.value;
  if (model.isRunning.value) return null;
  if (at === null) {
    return (
      <button
        type="button"
        class="replay-start"
        title="Replay the run (space)"
        onClick={() => model.play()}
      >
        ▶ Replay
      </button>
    );
  }
  const whole = model.whole.value;
  const isPlaying = model.isPlaying.value;
  return (
    <div class="replay" role="group" aria-label="Replay">
      <button
        type="button"
        aria-label={isPlaying ? "Pause" : "Play"}
        title="Space"
        onClick={() => model.play()}
      >
        {isPlaying ? "❚❚" : "▶"}
      </button>
      <input
        type="range"
        aria-label="Moment of the run"
        aria-valuetext={duration(at - whole.from)}
        min={whole.from}
        max={whole.to}
        step="any"
        value={at}
        onInput={(event) => model.seek(event.currentTarget.valueAsNumber)}
      />
      <span class="num">{duration(at - whole.from)}</span>
      <select
        aria-label="Speed"
        value={model.speed.value}
        onChange={(event) => model.change({ speed: Number(event.currentTarget.value) as Speed })}
      >
        {SPEEDS.map((speed) => (
          <option key={speed} value={speed}>
            {speed}×
          </option>
        ))}
      </select>
      <button type="button" aria-label="End the replay" onClick={() => model.seek(null)}>
        ×
      </button>
    </div>
  );
}
