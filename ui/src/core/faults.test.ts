import { expect, test } from "vitest";

import type { Fault } from "../gen/api";
import { together } from "./faults";

const fault = (id: number, kind: string, more: Partial<Fault> = {}): Fault =>
  ({
    id,
    kind,
    name: `n${id}`,
    code: "Timeout",
    message: "too late",
    count: 1,
    sessions: 1,
    first_time: `2026-11-22T12:00:0${id}.000000000Z`,
    last_time: `2026-11-22T13:00:0${id}.000000000Z`,
    over_time: [id, 0],
    ...more,
  }) as Fault;

test("an error that went through three spans is told of once, from the inside", () => {
  const [told, ...rest] = together([
    fault(1, "SESSION"),
    fault(2, "AGENT"),
    fault(3, "TOOL", { sessions: 4 }),
    fault(4, "TASK"),
  ]);
  expect(rest).toEqual([]);
  expect([told!.from, ...told!.others].map(({ kind }) => kind)).toEqual([
    "TOOL",
    "TASK",
    "AGENT",
    "SESSION",
  ]);
  expect([told!.count, told!.sessions, told!.isLeast]).toEqual([4, 4, true]);
  expect([told!.first, told!.last]).toEqual([
    Date.UTC(2026, 10, 22, 12, 0, 1),
    Date.UTC(2026, 10, 22, 13, 0, 4),
  ]);
  expect(told!.over_time).toEqual([10, 0]);
});

test("what differs in its words or its code, or has none, stays apart", () => {
  const apart = [
    fault(1, "TOOL"),
    fault(2, "TOOL", { message: "later" }),
    fault(3, "TOOL", { code: "Io" }),
    fault(4, "TOOL", { message: "", code: "" }),
    fault(5, "AGENT", { message: "", code: "" }),
  ];
  const told = together(apart);
  expect(told.map(({ from }) => from.id)).toEqual([1, 2, 3, 4, 5]);
  expect(told.every(({ isLeast, others }) => !isLeast && others.length === 0)).toBe(true);
});
