/**
 * A model call as a command that makes it again.
 *
 * Written in the provider's own shape where that is known, else in the one that most servers understand. Keys are never
 * in it: they come from the environment of whoever runs it.
 */

import type { ChatMessage, Llm } from "./model";
import { textOf } from "./model";

/** Whether it was a conversation, of which is known what was sent. */
export const canCurl = (llm: Llm): boolean =>
  (llm.operation === null || llm.operation === "chat") && llm.messages.length > 0;

/** The command; null where there can be none. */
export function curlOf(llm: Llm): string | null {
  if (!canCurl(llm)) return null;
  const model = llm.request_model ?? llm.model ?? "";
  const [url, headers, body] =
    llm.provider === "anthropic" ? anthropic(llm, model) : openai(llm, model);
  const lines = [
    `curl ${url}`,
    ...["content-type: application/json", ...headers].map((header) => `  -H ${expanding(header)}`),
    `  -d ${quoted(JSON.stringify(body, null, 2))}`,
  ];
  return `${lines.join(" \\\n")}\n`;
}

type Call = [url: string, headers: string[], body: Record<string, unknown>];

function openai(llm: Llm, model: string): Call {
  const isOpenai = llm.provider === null || llm.provider === "openai";
  const url = isOpenai
    ? "https://api.openai.com/v1/chat/completions"
    : '"$BASE_URL/chat/completions"';
  const key = isOpenai ? "OPENAI_API_KEY" : "API_KEY";
  return [
    url,
    [`authorization: Bearer $${key}`],
    {
      model,
      messages: llm.messages.map((message) => ({
        role: message.role,
        ...(message.name ? { name: message.name } : {}),
        content: flat(message),
        ...(message.tool_calls?.length
          ? {
              tool_calls: message.tool_calls.map((call) => ({
                id: call.id,
                type: "function",
                function: { name: call.name, arguments: written(call.arguments) },
              })),
            }
          : {}),
        ...(message.tool_call_id ? { tool_call_id: message.tool_call_id } : {}),
      })),
      ...llm.parameters,
      ...(llm.streaming ? { stream: true } : {}),
    },
  ];
}

function anthropic(llm: Llm, model: string): Call {
  const system = llm.messages.filter(({ role }) => role === "system").map(flat);
  const messages = llm.messages
    .filter(({ role }) => role !== "system")
    .map((message) =>
      message.role === "tool"
        ? {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: message.tool_call_id ?? null,
                content: flat(message),
              },
            ],
          }
        : {
            role: message.role,
            content: [
              ...message.content,
              ...(message.tool_calls ?? []).map((call) => ({
                type: "tool_use",
                id: call.id,
                name: call.name,
                input: call.arguments,
              })),
            ],
          },
    );
  return [
    "https://api.anthropic.com/v1/messages",
    ["anthropic-version: 2023-06-01", "x-api-key: $ANTHROPIC_API_KEY"],
    {
      model,
      max_tokens: 1024,
      ...(system.length > 0 ? { system: system.map(written).join("\n\n") } : {}),
      messages,
      ...llm.parameters,
      ...(llm.streaming ? { stream: true } : {}),
    },
  ];
}

/** One text where a message is all text, else its parts. */
function flat(message: ChatMessage): unknown {
  const texts = message.content.map(textOf);
  return texts.every((text) => text !== null) ? texts.join("\n") : message.content;
}

const written = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** Between single quotes nothing means anything to a shell but the quote. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Between double quotes, for the key to be put in; our own headers have nothing else that a shell would read. */
const expanding = (header: string): string =>
  header.includes("$") ? `"${header}"` : quoted(header);
