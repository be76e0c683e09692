/**
 * Chromium as Debian has it, and pages that are watched: a test fails if its page asks anyone but the server, or says
 * that something is wrong.
 */

import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";

import type { Server } from "./server";

const BROWSER = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Opened {
  page: Page;
  context: BrowserContext;
  /** Addresses beyond the server that were asked, or were to be. */
  foreign: string[];
  /** What the console called an error, and what was thrown. */
  problems: string[];
  expected: RegExp[];
  /** Tells that the browser itself will complain of what this test does. */
  expectProblems: (pattern: RegExp) => void;
}

export interface Wanted {
  width?: number;
  height?: number;
  theme?: "dark" | "light";
  /** What the page takes for the present; without it the time is real. */
  now?: Date | null;
  /** Whether the browser knows the token. */
  token?: boolean;
}

/** One browser for a file of tests, whose pages go somewhere at once if a path is given; what a test opens is closed, and judged, at its end. */
export function useBrowser(): (
  server: Server,
  path: string | null,
  wanted?: Wanted,
) => Promise<Opened> {
  let browser: Browser;
  let opened: Opened[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: BROWSER, args: ARGS });
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    const all = opened;
    opened = [];
    await Promise.all(all.map(({ context }) => context.close()));
    for (const { foreign, problems, expected } of all) {
      expect(foreign, "asked of others").toEqual([]);
      const others = problems.filter((text) => !expected.some((pattern) => pattern.test(text)));
      expect(others, "said in the console").toEqual([]);
    }
  });

  return async (server, path, wanted = {}) => {
    const { width = 1280, height = 800, theme = "dark", now = null, token = true } = wanted;
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "UTC",
    });
    if (token) {
      const { port } = new URL(server.origin);
      await context.addCookies([
        { name: `agentops_${port}`, value: server.token, url: server.origin, httpOnly: true },
      ]);
    }
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    if (now) await page.clock.setFixedTime(now);
    const problems: string[] = [];
    const foreign: string[] = [];
    const expected: RegExp[] = [];
    context.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${server.origin}/`) && !/^(data|blob):/.test(url)) foreign.push(url);
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    const all = {
      page,
      context,
      foreign,
      problems,
      expected,
      expectProblems: (pattern: RegExp) => void expected.push(pattern),
    };
    opened.push(all);
    if (path !== null) await page.goto(server.origin + path);
    return all;
  };
}
