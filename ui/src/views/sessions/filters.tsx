/** What the list is narrowed to: a line to type, a menu for each thing that can be chosen, and what was chosen. */

import { useRef, useState } from "preact/hooks";

import { count } from "../../core/format";
import { RANGES, RANGE_NAMES, during, lately, period } from "../../core/period";
import { label, print, read } from "../../core/query";
import { FILTERS, type Filter, type Filters } from "../../core/url";
import type { ErrorList, Metrics } from "../../gen/api";
import { useAnswer } from "../../ui/ask";
import { Menu } from "../../ui/menu";

/** What stands in menus of its own, in their order. */
const MENUS: { name: Filter; text: string; from: string }[] = [
  { name: "tag", text: "Tag", from: "tag" },
  { name: "agent", text: "Agent", from: "agent" },
  { name: "model", text: "Model", from: "model" },
  { name: "tool", text: "Tool", from: "tool" },
  { name: "environment", text: "Environment", from: "environment" },
  { name: "version", text: "Version", from: "version" },
];

interface Props {
  filters: Filters;
  choose: (filters: Filters) => void;
}

/** Filters that a menu shows, so that no chip has to where there is room for menus. */
const IN_MENUS: ReadonlySet<Filter> = new Set([
  ...MENUS.map((menu) => menu.name),
  "state",
  "end_state",
  "min_cost",
  "max_cost",
  "error",
] as const);

const TIMES: readonly Filter[] = ["range", "since", "until"];

export function SearchLine({
  filters,
  choose,
  label: says,
  hint,
}: Props & { label: string; hint: string }) {
  const place = useRef<HTMLInputElement>(null);
  const typed = print(filters.q ? { q: filters.q } : {});
  const submit = () => {
    const { q: _, ...others } = filters;
    const line = place.current?.value ?? "";
    // What the line named is in the menus from now on.
    const next = read(line);
    if (place.current) place.current.value = print(next.q ? { q: next.q } : {});
    choose({ ...others, ...next });
  };
  return (
    <form
      class="search-line"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <input
        // What is typed is the page's own until it is sent.
        key={typed}
        ref={place}
        id="search"
        type="search"
        placeholder={hint}
        aria-label={says}
        spellcheck={false}
        autocomplete="off"
        defaultValue={typed}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.currentTarget.value = typed;
          event.currentTarget.blur();
        }}
      />
    </form>
  );
}

export function Menus({ filters, choose }: Props) {
  const set = (name: Filter, value: string | null) => {
    const { [name]: _, ...others } = filters;
    choose(value ? { ...others, [name]: value } : others);
  };
  return (
    <div class="menus">
      <StateMenu filters={filters} choose={choose} />
      {MENUS.map(({ name, text, from }) => (
        <Menu
          key={name}
          class={filters[name] ? "is-set" : ""}
          label={filters[name] ? label(name, filters[name]) : text}
        >
          {(close) => (
            <Values
              from={from}
              chosen={filters[name] ?? null}
              choose={(value) => {
                close();
                set(name, value);
              }}
            />
          )}
        </Menu>
      ))}
      <CostMenu filters={filters} choose={choose} />
      <Menu
        class={filters.error ? "is-set" : ""}
        label={filters.error ? label("error", filters.error) : "Error"}
      >
        {(close) => (
          <Codes
            chosen={filters.error ?? null}
            choose={(value) => {
              close();
              set("error", value);
            }}
          />
        )}
      </Menu>
    </div>
  );
}

const STATES: { text: string; filters: Filters }[] = [
  { text: "running", filters: { state: "running" } },
  { text: "failed", filters: { end_state: "Error" } },
  { text: "success", filters: { end_state: "Success" } },
  { text: "indeterminate", filters: { end_state: "Indeterminate" } },
  { text: "lost", filters: { state: "lost" } },
];

function StateMenu({ filters, choose }: Props) {
  const { state, end_state: end, ...others } = filters;
  const chosen = STATES.find((one) => one.filters.state === state && one.filters.end_state === end);
  return (
    <Menu class={state || end ? "is-set" : ""} label={chosen?.text ?? "State"}>
      {(close) => (
        <Options
          options={STATES.map(({ text }) => ({ value: text, more: "" }))}
          chosen={chosen?.text ?? null}
          choose={(value) => {
            close();
            choose({ ...others, ...STATES.find((one) => one.text === value)?.filters });
          }}
        />
      )}
    </Menu>
  );
}

function CostMenu({ filters, choose }: Props) {
  const { min_cost: least, max_cost: most, ...others } = filters;
  const says = [least && label("min_cost", least), most && label("max_cost", most)].filter(Boolean);
  return (
    <Menu class={says.length > 0 ? "is-set" : ""} label={says.join(", ") || "Cost"}>
      {(close) => (
        <form
          class="cost-form"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const next: Filters = { ...others };
            for (const name of ["min_cost", "max_cost"] as const) {
              const value = String(data.get(name) ?? "").trim();
              if (value) next[name] = value;
            }
            close();
            choose(next);
          }}
        >
          <label>
            At least $
            <input
              name="min_cost"
              inputMode="decimal"
              pattern="\d+(\.\d{1,9})?"
              defaultValue={least}
            />
          </label>
          <label>
            At most $
            <input
              name="max_cost"
              inputMode="decimal"
              pattern="\d+(\.\d{1,9})?"
              defaultValue={most}
            />
          </label>
          <button type="submit">Filter</button>
        </form>
      )}
    </Menu>
  );
}

