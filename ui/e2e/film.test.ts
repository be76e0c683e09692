/** A film of a run, made here: it plays, and its clock and the playhead are one. */

import { writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { useBrowser } from "./browser";
import { Server } from "./server";

const FILM = "/films/refund.webm";
const NOW = new Date("2026-11-22T12:40:00Z");
/** How much of the run is filmed, in seconds. */
const FILMED = 2;

let server: Server;
let id = "";

beforeAll(async () => {
  server = await Server.start();
  const made = spawnSync("node", ["tests/sessions.mjs", "refund"], {
    cwd: join(import.meta.dirname, ".."),
    encoding: "utf8",
    maxBuffer: 1 << 24,
  });
  const file = join(server.home, "filmed.json");
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(made.stdout) as object), video: FILM }));
  id = server.import(file);
});
afterAll(() => server?.close());
const open = useBrowser();

/** Films a canvas that changes, in the page. */
function film(seconds: number): Promise<number[]> {
  const canvas = document.createElement("canvas");
  const ink = canvas.getContext("2d")!;
  const recorder = new MediaRecorder(canvas.captureStream(10), { mimeType: "video/webm" });
  const parts: Blob[] = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  const began = performance.now();
  recorder.start();
  const draw = () => {
    const passed = (performance.now() - began) / 1000;
    ink.fillStyle = `hsl(${passed * 90}, 60%, 40%)`;
    ink.fillRect(0, 0, canvas.width, canvas.height);
    if (passed < seconds) requestAnimationFrame(draw);
    else recorder.stop();
  };
  draw();
  return new Promise((done) => {
    recorder.addEventListener("stop", async () =>
      done([...new Uint8Array(await new Blob(parts).arrayBuffer())]),
    );
  });
}

/** Answers as a server of films does: any part of it. */
async function serve(page: Page, bytes: Buffer): Promise<void> {
  await page.route(`**${FILM}`, (route) => {
    const [, first, last] =
      /bytes=(\d+)-(\d*)/.exec(route.request().headers()["range"] ?? "") ?? [];
    const from = Number(first ?? 0);
    const to = last ? Number(last) : bytes.length - 1;
    return route.fulfill({
      status: first === undefined ? 200 : 206,
      contentType: "video/webm",
      headers: {
        "accept-ranges": "bytes",
        "content-range": `bytes ${from}-${to}/${bytes.length}`,
      },
      body: bytes.subarray(from, to + 1),
    });
  });
}

test("a film plays with the playhead, and the run goes on after its end", async () => {
  const { page } = await open(server, null, { now: NOW });
  await page.goto(server.origin);
  await serve(page, Buffer.from(await page.evaluate(film, FILMED)));
  await page.goto(`${server.origin}/s/${id}?view=video`);
  const video = page.locator("video");
  const at = () => video.evaluate((film: HTMLVideoElement) => film.currentTime);
  const playhead = () => Number(new URL(page.url()).searchParams.get("at") ?? Number.NaN);
  await expect
    .poll(() => video.evaluate((film: HTMLVideoElement) => film.readyState))
    .toBeGreaterThan(1);

  await video.evaluate((film: HTMLVideoElement) => (film.currentTime = 1));
  await expect.poll(playhead).toBe(1_000);

  const scrubber = page.getByRole("slider", { name: "Moment of the run" });
  await scrubber.fill("500");
  await expect.poll(at).toBeCloseTo(0.5, 1);

  // Of 48 seconds two were filmed.
  await scrubber.fill("40000");
  await expect.poll(at).toBeGreaterThan(FILMED / 2);
  await expect.poll(() => video.evaluate((film: HTMLVideoElement) => film.seeking)).toBe(false);
  await expect.poll(playhead).toBeGreaterThan(39_000);
  expect(await at()).toBeLessThan(FILMED * 2);
});
