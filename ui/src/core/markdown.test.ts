import { expect, test } from "vitest";

import { random } from "../../tests/rows";
import { type Block, type Inline, inline, read, safe } from "./markdown";

/** As HTML would be, to be read in a test; nothing on a page is made like this. */
function drawn(blocks: Block[]): string {
  return blocks.map(block).join("");
}

function block(one: Block): string {
  switch (one.type) {
    case "heading":
      return `<h${one.level}>${line(one.inner)}</h>`;
    case "paragraph":
      return `<p>${line(one.inner)}</p>`;
    case "code":
      return `<pre ${one.language}>${one.text}</pre>`;
    case "quote":
      return `<q>${drawn(one.blocks)}</q>`;
    case "list":
      return `<l ${one.start ?? "-"}>${one.items.map((item) => `<i>${drawn(item)}</i>`).join("")}</l>`;
    case "table":
      return `<t ${one.align.map((to) => to ?? "-").join(" ")}>${[one.head, ...one.rows].map((row) => row.map(line).join("|")).join("/")}</t>`;
    case "rule":
      return "<hr>";
  }
}

function line(inner: Inline[]): string {
  return inner
    .map((one) => {
      switch (one.type) {
        case "text":
          return one.text;
        case "code":
          return `<c>${one.text}</c>`;
        case "break":
          return "<br>";
        case "link":
          return `<a ${one.href}>${line(one.inner)}</a>`;
        case "image":
          return `<img ${one.alt} ${one.data ?? one.href ?? "nothing"}>`;
        default:
          return `<${one.type}>${line(one.inner)}</>`;
      }
    })
    .join("");
}

const cases: [string, string][] = [
  [
    "plain *em* **strong** ~~gone~~ `code`",
    "<p>plain <em>em</> <strong>strong</> <del>gone</> <c>code</c></p>",
  ],
  ["**a *b* c**", "<p><strong>a <em>b</> c</></p>"],
  ["snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"],
  ["# One\n## Two ##\nwords", "<h1>One</h><h2>Two</h><p>words</p>"],
  ["a\nb\n\nc", "<p>a<br>b</p><p>c</p>"],
  [
    "```rust\nfn main() {}\n\n*not em*\n```\nafter",
    "<pre rust>fn main() {}\n\n*not em*</pre><p>after</p>",
  ],
  ["```\nnever closed", "<pre >never closed</pre>"],
  [
    "- a\n- b\n  - c\n- d",
    "<l -><i><p>a</p></i><i><p>b</p><l -><i><p>c</p></i></l></i><i><p>d</p></i></l>",
  ],
  ["3. a\n4. b\n\nend", "<l 3><i><p>a</p></i><i><p>b</p></i></l><p>end</p>"],
  ["> a\n> - b\n\nc", "<q><p>a</p><l -><i><p>b</p></i></l></q><p>c</p>"],
  ["| a | b |\n|:--|--:|\n| 1 | `x` |\n| 2 | y\\|z |\n", "<t left right>a|b/1|<c>x</c>/2|y|z</t>"],
  ["***\n---", "<hr><hr>"],
  ["\\*not\\* em", "<p>*not* em</p>"],
  [
    "see https://a.example/x_y_z.",
    "<p>see <a https://a.example/x_y_z>https://a.example/x_y_z</a>.</p>",
  ],
  ['[the *book*](https://a.example/ "title")', "<p><a https://a.example/>the <em>book</></a></p>"],
  [
    "<mailto:a@b.c> <https://a.example/>",
    "<p><mailto:a@b.c> <a https://a.example/>https://a.example/</a></p>",
  ],
];

test.each(cases)("%j", (text, expected) => {
  expect(drawn(read(text))).toBe(expected);
});

test("what is hostile stays text, and leads nowhere", () => {
  const hostile = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](\u0001javascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a](vbscript:x)",
    "[a](//evil.example/x)",
    "[a](/api/v1/sessions)",
    "[a](file:///etc/passwd)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](blob:https://a.example/1)",
  ];
  for (const text of hostile) {
    const links: Inline[] = [];
    const walk = (inner: Inline[]) => {
      for (const one of inner) {
        if (one.type === "link" || (one.type === "image" && (one.href || one.data)))
          links.push(one);
        if ("inner" in one) walk(one.inner);
      }
    };
    walk(inline(text));
    expect([text, links]).toEqual([text, []]);
  }
});

test("an image from elsewhere is named, never fetched", () => {
  const [remote] = inline("![chart](https://evil.example/p.png?secret=1)");
  expect(remote).toEqual({
    type: "image",
    alt: "chart",
    data: null,
    href: "https://evil.example/p.png?secret=1",
  });
  const [own] = inline("![dot](data:image/png;base64,iVBORw0KGgo=)");
  expect(own).toMatchObject({ data: "data:image/png;base64,iVBORw0KGgo=", href: null });
});

test("only the web and mail are safe", () => {
  expect(safe("https://a.example")).toBe("https://a.example/");
  expect(safe("mailto:a@b.c")).toBe("mailto:a@b.c");
  for (const address of [
    "javascript:1",
    "https:",
    "http://",
    "ftp://a",
    "a.example",
    " https://a",
    "https://a\u0000",
  ]) {
    expect([address, safe(address)]).toEqual([address, null]);
  }
});

test("nothing is lost of what was written in words", () => {
  const words = "one two three four";
  for (const text of [
    "**one two* three four",
    "[one two](three four",
    "`one two three four",
    "![one](two three four",
  ]) {
    const said = drawn(read(text)).replace(/<[^>]*>/g, "");
    for (const word of words.split(" ")) expect(said).toContain(word);
  }
});

test("however it is written, it is read in time, and to the end", () => {
  const long = [
    "[",
    "*a ",
    "**",
    "`",
    "![",
    "> ",
    "- ",
    "|a|\n|-|\n",
    "<https://",
    "~~",
    "1. x\n  ",
    "_a",
    "](",
    "\\",
  ];
  for (const piece of long) {
    const text = piece.repeat(Math.floor(100_000 / piece.length));
    const began = performance.now();
    expect(drawn(read(text)).length).toBeGreaterThan(0);
    expect([piece, performance.now() - began < 2_000]).toEqual([piece, true]);
  }
  const next = random(3);
  const signs = [..."*_`~[]()!<>#|-\\\n 1.ab:/", "https://a.b", "```", "data:"];
  for (let k = 0; k < 300; k++) {
    const text = Array.from({ length: 120 }, () => signs[Math.floor(next() * signs.length)]).join(
      "",
    );
    expect(() => drawn(read(text))).not.toThrow();
  }
});
