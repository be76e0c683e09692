import type { ErrorsRoute } from "../core/url"; export function Errors({ route }: { route: ErrorsRoute }) { return <main class="page" id="main">{route.page}</main>; }
