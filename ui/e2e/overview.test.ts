/** What tells of all runs together: analytics, errors, settings; and what stands around every page. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { expectAccessible } from "./axe";
import { useBrowser } from "./browser";
import { MANY, NOW, REFUND, many, runs, sessionOf } from "./seed";
import { Server } from "./server";

const open = useBrowser();
let server: Server;

beforeAll(async () => {
  server = await Server.start();
  for (const run of [...Object.values(runs), ...many()]) await server.send(run);
});
afterAll(() => server?.close());

/** Long enough ago for the first of many, and no longer than there is anything. */
const TIME = "since=2026-11-10T00:00:00Z&until=2026-11-23T00:00:00Z";
const now = { now: NOW };
const THEMES = ["dark", "light"] as const;

const query = (page: Page) => new URL(page.url()).searchParams;
const totals = (page: Page) => page.locator(".totals").first().textContent();

describe("analytics", () => {
  test.each(THEMES)("say what all runs cost, and can be read when %s", async (theme) => {
    const { page } = await open(server, `/analytics?${TIME}`, { ...now, theme });
    await page.getByRole("slider", { name: "Cost" }).waitFor();
    const { totals: sums } = await server.ask<{ totals: { cost: { usd: number } } }>("/sessions");
    expect(await totals(page)).toContain(sums.cost.usd.toFixed(2));
    for (const name of ["Tokens", "Sessions", "Share that failed", "Time of a session"]) {
      expect(await page.getByRole("slider", { name }).count(), name).toBe(1);
    }
    await expectAccessible(page, "analytics");
  });

  test("lead by keyboard from a time to the sessions of it", async () => {
    const { page } = await open(server, `/analytics?${TIME}`, now);
    const chart = page.getByRole("slider", { name: "Sessions" });
    await chart.focus();
    await page.keyboard.press("End");
    await expect
      .poll(() => chart.getAttribute("aria-valuetext"))
      .toMatch(/Nov 22: failed 1, others/);
    const said = (await chart.getAttribute("aria-valuetext")) ?? "";
    const others = Number(/others (\d+)/.exec(said)?.[1]);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/sessions?*");
    expect(query(page).get("since")).toBe("2026-11-22T00:00:00Z");
    await expect.poll(() => totals(page)).toContain(`${others + 1} sessions`);
  });

  test("tell models apart, each leading to its sessions, and say the same in a table", async () => {
    const { page } = await open(server, `/analytics?by=model&${TIME}`, now);
    const row = page.locator(".groups tbody tr").filter({ hasText: "house-model-7b" });
    await row.waitFor();
    // It has no price: that is said, and is not nothing.
    expect(await row.textContent()).toContain("unpriced");
    await page.getByText("Table of Calls").click();
    const figures = page.locator(".chart-table table");
    expect(await figures.first().textContent()).toContain("house-model-7b");
    await expectAccessible(page, "analytics by model");
    await row.getByRole("link").click();
    await expect.poll(() => query(page).get("model")).toBe("house-model-7b");
    await expect.poll(() => totals(page)).toContain("1 session");
  });

  test("keep what is chosen in the address", async () => {
    const { page } = await open(server, `/analytics?${TIME}`, now);
    await page.getByRole("tab", { name: "By tool" }).click();
    await page.locator(".groups tbody tr").filter({ hasText: "sql" }).waitFor();
    expect(query(page).get("by")).toBe("tool");
    await page.locator(".times summary").click();
    await page.getByRole("button", { name: "Last 7 days" }).click();
    await expect.poll(() => query(page).get("range")).toBe("7d");
    await page.goBack();
    await expect.poll(() => query(page).get("range")).toBeNull();
  });
});

describe("errors", () => {
  test.each(THEMES)(
    "come together, lead to their sessions, and can be read when %s",
    async (theme) => {
      const { page } = await open(server, "/errors?kind=TOOL", { ...now, theme });
      const row = page.locator(".faults tbody tr").filter({ hasText: "sql" });
      await row.waitFor();
      const text = (await row.textContent()) ?? "";
      expect(text).toContain("timeout after … s");
      expect(text).toContain("3");
      await expectAccessible(page, "errors");
      await row.getByRole("link", { name: /1 session with this error/ }).click();
      await expect.poll(() => query(page).get("fault")).toMatch(/^\d+$/);
      await expect.poll(() => totals(page)).toContain("1 session");
      await page.goBack();
      await row.getByRole("link", { name: /timeout after/ }).click();
      await page.waitForURL(`**/s/${sessionOf(REFUND)}?*`);
      await page.locator("aside.details").getByText("timeout after 30 s").first().waitFor();
    },
  );

  test("are found by what they say", async () => {
    const { page } = await open(server, "/errors", now);
    await page.locator(".faults tbody tr").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("nothing says this");
    await page.keyboard.press("Enter");
    await page.getByText("No error fits all of this").waitFor();
    await page.getByRole("main").getByRole("button", { name: "Clear filters" }).last().click();
    await page.locator(".faults tbody tr").first().waitFor();
  });
});

