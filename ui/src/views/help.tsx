/** All keys, by where they work. */

import { Dialog } from "../ui/dialog";

const KEYS: { where: string; keys: [string, string][] }[] = [
  {
    where: "Everywhere",
    keys: [
      ["Ctrl K", "Search everything, go anywhere"],
      ["/", "Search on this page"],
      ["g s", "Sessions"],
      ["g a", "Analytics"],
      ["g e", "Errors"],
      ["g c", "Settings"],
      ["?", "This help"],
      ["Esc", "Close, clear, let go"],
    ],
  },
  {
    where: "Sessions",
    keys: [
      ["j k", "Next, previous session"],
      ["Enter", "Open"],
      ["x", "Select; with Shift, all in between"],
      ["n", "Show what is new"],
      ["#", "Delete what is selected"],
    ],
  },
  {
    where: "A session",
    keys: [
      ["j k", "Next, previous span"],
      ["h l", "Fold, unfold"],
      ["e E", "Next, previous error"],
      ["p", "Next span of the same name"],
      ["[ ]", "Previous, next sibling"],
      ["u", "Parent"],
      ["1 – 7", "Details: overview, in/out, messages, error, attributes, logs, raw"],
      ["f r", "Fit the whole run, the rows in view"],
      ["+ −", "Zoom; Ctrl and the wheel do, too"],
      ["a d", "Earlier, later"],
      ["Space", "Replay the run, pause"],
      ["J K", "Next, previous session"],
      ["c", "Copy a link"],
    ],
  },
  {
    where: "Charts",
    keys: [
      ["Tab", "To a chart"],
      ["← →", "Through time"],
      ["Enter", "The sessions of that time"],
    ],
  },
];

export function Help({ close }: { close: () => void }) {
  return (
    <Dialog label="Keyboard and help" close={close} class="help">
      <header>
        <h2>Keyboard</h2>
        <button type="button" class="close" aria-label="Close" onClick={close}>
          ×
        </button>
      </header>
      <div class="help-columns">
        {KEYS.map(({ where, keys }) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    {key.split(" ").map((one) => (
                      <kbd key={one}>{one}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <footer>
        <h3>What can be typed into the search of sessions</h3>
        <p>
          <code>state=failed tag=prod agent=coder model=gpt-4o tool=sql cost&gt;0.05 env=prod</code>{" "}
          and words, which are looked for in names, tags, agents, models and ids.
        </p>
      </footer>
    </Dialog>
  );
}
