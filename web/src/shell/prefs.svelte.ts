/** What this reader likes on this machine: theme, widths, folds. Kept in local storage, never in a link. */

export interface Prefs {
  theme: "dark" | "light" | "system";
  left: number;
  right: number;
  leftOpen: boolean;
  rightOpen: boolean;
  labels: boolean;
  letterKeys: boolean;
  /** Columns shown on a hovered tile. */
  pinned: string[];
  /** Filter rows that are open, by data set. */
  open: Record<string, string[]>;
  /** Filter rows that the reader took away, by data set. */
  hidden: Record<string, string[]>;
  recent: string[];
}

const DEFAULTS: Prefs = {
  theme: "dark",
  left: 264,
  right: 320,
  leftOpen: true,
  rightOpen: true,
  labels: true,
  letterKeys: true,
  pinned: [],
  open: {},
  hidden: {},
  recent: [],
};
const KEY = "loopline";

function stored(): Partial<Prefs> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    // Ours, from this machine; a value of another type falls back to the default below.
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

function load(): Prefs {
  const found = stored();
  const kept = Object.entries(found).filter(([key, value]) => key in DEFAULTS && typeof value === typeof DEFAULTS[key as keyof Prefs]);
  return { ...structuredClone(DEFAULTS), ...Object.fromEntries(kept) };
}

export const prefs = $state<Prefs>(load());

export function keepPrefs(): void {
  const text = JSON.stringify(prefs);
  try {
    localStorage.setItem(KEY, text);
  } catch {
    // private windows have no storage: the choice lasts as long as the page
  }
}
