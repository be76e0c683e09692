/**
 * How soon large sessions are there, how smoothly they scroll and grow, and what they take.
 *
 * Frames, heap and elements are what the browser itself counts. Others work on the machine meanwhile, so everything may
 * take twice what is promised of it; the best of a few tries counts, as load only ever adds.
 */

import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

import type { CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { useBrowser } from "./browser";
import { NOW, REFUND, runs, sessionOf } from "./seed";
import { Server } from "./server";

const SPANS = 100_000;
const MANY_SPANS = 250_000;
/** What is allowed where others work as well. */
const LOAD = 2;

let server: Server;
const ids: Record<number, string> = {};

beforeAll(async () => {
  server = await Server.start();
  await server.send(runs.refund);
  for (const count of [SPANS, MANY_SPANS]) {
    const file = join(server.home, `${count}.json`);
    const out = openSync(file, "w");
    const made = spawnSync("node", ["tests/sessions.mjs", String(count)], {
      cwd: join(import.meta.dirname, ".."),
      stdio: ["ignore", out, "inherit"],
    });
    closeSync(out);
    expect(made.status).toBe(0);
    ids[count] = server.import(file);
  }
}, 240_000);
afterAll(() => server?.close());
const open = useBrowser();

const path = (count: number) => `/s/${ids[count]}`;

/** Milliseconds from the beginning of the navigation until rows are on the screen and the page answers. */
async function interactive(page: Page): Promise<number> {
  const grid = page.getByRole("treegrid");
  await grid.locator("[role=row]").nth(5).waitFor({ timeout: 60_000 });
  return page.evaluate(
    () => (globalThis as unknown as { interactiveAt: Promise<number> }).interactiveAt,
  );
}

/** Runs in the page, before all else: notes when rows have been painted. */
function watch(): void {
  const painted = (done: (at: number) => void) => {
    const look = () => {
      if (document.querySelectorAll("[role=treegrid] [role=row]").length > 5) {
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
      } else requestAnimationFrame(look);
    };
    look();
  };
  Object.assign(globalThis, { interactiveAt: new Promise<number>(painted) });
}

const quantile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

/** The times between frames while something goes on, from the browser's own trace. */
async function frames(cdp: CDPSession, during: () => Promise<void>): Promise<number[]> {
  const starts: number[] = [];
  cdp.on("Tracing.dataCollected", ({ value }) => {
    for (const event of value as { name?: string; ts?: number }[]) {
      if (event.name === "FireAnimationFrame" && event.ts) starts.push(event.ts / 1_000);
    }
  });
  await cdp.send("Tracing.start", {
    traceConfig: { includedCategories: ["devtools.timeline"] },
    transferMode: "ReportEvents",
  });
  await during();
  const complete = new Promise<void>((done) => cdp.once("Tracing.tracingComplete", () => done()));
  await cdp.send("Tracing.end");
  await complete;
  // Several callbacks of one frame are one frame.
  const sorted = starts.toSorted((a, b) => a - b);
  const times = sorted.slice(1).map((at, k) => at - (sorted[k] ?? at));
  return times.filter((time) => time > 2);
}

/** Keeps frames coming, and scrolls if that is wanted. */
function animate({ pixels, ms }: { pixels: number; ms: number }): Promise<void> {
  const grid = document.querySelector("[role=treegrid]")!;
  const began = performance.now();
  return new Promise((done) => {
    const step = () => {
      grid.scrollTop += pixels;
      if (performance.now() - began < ms) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
}

test("every page loads at most 60 kB of scripts first", async () => {
  for (const address of ["/", `/s/${sessionOf(REFUND)}`, "/analytics", "/errors", "/settings"]) {
    const { page } = await open(server, null, { now: NOW });
    let bytes = 0;
    const sizes: Promise<void>[] = [];
    page.on("requestfinished", (request) => {
      if (request.resourceType() !== "script") return;
      sizes.push(request.sizes().then((size) => void (bytes += size.responseBodySize)));
    });
    await page.goto(server.origin + address);
    await page.locator("main").waitFor();
    await page.waitForFunction(() => document.readyState === "complete");
    await Promise.all(sizes);
    expect(bytes, address).toBeGreaterThan(5_000);
    expect(bytes, address).toBeLessThan(60_000);
  }
});

test(`${SPANS} spans are there within a second`, async () => {
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { page, context } = await open(server, null, { now: NOW });
    await context.addInitScript(watch);
    await page.goto(server.origin + path(SPANS));
    times.push(await interactive(page));
    await page.close();
  }
  process.stdout.write(`open ${SPANS}: ${times.map(Math.round).join(", ")} ms\n`);
  expect(Math.min(...times)).toBeLessThan(1_000 * LOAD);
}, 60_000);

test(`${SPANS} spans scroll smoothly, and take little`, async () => {
  const { page, context } = await open(server, null, { now: NOW });
  await context.addInitScript(watch);
  await page.goto(server.origin + path(SPANS));
  await interactive(page);
  await page.getByRole("button", { name: "open", exact: true }).click();
  const grid = page.getByRole("treegrid");
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe(String(SPANS));
  const cdp = await context.newCDPSession(page);
  const tries: number[] = [];
  for (let round = 0; round < 3; round++) {
    const times = await frames(cdp, () => page.evaluate(animate, { pixels: 700, ms: 2_500 }));
    expect(times.length).toBeGreaterThan(20);
    tries.push(quantile(times, 0.95));
  }
  await cdp.send("HeapProfiler.collectGarbage");
  await cdp.send("Performance.enable");
  const { metrics } = await cdp.send("Performance.getMetrics");
  const metric = (wanted: string) =>
    metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN;
  const heap = metric("JSHeapUsedSize") / 1e6;
  process.stdout.write(
    `scroll p95: ${tries.map((time) => time.toFixed(1)).join(", ")} ms; heap ${heap.toFixed(1)} MB; ` +
      `${metric("Nodes")} nodes\n`,
  );
  expect(Math.min(...tries)).toBeLessThan(25 * LOAD);
  expect(heap).toBeLessThan(100);
  expect(metric("Nodes")).toBeLessThan(5_000);
}, 90_000);

test("a thousand spans a second come in while one looks", async () => {
  const { page, context } = await open(server, null);
  await context.addInitScript(watch);
  await page.goto(server.origin + path(SPANS));
  await interactive(page);
  const id = ids[SPANS]!;
  const { ids: known } = await server.ask<{ ids: string }>(`/sessions/${id}/skeleton`);
  const root = known.slice(0, 16);
  const trace = id.replaceAll("-", "");
  const counted = () =>
    page.locator("main").evaluate((main) => /of ([\d.,k ]+)/.exec(main.textContent ?? "")?.[1]);
  let sent = 0;
  const seconds = 5;
  const late: number[] = [];
  const send = async () => {
    const began = Date.now();
    while (sent < seconds * 1_000) {
      const spans = Array.from({ length: 100 }, () => {
        sent++;
        const start = BigInt(Date.now()) * 1_000_000n;
        return {
          traceId: trace,
          spanId: (0xabc0_0000_0000 + sent).toString(16).padStart(16, "0"),
          parentSpanId: root,
          name: `late ${sent % 17}`,
          kind: 1,
          startTimeUnixNano: String(start),
          endTimeUnixNano: String(start + 1_000_000n),
          attributes: [{ key: "agentops.span.kind", value: { stringValue: "task" } }],
        };
      });
      const at = performance.now();
      await server.send({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
      late.push(performance.now() - at);
      const ahead = sent - (Date.now() - began);
      if (ahead > 0) await new Promise((done) => setTimeout(done, ahead));
    }
  };
  const cdp = await context.newCDPSession(page);
  const times = await frames(cdp, async () => {
    const sending = send();
    await page.evaluate(animate, { pixels: 1, ms: seconds * 1_000 });
    await sending;
  });
  const acknowledged = performance.now();
  // Each span is a child of the root, whose badge counts them.
  const last = (0xabc0_0000_0000 + sent).toString(16).padStart(16, "0");
  await page.goto(`${server.origin}${path(SPANS)}?span=${last}`);
  await page.locator("aside.details").getByText(/^late/).first().waitFor();
  process.stdout.write(
    `live p95: ${quantile(times, 0.95).toFixed(1)} ms a frame; ${(performance.now() - acknowledged).toFixed(0)} ms; ` +
      `acknowledged in ${quantile(late, 0.95).toFixed(0)} ms; ${await counted()}\n`,
  );
  expect(quantile(times, 0.95)).toBeLessThan(30 * LOAD);
}, 90_000);

test(`${MANY_SPANS} spans open as well`, async () => {
  const { page, context } = await open(server, null, { now: NOW });
  await context.addInitScript(watch);
  await page.goto(server.origin + path(MANY_SPANS));
  const time = await interactive(page);
  process.stdout.write(`open ${MANY_SPANS}: ${time.toFixed(0)} ms\n`);
  await page.getByRole("button", { name: "open", exact: true }).click();
  const grid = page.getByRole("treegrid");
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe(String(MANY_SPANS));
}, 90_000);
