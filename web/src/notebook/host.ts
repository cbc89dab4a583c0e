/** What the notebook's page hands to the app in its frame, and the app to it. */
import type { Wire } from "./channel";

export interface Host {
  readonly wire: Wire;
  /** The address to open at. */
  readonly link: string;
  readonly theme: "dark" | "light" | "";
  /** Called by the app once: what follows the notebook's theme. */
  ready(app: { theme(name: "dark" | "light" | ""): void }): void;
  /** The address changed. */
  moved(link: string): void;
}

/** The name under which the frame's window holds it. */
export const HOST = "looplineHost";
