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

const throughBlob = (bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> => createImageBitmap(new Blob([bytes]));

async function direct(bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> {
  const decoder = new ImageDecoder({ data: bytes, type: "image/jpeg" });
  const { image } = await decoder.decode();
  const bitmap = await createImageBitmap(image);
  image.close();
  decoder.close();
  return bitmap;
}

/** Small pictures are JPEG. A blob costs a word with the browser's own process each, so it is left to browsers that know no other way. */
const read = (bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> => (bytes[0] === 0xff && "ImageDecoder" in self ? direct(bytes).catch(() => throughBlob(bytes)) : throughBlob(bytes));

self.onmessage = ({ data: { number, bytes } }: MessageEvent<Work>) => {
  const tell = (bitmap: ImageBitmap | null): void => self.postMessage({ number, bitmap } satisfies Done, { transfer: bitmap ? [bitmap] : [] });
  read(bytes).then(tell, () => tell(null));
};
