/** How many pages are waited for: their code is on its way. */
import { untrack } from "svelte";

class Opening {
  pages = $state(0);
}
export const opening = new Opening();

/** One more is waited for until `loaded` settles or what is returned is called. */
export function waitFor(loaded: Promise<unknown>): () => void {
  let over = false;
  const end = (): void => {
    if (!over) untrack(() => (opening.pages -= 1));
    over = true;
  };
  untrack(() => (opening.pages += 1));
  loaded.then(end, end);
  return end;
}
