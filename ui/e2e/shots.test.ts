/** Pictures of every page in both themes, for the documentation: `npm run shots`. */

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { useBrowser } from "./browser";
import { many, runs } from "./seed";
import { Server } from "./server";

const PLACE = join(import.meta.dirname, "../../docs/dashboard");

/** Less than an hour after the run of two agents in which much goes wrong. */
const NOW = new Date("2026-11-22T12:40:00Z");

/** What is on a page once all of it is there. */
const SHOTS: [name: string, path: (id: string) => string, says: RegExp[]][] = [
  ["sessions", () => "/", [/gave up/]],
  ["session", (id) => `/s/${id}`, [/gave up/, /by agent/]],
  ["tree", (id) => `/s/${id}?view=tree`, [/gave up/, /by agent/, /loop 1/]],
  ["lanes", (id) => `/s/${id}?view=lanes`, [/gave up/, /by agent/, /at once/]],
  ["chat", (id) => `/s/${id}?view=chat`, [/gave up/, /by agent/, /You plan/, /You execute/]],
  ["logs", (id) => `/s/${id}?view=logs`, [/gave up/, /by agent/, /page is slow/]],
  ["analytics", () => "/analytics", [/model calls/]],
  ["errors", () => "/errors", [/timeout after/]],
  ["settings", () => "/settings", [/Priced as/]],
];

let server: Server;
let refund = "";
beforeAll(async () => {
  mkdirSync(PLACE, { recursive: true });
  server = await Server.start();
  for (const run of [runs.triage, runs.crawl, ...many()]) await server.send(run);
  const made = spawnSync("node", ["tests/sessions.mjs", "refund"], {
    cwd: join(import.meta.dirname, ".."),
    maxBuffer: 1 << 24,
  });
  const file = join(server.home, "refund.json");
  writeFileSync(file, made.stdout);
  refund = server.import(file);
});
afterAll(() => server?.close());
const open = useBrowser();

test.each(SHOTS)("%s", async (name, path, says) => {
  for (const theme of ["dark", "light"] as const) {
    const { page, context } = await open(server, path(refund), {
      theme,
      now: NOW,
      width: 1280,
      height: 760,
    });
    for (const words of says) {
      await expect.poll(() => page.locator("main").textContent()).toMatch(words);
    }
    // Where a session fails, that is shown: the first thing anybody would press.
    if (name === "session")
      await page.getByRole("button", { name: /go to the failing span/ }).click();
    await expect.poll(() => page.locator("[aria-busy=true]").count()).toBe(0);
    await page.evaluate(() => document.fonts.ready);
    const cdp = await context.newCDPSession(page);
    const shot = { format: "webp", quality: 82 } as const;
    const { data } = await cdp.send("Page.captureScreenshot", shot);
    writeFileSync(join(PLACE, `${name}-${theme}.webp`), Buffer.from(data, "base64"));
    if (process.env["SHOTS_AS_PNG"]) {
      await page.screenshot({ path: join(process.env["SHOTS_AS_PNG"], `${name}-${theme}.png`) });
    }
  }
});
