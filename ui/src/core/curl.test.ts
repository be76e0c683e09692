import { expect, test } from "vitest";

import { curlOf, quoted } from "./curl";
import type { Llm } from "./model";

const llm = (more: Partial<Llm>): Llm =>
  ({
    provider: "openai",
    request_model: "gpt-4o",
    model: "gpt-4o-2024-08-06",
    operation: "chat",
    streaming: false,
    messages: [
      { role: "system", content: [{ type: "text", text: "be kind" }] },
      { role: "user", content: [{ type: "text", text: "it's `$HOME`" }] },
      {
        role: "assistant",
        content: [],
        tool_calls: [{ id: "c1", name: "grep", arguments: { p: 1 } }],
      },
      { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "hit" }] },
    ],
    completions: [],
    parameters: { temperature: 0.2 },
    ...more,
  }) as unknown as Llm;

/** What a shell would hand to curl as the body. */
function body(command: string | null): Record<string, unknown> {
  const text = /-d '([\s\S]*)'\n$/.exec(command ?? "")?.[1].replaceAll("'\\''", "'") ?? "";
  return JSON.parse(text) as Record<string, unknown>;
}

test("a call to OpenAI is made again as it was", () => {
  const command = curlOf(llm({ streaming: true }));
  expect(command).toContain("curl https://api.openai.com/v1/chat/completions \\\n");
  expect(command).toContain('-H "authorization: Bearer $OPENAI_API_KEY"');
  expect(body(command)).toEqual({
    model: "gpt-4o",
    messages: [
      { role: "system", content: "be kind" },
      { role: "user", content: "it's `$HOME`" },
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { id: "c1", type: "function", function: { name: "grep", arguments: '{"p":1}' } },
        ],
      },
      { role: "tool", content: "hit", tool_call_id: "c1" },
    ],
    temperature: 0.2,
    stream: true,
  });
});

test("a call to Anthropic has its own shape", () => {
  const command = curlOf(llm({ provider: "anthropic", request_model: "claude" }));
  expect(command).toContain('-H "x-api-key: $ANTHROPIC_API_KEY"');
  expect(body(command)).toMatchObject({
    system: "be kind",
    max_tokens: 1024,
    messages: [
      { role: "user" },
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "c1", name: "grep", input: { p: 1 } }],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "hit" }] },
    ],
  });
});

test("others are called where the reader says", () => {
  expect(curlOf(llm({ provider: "vllm" }))).toContain('curl "$BASE_URL/chat/completions"');
});

test("what is no conversation, or was not kept, has no command", () => {
  expect(curlOf(llm({ operation: "embeddings" }))).toBeNull();
  expect(curlOf(llm({ messages: [] }))).toBeNull();
});

test("a shell reads nothing into what was said", () => {
  expect(quoted("a'b; rm -rf $HOME `x`")).toBe("'a'\\''b; rm -rf $HOME `x`'");
});
