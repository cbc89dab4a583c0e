/** From the bytes of a small JPEG to what a canvas draws. */

/** As a decoder gives it, or as a bitmap; whoever has it closes it. */
export type Drawable = VideoFrame | ImageBitmap;

/**
 * ImageDecoder takes half of what a Blob does, which goes through the browser's own process first. What it gives is drawn as
 * it is: less than half as large as a bitmap, whose fresh memory would cost the thread that draws more than the picture.
 * Not in a worker: where cores are few, pictures came from there too late for who scrolls, and took more of them in all.
 */
export async function decode(bytes: Uint8Array<ArrayBuffer>): Promise<Drawable> {
  // Not every browser has it, and none where the page comes from another host by plain HTTP.
  if (typeof ImageDecoder === "undefined") return createImageBitmap(new Blob([bytes]));
  const decoder = new ImageDecoder({ data: bytes, type: "image/jpeg" });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}

/** For a picture that is drawn again and again. */
export async function decodeBitmap(bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> {
  const drawable = await decode(bytes);
  if (drawable instanceof ImageBitmap) return drawable;
  try {
    return await createImageBitmap(drawable);
  } finally {
    drawable.close();
  }
}

/** Bytes that it holds. */
export function weightOf(drawable: Drawable): number {
  if (drawable instanceof ImageBitmap) return drawable.width * drawable.height * 4;
  // A frame without a format does not tell.
  return drawable.format ? drawable.allocationSize() : drawable.displayWidth * drawable.displayHeight * 4;
}
