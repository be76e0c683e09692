import { expect, test } from "vitest";

import { randomRows, row, storeOf } from "../../tests/rows";
import { culprits, failing, foldedIn, layOut, peers, searchOf, siblings, step } from "./layout";
import { rollUp } from "./rollup";
import type { SpanStore } from "./store";
import type { Base } from "./url";

const run = () =>
  storeOf([
    row("1", null, { kind: "SESSION", name: "refund" }),
    row("2", "1", { name: "plan", agent: "Planner" }),
    row("3", "2", { name: "chat", kind: "LLM", model: "gpt-4o" }),
    row("4", "1", { name: "code", status: "error" }),
    row("5", "4", { name: "sql", kind: "TOOL", status: "error" }),
    row("6", "4", { name: "chat", kind: "LLM" }),
  ]);

const folded = (store: SpanStore, others: Iterable<string> = [], base: Base = "none") =>
  foldedIn(store, { base, others: new Set(others) }, rollUp(store).errors);

const ids = (store: SpanStore, spans: Int32Array) =>
  Array.from(spans, (at) => store.ids[at]).join("");

test("everything is shown that nothing hides", () => {
  const store = run();
  const { rows, rowOf } = layOut(store, folded(store), null);
  expect(ids(store, rows)).toBe("123456");
  expect(rows.every((at, place) => rowOf[at] === place)).toBe(true);
});

test("a fold hides what is beneath, and nothing else", () => {
  const store = run();
  expect(ids(store, layOut(store, folded(store, ["2"]), null).rows)).toBe("12456");
  expect(ids(store, layOut(store, folded(store, ["1", "2"]), null).rows)).toBe("1");
  expect(ids(store, layOut(store, folded(store, ["3", "unknown"]), null).rows)).toBe("123456");
});

test("all is folded but the way to what failed, and each fold can be turned", () => {
  const store = run();
  const shown = (base: Base, others: string[] = []) =>
    ids(store, layOut(store, folded(store, others, base), null).rows);
  expect(shown("errors")).toBe("12456");
  expect(shown("all")).toBe("124");
  expect(shown("errors", ["2", "4"])).toBe("1234");
  expect(shown("all", ["4"])).toBe("12456");
  const well = storeOf([
    row("1", null, { kind: "SESSION" }),
    row("2", "1"),
    row("3", "2"),
    row("4", "3"),
  ]);
  const { rows } = layOut(well, folded(well, [], "errors"), null);
  expect(ids(well, rows)).toBe("123");
});

test("a search finds names, agents and models, and every word counts", () => {
  const store = run();
  const found = (text: string) =>
    ids(store, layOut(store, folded(store), searchOf(text, false)).matches);
  expect(found("CHAT")).toBe("36");
  expect(found("chat gpt")).toBe("3");
  expect(found("planner")).toBe("2");
  expect(found("nothing")).toBe("");
  expect(searchOf("  ", true)).toBeNull();
  const { matches, isMatch } = layOut(store, folded(store), searchOf("chat", false));
  expect(Array.from(isMatch ?? []).flatMap((one, at) => (one ? [at] : []))).toEqual([...matches]);
  expect(layOut(store, folded(store), null).isMatch).toBeNull();
});

test("only what was found is shown with all it stands under, folded or not", () => {
  const store = run();
  const only = (text: string, folds: string[]) =>
    ids(store, layOut(store, folded(store, folds), searchOf(text, true)).rows);
  expect(only("sql", [])).toBe("145");
  expect(only("chat", ["2", "4"])).toBe("12346");
  expect(only("nothing", [])).toBe("");
});

test("folding never shows what a row further up hides", () => {
  const store = storeOf(randomRows(200, 5));
  for (let k = 0; k < 30; k++) {
    const folds = new Set([store.ids[k * 3], store.ids[k * 5], store.ids[k]]);
    const { rowOf } = layOut(store, folded(store, folds), null);
    for (let at = 0; at < store.n; at++) {
      const hidden = store.ancestors(at).some((up) => folds.has(store.ids[up]));
      expect(rowOf[at] < 0).toBe(hidden);
    }
  }
});

test("steps go to the next, the one before, and round", () => {
  const store = run();
  const errors = failing(store);
  const go = (from: string, by: 1 | -1) => store.ids[step(store, errors, store.indexOf(from), by)];
  expect([go("1", 1), go("4", 1), go("5", 1)]).toEqual(["4", "5", "4"]);
  expect([go("6", -1), go("5", -1), go("4", -1)]).toEqual(["5", "4", "5"]);
  expect(store.ids[step(store, errors, -1, 1)]).toBe("4");
  expect(store.ids[step(store, errors, -1, -1)]).toBe("5");
  expect(step(store, new Int32Array(0), 1, 1)).toBe(-1);
});

test("peers have the same name and kind, siblings the same parent", () => {
  const store = run();
  expect(ids(store, peers(store, store.indexOf("3")))).toBe("36");
  expect(ids(store, siblings(store, store.indexOf("5")))).toBe("56");
});

test("culprits are what failed with nothing failing beneath", () => {
  const store = run();
  expect(ids(store, culprits(store, rollUp(store).errors))).toBe("5");
});
