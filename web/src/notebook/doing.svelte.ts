/** Tells Python what the reader looks at and has chosen, a moment after it changed. */
import { formatLink } from "../lib/link";
import { current } from "../shell/dataset.svelte";
import { selectionOf } from "../shell/doing.svelte";
import { route } from "../shell/router.svelte";
import type { Host } from "./host";

const AFTER_MS = 80;

export function tellDoing(host: Host): void {
  $effect.root(() => {
    $effect(() => {
      const link = formatLink(route.link);
      const { spec } = current;
      const doing = spec ? { link, dataset: route.link.dataset, selection: selectionOf(spec) } : { link };
      const later = setTimeout(() => {
        host.moved(link);
        if (spec || !route.link.dataset) host.wire.send({ doing: $state.snapshot(doing) });
      }, AFTER_MS);
      return () => clearTimeout(later);
    });
  });
}
