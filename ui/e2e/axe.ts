/** Whether everybody can use a page, as far as a machine can tell. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Fails on what hinders people; `evaluate` runs beside the page's policy, which forbids scripts from elsewhere. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(source);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: () => Promise<AxeResults> } };
    return axe.run();
  });
  expect(found.passes.length, what).toBeGreaterThan(5);
  const bad = found.violations.filter(
    ({ impact }) => impact === "serious" || impact === "critical",
  );
  const told = bad.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  expect(told, what).toEqual([]);
}
