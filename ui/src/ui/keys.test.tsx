import { cleanup, fireEvent, render } from "@testing-library/preact";
import { afterEach, expect, test } from "vitest";

import { type Keys, useKeys } from "./keys";

afterEach(cleanup);

function Page({ keys }: { keys: Keys }) {
  useKeys(keys);
  return (
    <>
      <input aria-label="text" />
      <input type="checkbox" />
    </>
  );
}

function page() {
  const pressed: string[] = [];
  const keys: Keys = {};
  for (const key of ["s", "g s", "?", "mod+k"]) keys[key] = () => pressed.push(key);
  const found = render(<Page keys={keys} />);
  return { pressed, ...found };
}

test("keys and pairs of them do what they are for", () => {
  const { pressed } = page();
  for (const key of ["s", "g", "s", "x", "s", "?"]) fireEvent.keyDown(document.body, { key });
  expect(pressed).toEqual(["s", "g s", "s", "?"]);
});

test("who types is left alone, but for what holds a modifier", () => {
  const { pressed, getByLabelText, getByRole } = page();
  fireEvent.keyDown(getByLabelText("text"), { key: "s" });
  expect(pressed).toEqual([]);
  fireEvent.keyDown(getByLabelText("text"), { key: "k", ctrlKey: true });
  fireEvent.keyDown(getByRole("checkbox"), { key: "s" });
  expect(pressed).toEqual(["mod+k", "s"]);
});
