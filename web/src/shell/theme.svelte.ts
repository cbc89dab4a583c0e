/** Dark, light, or as the system says. `theme.version` changes with every change, for what is drawn on a canvas. */
import { prefs } from "./prefs.svelte";

class Theme {
  name = $state<"dark" | "light">("dark");
  /** What the notebook around the app has; "" where there is none, or where the reader chose otherwise. */
  host = $state<"dark" | "light" | "">("");
}

export const theme = new Theme();

export function followTheme(): () => void {
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    const light = theme.host ? theme.host === "light" : prefs.theme === "light" || (prefs.theme === "system" && system.matches);
    theme.name = light ? "light" : "dark";
    document.documentElement.dataset["theme"] = theme.name;
  };
  system.addEventListener("change", apply);
  $effect(apply);
  return () => system.removeEventListener("change", apply);
}

/** Be as what is around the app. */
export function followHost(name: Theme["host"]): void {
  theme.host = name;
}

export function nextTheme(): void {
  if (theme.host) {
    theme.host = theme.host === "dark" ? "light" : "dark";
    return;
  }
  prefs.theme = prefs.theme === "dark" ? "light" : prefs.theme === "light" ? "system" : "dark";
}

/** The value of a token now, for a canvas. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
