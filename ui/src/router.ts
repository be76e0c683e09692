/** The address as a signal: pages read `route`, and change it with `go`. */

import { signal } from "@preact/signals";

import { type Route, parse, print } from "./core/url";

export const route = signal<Route>(parse(location.pathname, location.search));

addEventListener("popstate", () => {
  route.value = parse(location.pathname, location.search);
});

/** Shows something else; `replace` where going back should not come by here. */
export function go(next: Route, { replace = false } = {}): void {
  const address = print(next);
  if (address !== location.pathname + location.search) {
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  }
  route.value = next;
}

/** For links: an ordinary click stays on the page, every other is the browser's. */
export function follow(event: MouseEvent, next: Route): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
    return;
  }
  event.preventDefault();
  go(next);
}
