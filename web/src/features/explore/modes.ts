/** Ways of looking at the view. Split is grid and map side by side. */
import type { Mode } from "../../lib/link";

export const modes: readonly { readonly key: Mode; readonly name: string }[] = [
  { key: "grid", name: "Grid" },
  { key: "split", name: "Split" },
  { key: "map", name: "Map" },
  { key: "plots", name: "Plots" },
];
