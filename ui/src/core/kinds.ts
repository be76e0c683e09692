/**
 * What spans stand for and how they ended, as small numbers.
 *
 * Columns hold these numbers; everything that is drawn asks here for the name and the letter. Knows no colours.
 */

import type { SpanKind } from "../gen/api";

export const KINDS = [
  "SESSION",
  "AGENT",
  "WORKFLOW",
  "OPERATION",
  "TASK",
  "LLM",
  "TOOL",
  "GUARDRAIL",
  "CHAIN",
  "HTTP",
  "UNKNOWN",
] as const satisfies readonly SpanKind[];

export const KIND = {
  SESSION: 0,
  AGENT: 1,
  WORKFLOW: 2,
  OPERATION: 3,
  TASK: 4,
  LLM: 5,
  TOOL: 6,
  GUARDRAIL: 7,
  CHAIN: 8,
  HTTP: 9,
  UNKNOWN: 10,
} as const satisfies Record<SpanKind, number>;

/** One letter each, so that a kind is told without its colour. */
export const LETTERS = ["S", "A", "W", "O", "K", "L", "T", "G", "C", "H", "?"] as const;

/** The number of a kind; a name from a newer server is unknown. */
export function kindOf(name: string): number {
  const at = (KINDS as readonly string[]).indexOf(name);
  return at < 0 ? KIND.UNKNOWN : at;
}

export const STATUS = { unset: 0, ok: 1, error: 2 } as const;

export type StatusName = keyof typeof STATUS;

export function statusOf(name: string): number {
  return name === "error" ? STATUS.error : name === "ok" ? STATUS.ok : STATUS.unset;
}
