/** What changes while somebody looks: a run that goes on, a server that goes and comes back, a token that is not there. */

import { afterEach, expect, test } from "vitest";

import { expectAccessible } from "./axe";
import { useBrowser } from "./browser";
import { NOW, REFUND, START, TRIAGE, agent, request, runs, session, sessionOf, tool } from "./seed";
import { Server } from "./server";

let server: Server | null = null;

// Before the browser's own, so that it is called after it: pages are closed when their server goes.
afterEach(async () => {
  await server?.close();
  server = null;
});
const open = useBrowser();

test("the demo's run grows on its page until it has failed", async () => {
  const demo = (server = await Server.start(["demo"]));
  await expect.poll(() => demo.said).toContain("the run is at http://");
  const address = /the run is at (\S+)/.exec(demo.said)?.[1] ?? "";
  const path = new URL(address).pathname;
  const { page } = await open(demo, path + new URL(address).search, { token: false });
  const grid = page.getByRole("treegrid");
  await grid.waitFor();
  // The token has gone from the address.
  expect(new URL(page.url()).search).toBe("");
  const id = path.split("/").at(-1) ?? "";
  const spans = async () => {
    const { counts } = await demo.ask<{ counts: { spans: number } }>(`/sessions/${id}`);
    return counts.spans;
  };
  await expect.poll(() => demo.said, { timeout: 20_000 }).toContain("the run is over");
  const all = await spans();
  expect(all).toBeGreaterThan(20);
  await expect.poll(async () => page.locator("main").textContent()).toContain("failed");
  await page.getByRole("button", { name: "open", exact: true }).click();
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe(String(all));
  await expectAccessible(page, "the demo's run");
});

test("spans appear where they belong within a second", async () => {
  server = await Server.start();
  const grown = (count: number) =>
    request({
      number: 7,
      root: session(
        "grows",
        60_000,
        [],
        [
          agent(
            "builder",
            10,
            59_000,
            Array.from({ length: count }, (_, k) => tool(`step ${k}`, 20 + k * 100, 90, { k }, k)),
          ),
        ],
      ),
    });
  await server.send(grown(1));
  const { page } = await open(server, `/s/${sessionOf(7)}`);
  const grid = page.getByRole("treegrid");
  await grid.waitFor();
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("3");
  for (const count of [2, 5, 60]) {
    await server.send(grown(count));
    const sent = Date.now();
    await expect
      .poll(() => grid.getAttribute("aria-rowcount"), { interval: 20, timeout: 5_000 })
      .toBe(String(count + 2));
    // Twice what is asked for, as others run here.
    expect(Date.now() - sent).toBeLessThan(2_000);
  }
});

test("the first run appears by itself", async () => {
  server = await Server.start();
  const { page } = await open(server, "/", { now: NOW });
  await page.getByRole("heading", { name: /Waiting for the first run/ }).waitFor();
  await page.locator("main").getByText("OpenTelemetry", { exact: true }).click();
  expect(await page.locator("main").textContent()).toContain(server.origin);
  await expectAccessible(page, "first run");
  await server.send(runs.triage);
  await page.locator(`[data-id="${sessionOf(TRIAGE)}"]`).waitFor();
});

test("a server that comes back is gone on with", async () => {
  server = await Server.start();
  await server.send(runs.triage);
  const { page, expectProblems } = await open(server, "/", { now: NOW });
  expectProblems(
    /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_SOCKET_NOT_CONNECTED|ERR_EMPTY_RESPONSE/,
  );
  await page.locator(`[data-id="${sessionOf(TRIAGE)}"]`).waitFor();
  await page.getByText("live").first().waitFor();
  await server.kill();
  await page
    .getByText(/reconnecting/)
    .first()
    .waitFor();
  await server.restart();
  await server.send(runs.refund);
  await expect
    .poll(async () => page.locator("main").textContent(), { timeout: 20_000 })
    .toMatch(/1 new session|refund-agent/);
  const arrived = page.getByRole("button", { name: /new session/ });
  if (await arrived.isVisible()) await arrived.click();
  await page.locator(`[data-id="${sessionOf(REFUND)}"]`).waitFor();
});

test("without the token nothing is shown but who has it", async () => {
  server = await Server.start();
  await server.send(runs.triage);
  const { page, expectProblems } = await open(server, `/s/${sessionOf(TRIAGE)}?tab=raw`, {
    token: false,
  });
  expectProblems(/401/);
  await page.getByRole("heading", { name: /needs the server’s token/ }).waitFor();
  await expectAccessible(page, "locked");
  expect(await page.content()).not.toContain("triage");
  await page.getByLabel("Token").fill("0".repeat(64));
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Token").fill(server.token);
  await page.keyboard.press("Enter");
  await page.getByRole("treegrid").waitFor();
  expect(page.url()).toBe(`${server.origin}/s/${sessionOf(TRIAGE)}?tab=raw`);
});

test("a run that grew while the server was away is caught up with", async () => {
  server = await Server.start();
  const steps = (count: number) =>
    request({
      number: 9,
      root: session(
        "away",
        60_000,
        [],
        Array.from({ length: count }, (_, k) => tool(`step ${k}`, k, 1, k, k)),
      ),
    });
  await server.send(steps(2));
  const { page, expectProblems } = await open(server, `/s/${sessionOf(9)}`);
  expectProblems(/ERR_/);
  const grid = page.getByRole("treegrid");
  await grid.waitFor();
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("3");
  await page.getByText("live").first().waitFor();
  await server.kill();
  await page
    .getByText(/reconnecting/)
    .first()
    .waitFor();
  await server.restart();
  await server.send(steps(7));
  await expect.poll(() => grid.getAttribute("aria-rowcount"), { timeout: 20_000 }).toBe("8");
});

test("a token that is lost while one looks is asked for", async () => {
  server = await Server.start();
  await server.send(runs.triage);
  const { page, context, expectProblems } = await open(server, "/", { now: NOW });
  expectProblems(/401/);
  await page.locator(`[data-id="${sessionOf(TRIAGE)}"]`).waitFor();
  await context.clearCookies();
  await page.getByRole("link", { name: "Analytics" }).click();
  await expect.poll(async () => page.locator("body").textContent()).toMatch(/token/i);
  await expectAccessible(page, "token lost");
  const field = page.getByLabel(/token/i).first();
  await field.fill(server.token);
  await field.press("Enter");
  await expect.poll(async () => page.locator("main").textContent()).toContain("Cost");
});

test("times are of the reader, whatever the sender's clock says", async () => {
  server = await Server.start();
  const future = request({
    number: 8,
    at: Date.now() + 3_600_000 - START,
    root: session("ahead", 100, [], []),
  });
  await server.send(future);
  const { page } = await open(server, "/");
  const row = page.locator(`[data-id="${sessionOf(8)}"]`);
  await row.waitFor();
  expect(await row.textContent()).not.toMatch(/-\d|NaN/);
});
