/** How much room there is: which panels are sheets. */
import { MediaQuery } from "svelte/reactivity";

const noRight = new MediaQuery("(max-width: 1099px)", false);
const noLeft = new MediaQuery("(max-width: 799px)", false);

export const screen = {
  get rightSheet() {
    return noRight.current;
  },
  get leftSheet() {
    return noLeft.current;
  },
};
