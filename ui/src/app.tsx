/** The frame around every page: where one is, and whether changes come. */

import { print } from "./core/url";
import { connection } from "./live";
import { follow, route } from "./router";
import { Session } from "./routes/session";
import { Sessions } from "./routes/sessions";

const HOME = { page: "sessions", filters: {}, sort: "newest" } as const;

export function App() {
  const here = route.value;
  return (
    <>
      <nav class="top" aria-label="Pages">
        <a
          href={print(HOME)}
          onClick={(event) => follow(event, HOME)}
          aria-current={here.page === "sessions" ? "page" : undefined}
        >
          Sessions
        </a>
        <span class="spring" />
        <span class={`connection is-${connection.value}`} role="status">
          {connection.value === "open"
            ? "● live"
            : connection.value === "retrying"
              ? "● reconnecting"
              : ""}
        </span>
      </nav>
      {here.page === "sessions" && <Sessions route={here} />}
      {here.page === "session" && <Session key={here.id} route={here} />}
      {here.page !== "sessions" && here.page !== "session" && (
        <main class="page">
          <h1>Nothing is here</h1>
          <p>
            <a href={print(HOME)} onClick={(event) => follow(event, HOME)}>
              See all sessions
            </a>
          </p>
        </main>
      )}
    </>
  );
}
