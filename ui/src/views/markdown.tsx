/** Markdown as elements: made one by one from what was read, never from markup. Nothing is fetched for it. */

import { type Block, type Inline, LONGEST, read } from "../core/markdown";
import { Text } from "../ui/json";
import { Copy } from "../ui/primitives";
import { useMemo } from "preact/hooks";

export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => (text.length > LONGEST ? null : read(text)), [text]);
  if (!blocks) {
    return (
      <div class="pre">
        <Text text={text} />
      </div>
    );
  }
  return (
    <div class="markdown">
      <Blocks blocks={blocks} />
    </div>
  );
}

function Blocks({ blocks }: { blocks: Block[] }) {
  return (
    <>
      {blocks.map((block, k) => (
        <One key={k} block={block} />
      ))}
    </>
  );
}

function One({ block }: { block: Block }) {
  switch (block.type) {
    case "heading":
      // Headings of a message are none of the page's.
      return (
        <p class={`heading level-${block.level}`}>
          <Line inner={block.inner} />
        </p>
      );
    case "paragraph":
      return (
        <p>
          <Line inner={block.inner} />
        </p>
      );
    case "code":
      return (
        <div class="code">
          <Copy text={() => block.text} label="Copy" />
          <pre>
            <Text text={block.text} />
          </pre>
        </div>
      );
    case "quote":
      return (
        <blockquote>
          <Blocks blocks={block.blocks} />
        </blockquote>
      );
    case "list": {
      const items = block.items.map((item, k) => (
        <li key={k}>
          <Blocks blocks={item} />
        </li>
      ));
      return block.start === null ? <ul>{items}</ul> : <ol start={block.start}>{items}</ol>;
    }
    case "table":
      return (
        <div class="table-scroll">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, k) => (
                  <th key={k} style={{ textAlign: block.align[k] ?? "left" }}>
                    <Line inner={cell} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, k) => (
                <tr key={k}>
                  {row.map((cell, at) => (
                    <td key={at} style={{ textAlign: block.align[at] ?? "left" }}>
                      <Line inner={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case "rule":
      return <hr />;
  }
}

function Line({ inner }: { inner: Inline[] }) {
  return (
    <>
      {inner.map((one, k) => (
        <Piece key={k} one={one} />
      ))}
    </>
  );
}

function Piece({ one }: { one: Inline }) {
  switch (one.type) {
    case "text":
      return <>{one.text}</>;
    case "code":
      return <code>{one.text}</code>;
    case "break":
      return <br />;
    case "strong":
      return (
        <strong>
          <Line inner={one.inner} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Line inner={one.inner} />
        </em>
      );
    case "del":
      return (
        <del>
          <Line inner={one.inner} />
        </del>
      );
    case "link":
      return (
        <Away href={one.href}>
          <Line inner={one.inner} />
        </Away>
      );
    case "image":
      if (one.data) return <img src={one.data} alt={one.alt} />;
      return one.href ? (
        <Away href={one.href}>image, not fetched: {one.alt || one.href}</Away>
      ) : (
        <span class="quiet">image: {one.alt}</span>
      );
  }
}

/** A link that says where it goes, and tells nobody where it was. */
export function Away({ href, children }: { href: string; children: preact.ComponentChildren }) {
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
