import { say } from "./doing.svelte";

/** Copy a text and say so. Pages over plain HTTP from another machine may not: then the text itself is told. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say("The browser does not let this page copy", "wrong", text);
  }
}
