/** Every page on a store with a few runs: what is shown, what the keyboard does, what the address says. */

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

describe("sessions", () => {
  test("are listed, the newest first, with what became of them", async () => {
    const { page } = await open(server, "/", now);
    const rows = page.locator("table.list tbody tr");
    await rows.first().waitFor();
    expect(await rows.nth(0).textContent()).toContain("nightly-crawl");
    const failed = await rows.nth(1).textContent();
    expect(failed).toContain("refund-agent");
    expect(failed).toContain("failed");
    expect(await rows.nth(2).textContent()).toContain("triage");
    expect(await page.locator(".totals").textContent()).toContain(String(MANY + 3));
    await expectAccessible(page, "sessions");
  });

  test("are filtered by the address, and the address by filters", async () => {
    const { page } = await open(server, "/sessions?end_state=Error&tag=prod", now);
    const rows = page.locator("table.list tbody tr");
    await rows.first().waitFor();
    for (const row of await rows.all()) expect(await row.textContent()).toContain("failed");
    await page.goto(`${server.origin}/sessions`);
    await rows.first().waitFor();
    await page.getByRole("button", { name: "#nightly" }).first().click();
    await expect.poll(() => rows.count()).toBe(1);
    expect(new URL(page.url()).searchParams.get("tag")).toBe("nightly");
    await page.goBack();
    await expect.poll(() => rows.count()).toBeGreaterThan(50);
  });

  test("no match says so, and takes the filter away", async () => {
    const { page } = await open(server, "/sessions?tag=nowhere", now);
    await page.getByText("No session fits").waitFor();
    await expectAccessible(page, "no match");
    await page
      .locator("main")
      .getByRole("button", { name: /nowhere/ })
      .last()
      .click();
    await page.locator("table.list tbody tr").first().waitFor();
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

test("the keyboard gets from the list into a session", async () => {
  const { page } = await open(server, "/", now);
  await page.locator("table.list tbody tr").first().waitFor();
  await page.getByRole("link", { name: "triage" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/s/${sessionOf(TRIAGE)}`);
  await page.getByRole("treegrid").waitFor();
});

test("an address that nobody has leads back", async () => {
  const { page, expectProblems } = await open(server, "/", now);
  expectProblems(/404/);
  await page.goto(`${server.origin}/nowhere`);
  await page.getByRole("heading", { name: "Nothing is here" }).waitFor();
  await expectAccessible(page, "nowhere");
});
