/** Ways of looking at the view. Split and Map appear when their page does. */
import type { Mode } from "../../lib/link";

export const modes: readonly { readonly key: Mode; readonly name: string }[] = [
  { key: "grid", name: "Grid" },
  { key: "plots", name: "Plots" },
];
