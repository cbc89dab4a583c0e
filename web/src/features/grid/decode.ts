/**
 * From the bytes of a small picture to a bitmap. In a worker: to hand bytes to the decoder costs the thread that draws
 * more than to draw the picture. Where there can be no worker (a notebook's frame has no address for one) it is done here.
 */
import type { Done, Work } from "./decode.worker";

export type Decode = (bytes: Uint8Array<ArrayBuffer>) => Promise<ImageBitmap>;

const here: Decode = (bytes) => createImageBitmap(new Blob([bytes]));

let worker: Worker | null | undefined;
let asked = 0;
const waiting = new Map<number, { bytes: Uint8Array<ArrayBuffer>; done: (bitmap: ImageBitmap | Promise<ImageBitmap>) => void; wrong: (error: Error) => void }>();

function start(): Worker | null {
  try {
    const made = new Worker(new URL("./decode.worker.ts", import.meta.url), { type: "module" });
    made.onmessage = ({ data: { number, bitmap } }: MessageEvent<Done>) => {
      const one = waiting.get(number);
      waiting.delete(number);
      if (bitmap) one?.done(bitmap);
      else one?.wrong(new Error("The browser cannot read this picture"));
    };
    made.onerror = () => {
      worker = null;
      for (const { bytes, done } of waiting.values()) done(here(bytes));
      waiting.clear();
    };
    return made;
  } catch {
    return null;
  }
}

export const decode: Decode = (bytes) => {
  if (worker === undefined) worker = start();
  if (!worker) return here(bytes);
  const number = (asked += 1);
  worker.postMessage({ number, bytes } satisfies Work);
  return new Promise((done, wrong) => waiting.set(number, { bytes, done, wrong }));
};
