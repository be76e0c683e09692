/** The frame around every page: where one is, where one can go, and whether changes come. */

import { useEffect, useRef, useState } from "preact/hooks";

import { type Route, print, sessionsRoute } from "./core/url";
import { connection, listen } from "./live";
import { follow, go, route } from "./router";
import { Sessions } from "./routes/sessions";
import { Icon } from "./ui/icons";
import { useKeys } from "./ui/keys";
import { lazy } from "./ui/lazy";
import { chooseTheme, nextTheme, theme } from "./ui/theme";
import { Toasts } from "./ui/toast";

const Session = lazy(() => import("./routes/session").then((page) => page.Session));
const Analytics = lazy(() => import("./routes/analytics").then((page) => page.Analytics));
const Errors = lazy(() => import("./routes/errors").then((page) => page.Errors));
const Settings = lazy(() => import("./routes/settings").then((page) => page.Settings));
const Palette = lazy(() => import("./views/palette").then((part) => part.Palette));
const Help = lazy(() => import("./views/help").then((part) => part.Help));

const HOME = sessionsRoute();
const PAGES: { key: string; text: string; to: Route }[] = [
  { key: "s", text: "Sessions", to: HOME },
  { key: "a", text: "Analytics", to: { page: "analytics", by: "all", filters: {} } },
  { key: "e", text: "Errors", to: { page: "errors", filters: {}, kind: null, sort: "newest" } },
  { key: "c", text: "Settings", to: { page: "settings" } },
];

type Overlay = "palette" | "help" | null;

export function App() {
  const here = route.value;
  const [overlay, setOverlay] = useState<Overlay>(null);
  useKeys({
    "?": () => setOverlay("help"),
    "mod+k": () => setOverlay("palette"),
    ...Object.fromEntries(PAGES.map(({ key, to }) => [`g ${key}`, () => go(to)])),
  });
  useTitle(here);
  // So that every page knows whether the server is there.
  useEffect(() => listen({ changes: () => {}, reset: () => {} }), []);
  const close = () => setOverlay(null);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <nav aria-label="Pages">
          <a class="brand" href={print(HOME)} onClick={(event) => follow(event, HOME)}>
            <Icon name="logo" />
            <span>AgentOps</span>
          </a>
          {PAGES.map(({ text, to }) => (
            <a
              key={text}
              href={print(to)}
              onClick={(event) => follow(event, to)}
              aria-current={isAt(here, to) ? "page" : undefined}
            >
              {text}
            </a>
          ))}
        </nav>
        <span class="spring" />
        <button
          type="button"
          class="command"
          onClick={() => setOverlay("palette")}
          aria-keyshortcuts="Control+K Meta+K"
        >
          <Icon name="search" />
          <span>Search everything</span>
          <kbd>{MOD} K</kbd>
        </button>
        <Connection />
        <ThemeSwitch />
        <button
          type="button"
          class="bare"
          aria-label="Keyboard and help"
          title="Keyboard and help  ?"
          onClick={() => setOverlay("help")}
        >
          <Icon name="help" />
        </button>
      </header>
      <div id="main" class="frame" tabIndex={-1}>
        <Page here={here} />
      </div>
      {overlay === "palette" && <Palette close={close} help={() => setOverlay("help")} />}
      {overlay === "help" && <Help close={close} />}
      <Toasts />
    </>
  );
}

function Page({ here }: { here: Route }) {
  switch (here.page) {
    case "sessions":
      return <Sessions route={here} />;
    case "session":
      return <Session key={here.id} route={here} />;
    case "analytics":
      return <Analytics route={here} />;
    case "errors":
      return <Errors route={here} />;
    case "settings":
      return <Settings />;
    case "missing":
      return (
        <main class="page">
          <section class="empty">
            <h1>Nothing is here</h1>
            <p>
              There is no page at <code>{here.path}</code>.{" "}
              <a href={print(HOME)} onClick={(event) => follow(event, HOME)}>
                See all sessions
              </a>
            </p>
          </section>
        </main>
      );
  }
}

const MOD = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

/** Whether a page, or what is opened from it, is shown. */
const isAt = (here: Route, page: Route): boolean =>
  here.page === page.page || (here.page === "session" && page.page === "sessions");

const STATES = {
  connecting: { text: "", title: "Connecting to the server" },
  open: { text: "live", title: "Changes are shown as they happen" },
  retrying: {
    text: "reconnecting",
    title:
      "The server does not answer. What is shown may be old; it is brought up to date once it does.",
  },
} as const;

function Connection() {
  const { text, title } = STATES[connection.value];
  return (
    <span class={`connection is-${connection.value}`} role="status" title={title}>
      <span class="sign" aria-hidden="true" />
      {text}
    </span>
  );
}

function ThemeSwitch() {
  const next = nextTheme(theme.value);
  const says = `Theme: ${theme.value}. Change to ${next}`;
  return (
    <button
      type="button"
      class="bare"
      aria-label={says}
      title={says}
      onClick={() => chooseTheme(next)}
    >
      <Icon name={theme.value} />
    </button>
  );
}

/** The tab says where it is; moving to another page is said, too, by putting the focus there. */
function useTitle(here: Route): void {
  const last = useRef(here.page);
  useEffect(() => {
    const page = PAGES.find(({ to }) => to.page === here.page);
    if (page) document.title = `${page.text} · AgentOps`;
    if (last.current !== here.page) {
      document.querySelector<HTMLElement>("#main")?.focus({ preventScroll: true });
    }
    last.current = here.page;
  }, [here.page]);
}
