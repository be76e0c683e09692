import type { AnalyticsRoute } from "../core/url"; export function Analytics({ route }: { route: AnalyticsRoute }) { return <main class="page" id="main">{route.page}</main>; }