describe("settings", () => {
  test.each(THEMES)("say what is kept and counted with, and can be read when %s", async (theme) => {
    const { page } = await open(server, "/settings", { ...now, theme });
    const data = page.getByRole("region", { name: "Data" });
    await expect.poll(() => data.textContent()).toContain(`${MANY + 3} sessions`);
    const prices = page.getByRole("region", { name: "Prices" });
    const own = prices.getByRole("row").filter({ hasText: "house-model-7b" });
    expect(await own.textContent()).toContain("no price");
    expect(
      await prices.getByRole("row").filter({ hasText: "gpt-4o-mini" }).textContent(),
    ).toContain("0.15");
    await expectAccessible(page, "settings");
  });

  test("delete what is old, and bring it back", async () => {
    const { page } = await open(server, "/settings", { now: new Date("2026-12-10T00:00:00Z") });
    const data = page.getByRole("region", { name: "Data" });
    await data.getByRole("combobox").selectOption("7");
    await data.getByRole("button", { name: "Count" }).click();
    await data.getByRole("button", { name: `Delete ${MANY + 3} sessions` }).click();
    await expect.poll(() => data.textContent()).toContain("0 sessions");
    await page.getByRole("button", { name: "Undo" }).click();
    await expect.poll(() => data.textContent()).toContain(`${MANY + 3} sessions`);
  });
});

describe("everywhere", () => {
  test("typed filters become what is chosen", async () => {
    const { page } = await open(server, "/sessions", now);
    await page.locator("[data-id]").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("state=failed tag:prod cost>0.0001 refund");
    await page.keyboard.press("Enter");
    await expect.poll(() => totals(page)).toContain("1 session");
    const found = Object.fromEntries(query(page));
    expect(found).toEqual({ end_state: "Error", tag: "prod", min_cost: "0.0001", q: "refund" });
  });

  test("time is chosen on the bars by keyboard, and left again", async () => {
    const { page } = await open(server, "/sessions", now);
    const bars = page.getByRole("slider", { name: /^Time/ });
    await bars.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Enter");
    await expect.poll(() => query(page).get("until")).toMatch(/^2026-11-/);
    await page.locator(".times summary").click();
    await page.getByRole("button", { name: "All time" }).click();
    await expect.poll(() => query(page).size).toBe(0);
  });

  test("columns and the theme stay as they were chosen", async () => {
    const { page } = await open(server, "/sessions", now);
    await page.locator("[data-id]").first().waitFor();
    await page.getByText("Columns").click();
    await page.getByRole("checkbox", { name: "Tokens" }).click();
    await page.getByRole("checkbox", { name: "Service" }).click();
    await page.getByRole("button", { name: /^Theme: system/ }).click();
    await page.reload();
    await page.locator("[data-id]").first().waitFor();
    const heads = await page.getByRole("columnheader").allTextContents();
    expect(heads).toContain("Service");
    expect(heads).not.toContain("Tokens");
    expect(await page.locator("html").getAttribute("data-theme")).toBe("light");
  });

  test("one box finds sessions and pages", async () => {
    const { page } = await open(server, "/settings", now);
    await page.getByRole("region", { name: "Data" }).waitFor();
    await page.keyboard.press("Control+k");
    const box = page.getByRole("combobox", { name: "Search everything" });
    await box.fill("refund-agent");
    const hit = page.getByRole("option").filter({ hasText: /^refund-agent|Sessionsrefund-agent/ });
    await hit.first().waitFor();
    await expectAccessible(page, "search");
    await box.fill("analytics");
    await expect.poll(() => page.getByRole("option").last().textContent()).toContain("Analytics");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/analytics");
  });

  test("keys are told, and lead from page to page", async () => {
    const { page } = await open(server, "/sessions", now);
    await page.locator("[data-id]").first().waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Next, previous session").first().waitFor();
    await expectAccessible(page, "help");
    await page.keyboard.press("Escape");
    for (const [key, path] of Object.entries({ a: "analytics", e: "errors", c: "settings" })) {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await page.waitForURL(`**/${path}`);
    }
  });

  test("a phone reads the list without moving sideways", async () => {
    const { page } = await open(server, "/sessions", { ...now, width: 390, height: 780 });
    await page.locator("[data-id]").first().waitFor();
    for (const path of ["/sessions", "/analytics", "/errors", "/settings"]) {
      await page.goto(server.origin + path);
      await page.getByRole("main").waitFor();
      const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
      await expect.poll(wide, { message: path }).toBeLessThanOrEqual(390);
    }
  });
});
