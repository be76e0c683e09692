// Measures the session page in a browser, against a server that has such a session, with the built files.
//
//     node tests/budgets.mjs http://127.0.0.1:4318 <session id> [live]
//
// With `live` it measures a session that goes on, as tests/live.mjs makes one.
// Chromium comes from CHROMIUM, or /usr/bin/chromium. Says the numbers, and exits with 1 where one is over its budget;
// FACTOR allows for a machine that does something else as well.
import { argv, env, exit } from "node:process";

import { chromium } from "playwright-core";

const [base, id, what] = argv.slice(2);
const factor = Number(env.FACTOR ?? 1);
const rounds = 5;

const browser = await chromium.launch({
  executablePath: env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
  ],
});

const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const p95 = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)];
let isOver = false;
function say(what, value, budget, unit = "ms") {
  const over = budget !== null && value > budget * factor;
  isOver ||= over;
  const limit = budget === null ? "" : ` (budget ${budget})`;
  process.stdout.write(`${over ? "OVER " : ""}${what}: ${value.toFixed(1)} ${unit}${limit}\n`);
}

const open = async (query = "") => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  page.on("pageerror", (error) => {
    process.stderr.write(`${error.stack}\n`);
    isOver = true;
  });
  await page.goto(`${base}/s/${id}${query}`, { waitUntil: "commit" });
  // Interactive: rows are there, and two frames have been painted since.
  const ms = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (performance.now() > 30_000) return reject(new Error("no rows within 30 s"));
          if (!document.querySelector(".row")) return requestAnimationFrame(look);
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
        };
        look();
      }),
  );
  return { page, ms };
};

/** How long frames took, for so many of them; each scrolls by so much. */
const framesOf = (page, most, scroll) =>
  page.evaluate(
    ([most, scroll]) =>
      new Promise((resolve) => {
        const area = document.querySelector(".scroller");
        const took = [];
        let last = performance.now();
        const step = (time) => {
          took.push(time - last);
          last = time;
          if (scroll > 0) area.scrollTop += scroll;
          if (took.length < most) requestAnimationFrame(step);
          else resolve(took.slice(5));
        };
        requestAnimationFrame(step);
      }),
    [most, scroll],
  );

async function live() {
  const { page, ms } = await open();
  say("interactive", ms, null);
  await page.waitForTimeout(2_000);
  const counted = () =>
    page.evaluate(() =>
      Number(document.querySelector("[role=treegrid]").getAttribute("aria-rowcount")),
    );
  const before = await counted();
  const began = performance.now();
  const frames = await framesOf(page, 480, 0);
  const seconds = (performance.now() - began) / 1000;
  say("rows", await counted(), null, "");
  say("new rows a second", ((await counted()) - before) / seconds, null, "");
  say("live, p50 of a frame", middle(frames), null);
  say("live, p95 of a frame", p95(frames), 30);
  await browser.close();
  exit(isOver ? 1 : 0);
}

if (what === "live") await live();

const opened = [];
for (let k = 0; k < rounds; k++) {
  const { page, ms } = await open();
  opened.push(ms);
  if (k === rounds - 1) {
    const paint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    );
    say("first paint", paint, 300);
    say(
      "of it the server's answer",
      await page.evaluate(() => {
        const entry = performance
          .getEntriesByType("resource")
          .find(({ name }) => name.endsWith("/skeleton"));
        return entry.responseStart - entry.requestStart;
      }),
      null,
    );
  }
  await page.close();
}
say("interactive, median of five", middle(opened), 1_000);

const { page } = await open();
await page.waitForTimeout(2_000);
const frames = await framesOf(page, 240, 260);
say("scrolling, p50 of a frame", middle(frames), null);
say("scrolling, p95 of a frame", p95(frames), 25);
await page.evaluate(() => (document.querySelector(".scroller").scrollTop = 0));
await page.waitForTimeout(200);
const folded = [];
for (let k = 0; k < 7; k++) {
  folded.push(
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          const button = document.querySelector(".row .fold:not(span)");
          const begin = performance.now();
          button.click();
          requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.addEventListener("message", () => resolve(performance.now() - begin));
            channel.port1.start();
            channel.port2.postMessage(null);
          });
        }),
    ),
  );
}
say("fold or open, median of seven", middle(folded), 50);
say("DOM nodes", await page.evaluate(() => document.querySelectorAll("*").length), null, "");
await page.waitForTimeout(3_000);
const session = await page.context().newCDPSession(page);
await session.send("HeapProfiler.collectGarbage");
// Columns lie beside the heap, and count.
const heap = await session.send("Runtime.getHeapUsage");
say("heap and columns", (heap.usedSize + heap.backingStorageSize) / 1e6, 100, "MB");
await browser.close();
exit(isOver ? 1 : 0);
