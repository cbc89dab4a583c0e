/** Decodes small pictures away from the thread that draws. Takes `Work`, gives back `Done` in the order of readiness. */
export interface Work {
  readonly number: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}
/** `bitmap` is null where the browser cannot read the picture. */
export interface Done {
  readonly number: number;
  readonly bitmap: ImageBitmap | null;
}

// Not ImageDecoder: it takes less of a processor, but while the page scrolls it gives a third as many pictures a second.
self.onmessage = ({ data: { number, bytes } }: MessageEvent<Work>) => {
  const tell = (bitmap: ImageBitmap | null): void => self.postMessage({ number, bitmap } satisfies Done, { transfer: bitmap ? [bitmap] : [] });
  createImageBitmap(new Blob([bytes])).then(tell, () => tell(null));
};
