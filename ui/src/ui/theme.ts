/** Dark or light: as the system has it, until somebody says otherwise. Kept by the browser. */

import { signal } from "@preact/signals";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "agentops.theme";

export const theme = signal<Theme>(kept());

/** Before anything is drawn, so that nothing changes colour. */
export function setUpTheme(): void {
  theme.subscribe((chosen) => {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  });
}

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing still shows it until the page goes.
  }
}

export const nextTheme = (chosen: Theme): Theme =>
  THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];

function kept(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    return THEMES.find((known) => known === found) ?? "system";
  } catch {
    return "system";
  }
}
