import { expect, test } from "vitest";

import { row, storeOf } from "../../tests/rows";
import { retries } from "./repeats";

const tool = (id: string, parent: string, status: string, name = "sql") =>
  row(id, parent, { name, kind: "TOOL", status });

test("an attempt is what has the name of something that failed before it", () => {
  const store = storeOf([
    row("1", null),
    tool("2", "1", "error"),
    tool("3", "1", "ok", "chat"),
    tool("4", "1", "error"),
    tool("5", "1", "ok"),
    tool("6", "1", "ok"),
    row("7", "1"),
    tool("8", "7", "ok"),
  ]);
  const found = [...retries(store)].map(([at, before]) => [store.ids[at], before]);
  expect(found).toEqual([
    ["4", 1],
    ["5", 2],
  ]);
});
