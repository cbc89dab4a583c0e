/** The evaluation whose outcomes are told on pictures and in lists. */
import { current } from "../../shell/dataset.svelte";
import { route } from "../../shell/router.svelte";
import { judgeOf } from "./judged";

class Judge {
  /** Its key; undefined where none is chosen. */
  key: string | undefined = $derived(judgeOf(route.link.extra["ev"], current.info?.evaluations ?? [], route.link.color));
  /** What labels are coloured by: outcomes only where there are some. */
  color: string = $derived(route.link.color === "outcome" && this.key === undefined ? "label" : route.link.color);
}

export const judge = new Judge();
