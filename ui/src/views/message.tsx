/** A message of a conversation: its words as markdown, what it asks of tools, and what they said to that. */

import { useMemo, useState } from "preact/hooks";

import { KIND } from "../core/kinds";
import { type ChatMessage, textOf } from "../core/model";
import { Json, Text } from "../ui/json";
import { Copy, Kind } from "../ui/primitives";
import { Markdown } from "./markdown";

export function Message({
  message,
  isAnswer = false,
  isCut = false,
  results,
  toTool,
}: {
  message: ChatMessage;
  isAnswer?: boolean;
  /** Only a part of it is here. */
  isCut?: boolean;
  /** What tools said, by the place of the request. */
  results?: Map<number, ChatMessage>;
  /** Goes to the span of a request, where there is one. */
  toTool?: (place: number) => (() => void) | null;
}) {
  const texts = message.content.map(textOf).filter((text) => text !== null);
  return (
    <li class={isAnswer ? "message answer" : `message role-${known(message.role)}`}>
      <h3>
        <span>
          {message.role}
          {message.name && <span class="quiet"> {message.name}</span>}
          {message.finish_reason && message.finish_reason !== "stop" && (
            <span class="quiet"> {message.finish_reason}</span>
          )}
        </span>
        {texts.length > 0 && (
          <Copy text={() => texts.join("\n\n")} label={isCut ? "Copy this part" : "Copy"} />
        )}
      </h3>
      <Content message={message} />
      {message.tool_calls?.map((call, k) => {
        const go = toTool?.(k) ?? null;
        const result = results?.get(k);
        return (
          <div key={call.id ?? k} class="tool-call">
            <div class="tool-head">
              <Kind kind={KIND.TOOL} />
              {go ? (
                <button type="button" class="link" onClick={go} title="Go to the span of the tool">
                  <b>{call.name}</b>
                </button>
              ) : (
                <b>{call.name}</b>
              )}
            </div>
            <Small value={call.arguments} />
            {result && <Result message={result} />}
          </div>
        );
      })}
    </li>
  );
}

/** A role as part of a class name. */
const known = (role: string): string =>
  ["system", "user", "assistant", "tool"].includes(role) ? role : "other";

/** Answers of tools are cut here; the whole is a click away. */
const LONG_RESULT = 400;

function Result({ message }: { message: ChatMessage }) {
  const text = message.content.map(textOf).join("\n");
  const [isWhole, setWhole] = useState(false);
  return (
    <div class="tool-result">
      <span class="quiet" aria-hidden="true">
        ↳{" "}
      </span>
      {isWhole || text.length <= LONG_RESULT ? (
        <Content message={message} />
      ) : (
        <span class="pre">
          {text.slice(0, LONG_RESULT)}
          <button type="button" class="more" onClick={() => setWhole(true)}>
            … {text.length - LONG_RESULT} more characters
          </button>
        </span>
      )}
    </div>
  );
}

function Content({ message }: { message: ChatMessage }) {
  return (
    <>
      {message.content.map((part, k) => {
        const text = textOf(part);
        if (text === null) return <Other key={k} part={part} />;
        const type = (part as { type?: string }).type;
        if (type === "reasoning") {
          return (
            <details key={k} class="thought">
              <summary>thought</summary>
              <div class="pre">
                <Text text={text} />
              </div>
            </details>
          );
        }
        if (type === "refusal") {
          return (
            <p key={k} class="pre tone-bad">
              <Text text={text} />
            </p>
          );
        }
        if (message.role === "tool") return <ToolText key={k} text={text} />;
        return <Markdown key={k} text={text} />;
      })}
    </>
  );
}

/** What tools say is data more often than words. */
function ToolText({ text }: { text: string }) {
  const value = useMemo(() => json(text), [text]);
  return value === undefined ? (
    <div class="pre mono">
      <Text text={text} />
    </div>
  ) : (
    <Small value={value} />
  );
}

/** What fits into a line is written in one. */
const LINE = 90;

function Small({ value }: { value: unknown }) {
  const line = useMemo(() => JSON.stringify(value) ?? "", [value]);
  return line.length <= LINE ? <div class="mono">{line}</div> : <Json value={value} depth={1} />;
}

function json(text: string): unknown {
  const first = text.trimStart()[0];
  if (first !== "{" && first !== "[") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/;

/** An image that is in the message itself is shown; anything else as the provider has it. */
function Other({ part }: { part: unknown }) {
  const data = image(part);
  return data ? <img src={data} alt="sent with the message" /> : <Json value={part} depth={1} />;
}

/** As OpenAI and Anthropic write images. */
function image(part: unknown): string | null {
  const { image_url, source } = (part ?? {}) as {
    image_url?: { url?: unknown } | string;
    source?: { media_type?: unknown; data?: unknown };
  };
  const url =
    typeof image_url === "string"
      ? image_url
      : (image_url?.url ?? (source ? `data:${source.media_type};base64,${source.data}` : null));
  return typeof url === "string" && IMAGE.test(url) ? url : null;
}
