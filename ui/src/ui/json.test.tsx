import { cleanup, fireEvent, render } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";

import { Json, Text, Value } from "./json";

afterEach(cleanup);

test("markup in a value is shown, and is none", () => {
  const hostile = '<img src="https://example.org/x" onerror="alert(1)"><script>1</script>';
  const { container } = render(<Json value={{ [hostile]: hostile }} />);
  expect(container.querySelector("img, script")).toBeNull();
  expect(container.textContent).toContain(hostile);
});

test("a long text is cut, and whole when asked for", () => {
  const { container, getByRole } = render(<Text text={"x".repeat(5_000_000)} />);
  expect(container.textContent?.length).toBeLessThan(2_100);
  fireEvent.click(getByRole("button"));
  expect(container.textContent).toHaveLength(5_000_000);
});

test("a long list shows its first, then more", () => {
  const list = Array.from({ length: 250 }, (_, k) => k);
  const { container, getByRole } = render(<Json value={list} />);
  expect(container.querySelector("details")?.open).toBe(false);
  fireEvent.click(container.querySelector("summary")!);
  expect(container.querySelectorAll(".json-line")).toHaveLength(100);
  fireEvent.click(getByRole("button"));
  expect(container.querySelectorAll(".json-line")).toHaveLength(250);
});

test("what is empty or nothing is said so", () => {
  const { container } = render(<Json value={{ a: [], b: {}, c: null, d: "" }} />);
  expect(container.textContent).toBe("{a: []b: {}c: nulld: ");
});

test("a value of 10,000 levels is shown as far as it is open", () => {
  let deep: unknown = 1;
  for (let k = 0; k < 10_000; k++) deep = [deep];
  const { container } = render(<Json value={deep} />);
  expect(container.querySelectorAll("details").length).toBeLessThan(5);
});

test("a search opens what it found, marks it, and counts", () => {
  const value = {
    a: { b: { c: { d: "a needle here" } } },
    list: Array.from({ length: 300 }, (_, k) => ({ k })),
  };
  const { container, getByRole } = render(<Value name="Input" value={value} />);
  expect(container.textContent).not.toContain("needle");
  fireEvent.input(getByRole("searchbox"), { target: { value: "needle" } });
  expect(container.querySelector("mark")?.textContent).toBe("needle");
  expect(getByRole("status").textContent).toBe("1 found");
  fireEvent.input(getByRole("searchbox"), { target: { value: "299" } });
  expect(container.querySelector("mark")?.textContent).toBe("299");
});
