/**
 * What of a span is here: asked for shortly, so that megabytes are sent only to who wants them.
 *
 * Knows how the server says what it has cut; what is shown of that is the panel's own.
 */

import type { ShortSpan, Span } from "../../gen/api";
import { api } from "../../ui/ask";

/** A span, whole or in part. */
export type Shown = Span & Partial<Pick<ShortSpan, "cut" | "whole_bytes">>;

/** About as much as somebody reads. */
export const SHORT = "?limit=262144";

export const pathOf = (session: string, span: string): string =>
  `/sessions/${encodeURIComponent(session)}/spans/${span}`;

/** A span without what is said of its answer. */
export function bare(span: Shown): Span {
  const { cut: _, whole_bytes: __, ...own } = span;
  return own;
}

/** All of a span, which is asked for if only a part is here. */
export async function wholeOf(span: Shown): Promise<Span> {
  const isHere = !span.cut || span.cut.length === 0;
  return isHere ? bare(span) : api.get<Span>(pathOf(span.session_id, span.id));
}

/** Whether something is missing in a part of it, or from it. */
export const isCutIn = (span: Shown, path: string): boolean =>
  span.cut?.some((cut) => cut.path === path || cut.path.startsWith(`${path}/`)) ?? false;

/** How many entries of a list are not here. */
export function missing(span: Shown, path: "/llm/messages" | "/logs"): number {
  const entries = span.cut?.find((cut) => cut.path === path)?.entries;
  if (entries == null) return 0;
  return entries - (path === "/logs" ? span.logs : (span.llm?.messages ?? [])).length;
}

/** Whether a message, by its place among those that are here, is one of which only a part is. */
export const isCutMessage = (span: Shown, place: number): boolean =>
  isCutIn(span, `/llm/messages/${missing(span, "/llm/messages") + place}`);

/** What is cut, in the words of the panel. */
export function cutFields(span: Shown): string[] {
  const names = (span.cut ?? []).map(({ path }) => {
    const [, field, within] = path.split("/");
    return (field === "llm" ? within : field) ?? "";
  });
  return [...new Set(names)];
}
