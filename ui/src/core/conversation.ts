/**
 * What is new in a model call: each call carries all that was said before, and only the end of it is new.
 *
 * A call is compared with the one before it of the same agent, from the start: what both have, and what the earlier one
 * was answered, is not told again. Ties requests for tools to what the tools said. Knows nothing of where messages come from.
 */

import type { ChatMessage } from "./model";

/** What was sent with a call, and what came back. */
export interface Talk {
  messages: readonly ChatMessage[];
  completions: readonly ChatMessage[];
}

export interface Fresh {
  /** The place of the first message that is new. */
  from: number;
  /** So many messages of the call before are not in this one any more: it was made smaller, or begun anew. */
  dropped: number;
}

/** What of `next` was not in `before`, nor its answer. */
export function fresh(before: Talk | null, next: Talk): Fresh {
  if (!before) return { from: 0, dropped: 0 };
  const known = [...before.messages, ...before.completions.slice(0, 1)].map(keyOf);
  let from = 0;
  while (
    from < next.messages.length &&
    from < known.length &&
    keyOf(next.messages[from]) === known[from]
  ) {
    from++;
  }
  return { from, dropped: Math.max(0, before.messages.length - from) };
}

/** The same for messages that say the same, however they are written. */
function keyOf(message: ChatMessage): string {
  const { role, content, tool_calls, tool_call_id } = message;
  const said = content.filter((part) => !isEmptyText(part));
  const asked = (tool_calls ?? []).map((call) => [
    call.id ?? null,
    call.name,
    parsed(call.arguments),
  ]);
  return ordered([role, said, asked, tool_call_id ?? null]);
}

const isEmptyText = (part: unknown): boolean =>
  typeof part === "object" && part !== null && "text" in part && part.text === "";

/** Arguments that came as text are the same as their value. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/** JSON with the keys of objects in order. */
function ordered(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

/** What the tools said that an answer asked for, by the place of the request; those without an answer are not in it. */
export function results(
  answer: ChatMessage,
  after: readonly ChatMessage[],
): Map<number, ChatMessage> {
  const found = new Map<number, ChatMessage>();
  const calls = answer.tool_calls ?? [];
  const taken = new Set<ChatMessage>();
  for (const [k, call] of calls.entries()) {
    const said = after.find(
      (message) =>
        message.role === "tool" &&
        !taken.has(message) &&
        call.id != null &&
        message.tool_call_id === call.id,
    );
    if (!said) continue;
    found.set(k, said);
    taken.add(said);
  }
  // Who gives no ids answers in the order in which was asked.
  const nameless = after.filter((message) => message.role === "tool" && !message.tool_call_id);
  for (const [k, call] of calls.entries()) {
    if (found.has(k) || call.id) continue;
    const said = nameless.shift();
    if (said) found.set(k, said);
  }
  return found;
}

/** Of the messages that are new, those that no request before them is answered by. */
export function unjoined(before: Talk | null, messages: readonly ChatMessage[]): ChatMessage[] {
  const answer = before?.completions[0];
  if (!answer) return [...messages];
  const joined = new Set(results(answer, messages).values());
  return messages.filter((message) => !joined.has(message));
}
