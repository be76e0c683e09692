import { expect, test } from "vitest";

import { type LiveList, append, change, refresh, show, start, visible } from "./live-list";

interface Run {
  id: string;
  spans: number;
}

const run = (id: string, spans = 1): Run => ({ id, spans });
const ids = (list: LiveList<Run>) => list.rows.map((row) => row.id).join("");
const waiting = (list: LiveList<Run>) => list.waiting.map((row) => row.id).join("");
const begin = () => start([run("c"), run("b"), run("a")], "next");

test("a row changes where it stands", () => {
  const list = change(begin(), [run("b", 9)], []);
  expect(ids(list)).toBe("cba");
  expect(list.rows[1].spans).toBe(9);
});

test("what is not in the list does not change it, nor makes another of it", () => {
  const list = begin();
  expect(change(list, [run("z")], ["y"])).toBe(list);
});

test("what is gone goes, also while it waits", () => {
  const list = refresh(begin(), [run("d"), run("c"), run("b")], false);
  expect(ids(change(list, [], ["b", "d"]))).toBe("ca");
  expect(waiting(change(list, [], ["d"]))).toBe("");
});

test("new rows come on top of a list that is at its top", () => {
  const list = refresh(begin(), [run("d"), run("c", 5), run("b")], true);
  expect(ids(list)).toBe("dcba");
  expect(list.rows[1].spans).toBe(5);
  expect([...list.fresh]).toEqual(["d"]);
});

test("else they wait, are counted once, keep up, and come when asked for", () => {
  let list = refresh(begin(), [run("d"), run("c")], false);
  list = refresh(list, [run("e"), run("d", 7), run("c")], false);
  expect(ids(list)).toBe("cba");
  expect(waiting(list)).toBe("ed");
  expect(list.waiting[1].spans).toBe(7);
  expect(ids(show(list))).toBe("edcba");
  expect(waiting(show(list))).toBe("");
});

test("who comes back to the top sees what waited, also where nothing more came", () => {
  const list = refresh(begin(), [run("d"), run("c")], false);
  expect(ids(refresh(list, [run("d"), run("c")], true))).toBe("dcba");
});

test("the next page brings nothing twice", () => {
  const list = append(begin(), [run("a"), run("0")], null);
  expect(ids(list)).toBe("cba0");
  expect(list.cursor).toBeNull();
});

test("only rows that can be seen are drawn, and a few beside them", () => {
  expect(visible(1000, 30, 0, 300, 2)).toEqual({ from: 0, to: 12 });
  expect(visible(1000, 30, 3000, 300, 2)).toEqual({ from: 98, to: 112 });
  expect(visible(3, 30, 9000, 300, 2)).toEqual({ from: 3, to: 3 });
  expect(visible(0, 30, 0, 300)).toEqual({ from: 0, to: 0 });
});
