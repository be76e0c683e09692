import { expect, test } from "vitest";

import { findIn, split } from "./jsonfind";

test("keys, texts and numbers are found, and what they lie in is opened", () => {
  const inner = { Name: "Grep", n: 42 };
  const value = { list: [inner, { other: null }], name: "x" };
  const names = findIn(value, "name");
  expect(names.count).toBe(2);
  expect([...names.open]).toEqual(expect.arrayContaining([value, value.list, inner]));
  expect(names.open.has(value.list[1])).toBe(false);
  expect(findIn(value, "42").count).toBe(1);
  expect(findIn(value, "null").count).toBe(1);
  expect(findIn(value, "nothing")).toEqual({ count: 0, open: new Set(), isCut: false });
  expect(findIn("Grep", "re").count).toBe(1);
});

test("a value of any depth and size is looked through, up to a limit that is told", () => {
  let deep: unknown = "needle";
  for (let k = 0; k < 50_000; k++) deep = [deep];
  expect(findIn(deep, "needle")).toMatchObject({ count: 1, isCut: false });
  expect(
    findIn(
      Array.from({ length: 100 }, (_, k) => k),
      "needle",
      10,
    ).isCut,
  ).toBe(true);
});

test("a text is cut where the words are", () => {
  expect(split("aXbxc", "x")).toEqual(["a", "X", "b", "x", "c"]);
  expect(split("abc", "")).toEqual(["abc"]);
  expect(split("abc", "abc")).toEqual(["", "abc", ""]);
  expect(split("İx", "x")).toEqual(["İx"]);
});
