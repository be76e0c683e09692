/** Every page and every view in both themes and on a phone: there, usable by everybody, and no wider than the screen. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { expectAccessible } from "./axe";
import { useBrowser } from "./browser";
import { many, runs } from "./seed";
import { Server } from "./server";

let server: Server;
let refund = "";
/** After the run of two agents in which much goes wrong. */
const NOW = new Date("2026-11-22T12:40:00Z");

beforeAll(async () => {
  server = await Server.start();
  for (const run of [...Object.values(runs), ...many(40)]) await server.send(run);
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

/** What has to be read there, so that an empty page does not pass. */
const PAGES: [path: string, says: RegExp][] = [
  ["/", /refund-agent/],
  ["/analytics", /Cost/],
  ["/analytics?by=model", /gpt-4o/],
  ["/errors", /timeout after/],
  ["/settings", /Data/],
  ["/s/ID", /failed 3 times/],
  ["/s/ID?view=tree", /Σ errors/],
  ["/s/ID?view=lanes", /at once/],
  ["/s/ID?view=chat", /You plan refunds/],
  ["/s/ID?view=logs", /the page is slow/],
];

describe.each(["dark", "light"] as const)("in the %s theme", (theme) => {
  test.each(PAGES)("%s is there for everybody", async (path, says) => {
    const { page } = await open(server, path.replace("ID", refund), { theme, now: NOW });
    await expect.poll(() => page.locator("main").textContent()).toMatch(says);
    await expect.poll(() => page.locator("[aria-busy=true]").count()).toBe(0);
    await expectAccessible(page, `${path}, ${theme}`);
    for (const width of theme === "dark" ? [1024, 390] : []) {
      await page.setViewportSize({ width, height: 800 });
      const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
      await expect.poll(wide, { message: `${path} at ${width}` }).toBeLessThanOrEqual(width);
      await expect.poll(() => page.locator("main").textContent()).toMatch(says);
    }
  });
});

test.each([
  ["overview", /src\/tools\.rs:88/],
  ["error", /pool timed out/],
  ["io", /SELECT \* FROM orders/],
  ["logs", /query sent/],
  ["raw", /rust_type/],
])("the tab %s of a failed tool says what it has to", async (tab, says) => {
  const { page } = await open(server, `/s/${refund}`, { now: NOW });
  await page.getByRole("button", { name: /go to the failing span/ }).click();
  const address = new URL(page.url());
  address.searchParams.set("tab", tab);
  await page.goto(String(address));
  await expect.poll(() => page.locator("aside.details").textContent()).toMatch(says);
  await expectAccessible(page, tab);
});

test.each([1440, 1280])("nothing moves when the verdict comes, %i pixels wide", async (width) => {
  const { page } = await open(server, null, { now: NOW, width });
  let answer = () => {};
  const asked = new Promise<void>((done) => (answer = done));
  await page.route("**/verdict", async (route) => {
    await asked;
    await route.continue();
  });
  const places = () =>
    page.evaluate(() =>
      ["[role=treegrid]", ".minimap", ".toolbar"].map((what) => {
        const { x, y, width, height } = document.querySelector(what)!.getBoundingClientRect();
        return [x, y, width, height].map(Math.round);
      }),
    );
  await page.goto(`${server.origin}/s/${refund}`);
  await page.getByRole("treegrid").locator("[role=row]").nth(5).waitFor();
  await page.getByText("coder gave up").waitFor();
  const before = await places();
  answer();
  await page.getByRole("button", { name: /go to the failing span/ }).waitFor();
  await page.getByText(/wasted/).waitFor();
  expect(await places()).toEqual(before);
});

test("a mark of analytics leads to its sessions", async () => {
  const { page } = await open(server, "/analytics?by=model", { now: NOW });
  const link = page.locator("main a[href*='model=gpt-4o']").first();
  await link.waitFor();
  await link.click();
  await page.getByRole("grid", { name: "Sessions" }).locator("[data-id]").first().waitFor();
  expect(new URL(page.url()).searchParams.get("model")).toMatch(/^gpt-4o/);
});

test("an error leads to the newest span that has it", async () => {
  const { page } = await open(server, "/errors", { now: NOW });
  await page
    .getByRole("link", { name: /newest/ })
    .first()
    .click();
  await page.getByRole("treegrid").waitFor();
  expect(new URL(page.url()).searchParams.get("span")).toMatch(/^[0-9a-f]{16}$/);
});

test("the theme that is chosen stays", async () => {
  const { page } = await open(server, "/settings", { now: NOW, theme: "dark" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.getByRole("button", { name: /^light$/i }).click();
  await expect.poll(background).not.toBe(dark);
  const light = await background();
  await page.goto(`${server.origin}/errors`);
  await page.locator("main").waitFor();
  expect(await background()).toBe(light);
});
