import { expect, test } from "vitest";

import tokens from "../src/styles/tokens.css?raw";
import { KINDS } from "../src/core/kinds";

const colours = new Map<string, [light: string, dark: string]>();
for (const [, name, light, dark] of tokens.matchAll(
  /--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g,
)) {
  colours.set(name, [light, dark]);
}

/** As WCAG 2.2 defines it. */
function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string, theme: 0 | 1): number {
  const both = [a, b].map((name) => {
    const colour = colours.get(name);
    if (!colour) throw new Error(`there is no --${name}`);
    return luminance(colour[theme]);
  });
  const [less, more] = both.sort((x, y) => x - y);
  return (more + 0.05) / (less + 0.05);
}

const SURFACES = ["bg", "bg-raised", "bg-hover", "bg-selected"];
const TEXTS = ["fg", "fg-quiet", "accent", "good", "bad", "warn"];

const pairs: [string, string, number][] = [
  ...TEXTS.flatMap((text) =>
    SURFACES.map((surface): [string, string, number] => [text, surface, 4.5]),
  ),
  ...KINDS.flatMap((kind) =>
    SURFACES.slice(0, 3).map((surface): [string, string, number] => [
      `kind-${kind.toLowerCase()}`,
      surface,
      4.5,
    ]),
  ),
  ["on-accent", "accent", 4.5],
  ["bad", "bad-bg", 4.5],
  ["fg", "bad-bg", 4.5],
  ["warn", "warn-bg", 4.5],
  ["fg", "warn-bg", 4.5],
  // Of charts: as large as pictures, and said in words as well.
  ...["1", "2", "3", "4", "5", "6", "rest"].flatMap((series) =>
    ["bg", "bg-raised"].map((surface): [string, string, number] => [
      `series-${series}`,
      surface,
      3,
    ]),
  ),
  ["bar", "bg", 3],
  ["bar", "bg-raised", 3],
  ["bad", "bg-raised", 3],
  ["line-strong", "bg", 3],
  ["line-strong", "bg-raised", 3],
];

test.each(pairs)("%s can be read on %s", (a, b, least) => {
  expect(contrast(a, b, 0), "light").toBeGreaterThanOrEqual(least);
  expect(contrast(a, b, 1), "dark").toBeGreaterThanOrEqual(least);
});
