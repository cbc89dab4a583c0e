import type { Completion } from "../../api/types";

/** The text with a completion put in, and where the cursor goes: inside the brackets of a call. */
export function completed(text: string, one: Pick<Completion, "text" | "from" | "to">): { text: string; cursor: number } {
  const end = one.from + one.text.length;
  const cursor = one.text.endsWith("()") ? end - 1 : end;
  return { text: text.slice(0, one.from) + one.text + text.slice(one.to), cursor };
}
