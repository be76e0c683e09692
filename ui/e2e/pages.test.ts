/** Every page on a store with a few runs: what is shown, what the keyboard does, what the address says. */

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { expectAccessible } from "./axe";
import { useBrowser } from "./browser";
import { MANY, NOW, REFUND, TRIAGE, many, runs, sessionOf, spanOf } from "./seed";
import { Server } from "./server";

const open = useBrowser();
let server: Server;

beforeAll(async () => {
  server = await Server.start();
  for (const run of [...Object.values(runs), ...many()]) await server.send(run);
});
afterAll(() => server?.close());

const now = { now: NOW };
const refund = `/s/${sessionOf(REFUND)}`;

/** Rows of the list, by what stands in them. */
const row = (page: Page, text: string | RegExp) =>
  page.getByRole("grid", { name: "Sessions" }).locator("[data-id]").filter({ hasText: text });

const rowCount = (page: Page) =>
  page.getByRole("grid", { name: "Sessions" }).getAttribute("aria-rowcount");

describe("sessions", () => {
  test("are listed, the newest first, with what became of them", async () => {
    const { page } = await open(server, "/", now);
    await row(page, "refund-agent").waitFor();
    const rows = await page.locator("[data-id]").allTextContents();
    expect(
      rows.slice(0, 3).map((text) => /nightly-crawl|refund-agent|triage/.exec(text)?.[0]),
    ).toEqual(["nightly-crawl", "refund-agent", "triage"]);
    await expect.poll(() => row(page, "refund-agent").textContent()).toMatch(/failed/);
    // Why it failed, without a click.
    await expect.poll(() => row(page, "refund-agent").textContent()).toMatch(/timeout after 30 s/);
    expect(await rowCount(page)).toBe(String(MANY + 3 + 1));
    await expectAccessible(page, "sessions");
  });

  test("are filtered by the address, and the address by filters", async () => {
    const { page } = await open(server, "/sessions?end_state=Error&tag=prod", now);
    await row(page, "refund-agent").waitFor();
    for (const text of await page.locator("[data-id]").allTextContents()) {
      expect(text).toContain("failed");
    }
    const some = Number(await rowCount(page));
    expect(some).toBeGreaterThan(2);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await expect.poll(() => new URL(page.url()).search).toBe("");
    await expect.poll(async () => Number(await rowCount(page))).toBeGreaterThan(some);
    await page.goBack();
    await expect.poll(async () => Number(await rowCount(page))).toBe(some);
    expect(new URL(page.url()).searchParams.get("tag")).toBe("prod");
  });

  test("no match says so, and takes the filter away", async () => {
    const { page } = await open(server, "/sessions?tag=nowhere", now);
    await page.getByRole("heading", { name: /No session fits/ }).waitFor();
    await expectAccessible(page, "no match");
    await page.locator("section.empty").getByRole("button").first().click();
    await row(page, "refund-agent").waitFor();
  });

  test("are walked through, opened and left by keyboard", async () => {
    const { page } = await open(server, "/", now);
    await row(page, "triage").waitFor();
    for (const key of ["j", "j", "j", "k", "j"]) await page.keyboard.press(key);
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    await expect.poll(focused).toContain("triage");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/s/${sessionOf(TRIAGE)}`);
    await page.getByRole("treegrid").waitFor();
    await page.goBack();
    await row(page, "triage").waitFor();
  });

  test("are deleted, and brought back", async () => {
    const { page } = await open(server, "/sessions?sort=oldest", now);
    await page.locator("[data-id]").first().waitFor();
    const all = Number(await rowCount(page));
    const id = (await page.locator("[data-id]").first().getAttribute("data-id")) ?? "";
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.getByRole("region", { name: "Selected sessions" }).waitFor();
    await expectAccessible(page, "selected");
    await page.getByRole("button", { name: "Delete" }).click();
    await expect.poll(async () => Number(await rowCount(page))).toBe(all - 1);
    await expect(server.ask(`/sessions/${id}`)).rejects.toThrow(/404/);
    await page.getByRole("button", { name: "Undo" }).click();
    await expect.poll(async () => Number(await rowCount(page))).toBe(all);
    expect((await server.ask<{ id: string }>(`/sessions/${id}`)).id).toBe(id);
  });
});

describe("a session", () => {
  test("says why it failed and what it cost without a click", async () => {
    const { page } = await open(server, refund, now);
    await page.getByRole("treegrid").waitFor();
    const text = async () => (await page.locator("main").textContent()) ?? "";
    await expect.poll(text).toContain("timeout after 30 s");
    expect(await text()).toContain("refund-agent");
    expect(await text()).toMatch(/\$0\.00/);
    await expectAccessible(page, "session");
  });

  test("opens from a link on the span that is meant", async () => {
    const { page } = await open(server, `${refund}?span=${spanOf(REFUND, 5)}&tab=error`, now);
    const details = page.locator("aside.details");
    await details.getByText("timeout after 30 s").first().waitFor();
    expect(await details.textContent()).toContain("sql");
    await expectAccessible(page, "details");
  });

  test("is walked through by keyboard", async () => {
    const { page } = await open(server, refund, now);
    const grid = page.getByRole("treegrid");
    await grid.waitFor();
    await grid.focus();
    const selected = () => new URL(page.url()).searchParams.get("span");
    await page.keyboard.press("j");
    await expect.poll(selected).not.toBeNull();
    const before = selected();
    await page.keyboard.press("j");
    await expect.poll(selected).not.toBe(before);
    await page.keyboard.press("k");
    await expect.poll(selected).toBe(before);
    await page.keyboard.press("e");
    await expect
      .poll(async () => page.locator("aside.details").textContent())
      .toMatch(/timeout after 30 s/);
  });

  test("that is not there says so", async () => {
    const { page, expectProblems } = await open(server, "/", now);
    expectProblems(/404/);
    await page.goto(`${server.origin}/sessions/${sessionOf(99)}`);
    await page.getByRole("heading", { name: "No such session" }).waitFor();
    await expectAccessible(page, "no such session");
  });
});

test("an address that nobody has leads back", async () => {
  const { page, expectProblems } = await open(server, "/", now);
  expectProblems(/404/);
  await page.goto(`${server.origin}/nowhere`);
  await page.getByRole("heading", { name: "Nothing is here" }).waitFor();
  await expectAccessible(page, "nowhere");
});