interface Choosing {
  chosen: string | null;
  choose: (value: string | null) => void;
}

function Values({ from, ...choosing }: Choosing & { from: string }) {
  const { answer, error } = useAnswer<Metrics>(`/metrics?interval=all&group_by=${from}`);
  const points = answer?.points.toSorted((a, b) => b.count - a.count);
  return (
    <Options
      {...choosing}
      error={error}
      options={points?.map(({ group, count: n }) => ({ value: group, more: count(n) })) ?? null}
    />
  );
}

function Codes(choosing: Choosing) {
  const { answer, error } = useAnswer<ErrorList>("/errors?limit=200");
  const codes = new Map<string, number>();
  for (const { code, count: n } of answer?.errors ?? []) {
    if (code) codes.set(code, (codes.get(code) ?? 0) + n);
  }
  const options = [...codes].map(([value, n]) => ({ value, more: count(n) }));
  return <Options {...choosing} error={error} options={answer && options} />;
}

const MANY = 8;

function Options({
  options,
  chosen,
  choose,
  error = null,
}: Choosing & { options: { value: string; more: string }[] | null; error?: unknown }) {
  const [find, setFind] = useState("");
  if (error !== null) return <p class="menu-note tone-bad">The server did not answer.</p>;
  if (options === null) return <p class="menu-note quiet">…</p>;
  if (options.length === 0) return <p class="menu-note quiet">None in the last 30 days</p>;
  const found = options.filter(({ value }) => value.toLowerCase().includes(find.toLowerCase()));
  return (
    <>
      {options.length > MANY && (
        <input
          type="search"
          aria-label="Find"
          placeholder="Find…"
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
        />
      )}
      <ul class="options">
        {chosen !== null && (
          <li>
            <button type="button" class="quiet" onClick={() => choose(null)}>
              any
            </button>
          </li>
        )}
        {found.slice(0, 100).map(({ value, more }) => (
          <li key={value}>
            <button
              type="button"
              aria-pressed={value === chosen}
              onClick={() => choose(value === chosen ? null : value)}
            >
              <span>{value}</span> <span class="quiet">{more}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The time that a page is about. */
export function Times({ filters, choose, usual }: Props & { usual: string }) {
  const { since, until } = period(filters, Date.now());
  const isOwn = !filters.range && (since !== null || until !== null);
  return (
    <Menu
      class={filters.range || isOwn ? "times is-set" : "times"}
      label={
        isOwn
          ? span(since, until)
          : (RANGE_NAMES[filters.range as keyof typeof RANGE_NAMES] ?? usual)
      }
    >
      {(close) => (
        <>
          <ul class="options">
            <li>
              <button
                type="button"
                aria-pressed={!filters.range && !isOwn}
                onClick={() => (close(), choose(lately(filters, null)))}
              >
                {usual}
              </button>
            </li>
            {RANGES.map((name) => (
              <li key={name}>
                <button
                  type="button"
                  aria-pressed={filters.range === name}
                  onClick={() => (close(), choose(lately(filters, name)))}
                >
                  {RANGE_NAMES[name]}
                </button>
              </li>
            ))}
          </ul>
          <form
            class="cost-form"
            onSubmit={(event) => {
              event.preventDefault();
              const data = new FormData(event.currentTarget);
              const from = Date.parse(String(data.get("from")));
              const to = Date.parse(String(data.get("to")));
              if (Number.isNaN(from)) return;
              close();
              choose(during(filters, from, Number.isNaN(to) ? Date.now() : to));
            }}
          >
            <label>
              From <input type="datetime-local" name="from" required defaultValue={local(since)} />
            </label>
            <label>
              To <input type="datetime-local" name="to" defaultValue={local(until)} />
            </label>
            <button type="submit">Show</button>
          </form>
        </>
      )}
    </Menu>
  );
}

/** What is chosen, each with a way to let it go. */
export function Chips({ filters, choose }: Props) {
  const chosen = FILTERS.filter((name) => filters[name] && name !== "q" && !TIMES.includes(name));
  if (chosen.length === 0) return null;
  return (
    <div class="chips">
      {chosen.map((name) => (
        <button
          key={name}
          type="button"
          class={IN_MENUS.has(name) ? "tag chosen in-menu" : "tag chosen"}
          aria-label={`Remove the filter ${label(name, filters[name] ?? "")}`}
          onClick={() => {
            const { [name]: _, ...others } = filters;
            choose(others);
          }}
        >
          {label(name, filters[name] ?? "")} <span aria-hidden="true">×</span>
        </button>
      ))}
    </div>
  );
}

/** Lets all go but the time. */
export function Clear({ filters, choose }: Props) {
  if (FILTERS.every((name) => !filters[name] || TIMES.includes(name))) return null;
  return (
    <button type="button" class="link" onClick={() => choose(onlyTime(filters))}>
      Clear filters
    </button>
  );
}

function onlyTime(filters: Filters): Filters {
  const time: Filters = {};
  for (const name of TIMES) if (filters[name]) time[name] = filters[name];
  return time;
}

/** As a field for dates has it. */
function local(ms: number | null): string | undefined {
  if (ms === null) return undefined;
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
}

const short = (ms: number): string =>
  new Date(ms).toLocaleString(undefined, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });

const span = (since: number | null, until: number | null): string =>
  `${since === null ? "…" : short(since)} – ${until === null ? "now" : short(until)}`;
