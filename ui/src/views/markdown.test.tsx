import { render } from "@testing-library/preact";
import { expect, test } from "vitest";

import { Markdown } from "./markdown";

test("markup in a text is text on the page", () => {
  const { container } = render(
    <Markdown
      text={
        '<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](https://e.example/p.png)\n\n```html\n<iframe src="https://e.example"></iframe>\n```\n\n<a href="javascript:1" onclick="x">y</a>'
      }
    />,
  );
  expect(container.querySelectorAll("script, img, iframe, [onerror], [onclick]")).toHaveLength(0);
  const links = [...container.querySelectorAll("a")].map((link) => link.getAttribute("href"));
  expect(links).toEqual(["https://e.example/p.png"]);
  expect(container.textContent).toContain("<script>alert(1)</script>");
  expect(container.querySelector("a")?.rel).toBe("noopener noreferrer nofollow");
});

test("what is in it is shown as what it is", () => {
  const { container } = render(
    <Markdown
      text={
        "# T\n\n1. a\n2. **b**\n\n| x |\n|---|\n| `y` |\n\n![d](data:image/png;base64,iVBORw0KGgo=)"
      }
    />,
  );
  expect(container.querySelector("ol strong")?.textContent).toBe("b");
  expect(container.querySelector("td code")?.textContent).toBe("y");
  expect(container.querySelector("img")?.getAttribute("src")).toMatch(/^data:image\/png/);
  expect(container.querySelector("h1, h2, h3")).toBeNull();
});

test("a text that is too long is shown plain", () => {
  const { container } = render(<Markdown text={"**a** ".repeat(40_000)} />);
  expect(container.querySelector("strong")).toBeNull();
  expect(container.textContent).toContain("**a** **a**");
});
