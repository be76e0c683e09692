/** One box for everything: pages, filters, sessions, and words in what spans said. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { ago, parseTime } from "../core/format";
import { outcome } from "../core/model";
import { read } from "../core/query";
import { type Route, sessionRoute, sessionsRoute } from "../core/url";
import type { Search, SessionList } from "../gen/api";
import { go } from "../router";
import { useAnswer } from "../ui/ask";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { THEMES, chooseTheme } from "../ui/theme";

interface Item {
  id: string;
  group: string;
  text: string;
  more: string;
  tone?: string;
  run: () => void;
}

const WAIT_MS = 120;

export function Palette({ close, help }: { close: () => void; help: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const asked = useLater(text.trim(), WAIT_MS);
  const list = useRef<HTMLDivElement>(null);
  const q = encodeURIComponent(asked);
  const sessions = useAnswer<SessionList>(`/sessions?limit=6${asked ? `&q=${q}` : ""}`);
  const spans = useAnswer<Search>(asked.length > 1 ? `/search?limit=8&q=${q}` : null);

  const items = useMemo<Item[]>(() => {
    const open = (route: Route) => () => {
      close();
      go(route);
    };
    const found: Item[] = [];
    if (text.trim()) {
      found.push({
        id: "list",
        group: "Sessions",
        text: `Sessions with “${text.trim()}”`,
        more: "as a list",
        run: open(sessionsRoute(read(text))),
      });
    }
    for (const session of sessions.answer?.sessions ?? []) {
      const { word, tone } = outcome(session);
      found.push({
        id: session.id,
        group: "Sessions",
        text: session.name,
        more: `${word}, ${ago(parseTime(session.start_time), Date.now())}`,
        tone,
        run: open(sessionRoute(session.id)),
      });
    }
    for (const hit of spans.answer?.hits ?? []) {
      found.push({
        id: hit.session_id + hit.span_id,
        group: "In what spans said",
        text: hit.name,
        more: hit.excerpt,
        run: open({ ...sessionRoute(hit.session_id), span: hit.span_id }),
      });
    }
    const others: { text: string; run: () => void }[] = [
      { text: "Sessions", run: open(sessionsRoute()) },
      { text: "Failed sessions", run: open(sessionsRoute({ end_state: "Error" })) },
      { text: "Running sessions", run: open(sessionsRoute({ state: "running" })) },
      {
        text: "Most expensive sessions",
        run: open({ ...sessionsRoute(), sort: "cost" }),
      },
      { text: "Newest session", run: open(sessionRoute("last")) },
      { text: "Analytics", run: open({ page: "analytics", by: "all", filters: {} }) },
      { text: "Cost by model", run: open({ page: "analytics", by: "model", filters: {} }) },
      { text: "Cost by agent", run: open({ page: "analytics", by: "agent", filters: {} }) },
      { text: "Errors", run: open({ page: "errors", filters: {}, kind: null, sort: "newest" }) },
      { text: "Settings", run: open({ page: "settings" }) },
      { text: "Keyboard and help", run: help },
      ...THEMES.map((name) => ({
        text: `Theme: ${name}`,
        run: () => {
          chooseTheme(name);
          close();
        },
      })),
    ];
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { text, run } of others) {
      const fits = words.every((word) => text.toLowerCase().includes(word));
      if (fits) found.push({ id: text, group: "Go to", text, more: "", run });
    }
    return found;
  }, [text, sessions.answer, spans.answer]);

  const chosen = Math.min(at, items.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by !== 0) {
      event.preventDefault();
      setAt((chosen + by + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      items[chosen]?.run();
    }
  };

  return (
    <Dialog label="Search everything" close={close} class="palette">
      <div class="palette-input">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={items[chosen] ? `palette-${chosen}` : undefined}
          aria-label="Search everything"
          placeholder="Sessions, words in spans, pages…"
          spellcheck={false}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div id="palette-list" role="listbox" aria-label="Found" ref={list}>
        {items.map((item, index) => (
          <div
            key={item.id}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            onPointerMove={() => setAt(index)}
            onClick={item.run}
            onKeyDown={onKeyDown}
          >
            {item.group !== items[index - 1]?.group && <span class="group">{item.group}</span>}
            <span class="what">
              <b>{item.text}</b>
              <span class={item.tone ? `quiet tone-${item.tone}` : "quiet"}>{item.more}</span>
            </span>
          </div>
        ))}
      </div>
      {(sessions.error !== null || spans.error !== null) && (
        <p class="tone-bad">The server did not answer.</p>
      )}
    </Dialog>
  );
}

/** A value once it has rested. */
function useLater<T>(value: T, ms: number): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}
