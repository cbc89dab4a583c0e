/** Dark, light, or as the system says. `theme.version` changes with every change, for what is drawn on a canvas. */
import { prefs } from "./prefs.svelte";

class Theme {
  name = $state<"dark" | "light">("dark");
}

export const theme = new Theme();

export function followTheme(): () => void {
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    const light = prefs.theme === "light" || (prefs.theme === "system" && system.matches);
    theme.name = light ? "light" : "dark";
    document.documentElement.dataset["theme"] = theme.name;
  };
  system.addEventListener("change", apply);
  $effect(apply);
  return () => system.removeEventListener("change", apply);
}

export function nextTheme(): void {
  prefs.theme = prefs.theme === "dark" ? "light" : prefs.theme === "light" ? "system" : "dark";
}

/** The value of a token now, for a canvas. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
