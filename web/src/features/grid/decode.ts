/**
 * From the bytes of a small JPEG to a bitmap. ImageDecoder takes half of what a Blob does, which goes through the browser's
 * own process first. Not in a worker: without a graphics card each picture would wait there for the thread that draws.
 */
export async function decode(bytes: Uint8Array<ArrayBuffer>): Promise<ImageBitmap> {
  // Not every browser has it, and none where the page comes from another host by plain HTTP.
  if (typeof ImageDecoder === "undefined") return createImageBitmap(new Blob([bytes]));
  const decoder = new ImageDecoder({ data: bytes, type: "image/jpeg" });
  try {
    const { image } = await decoder.decode();
    const bitmap = createImageBitmap(image);
    image.close();
    return await bitmap;
  } finally {
    decoder.close();
  }
}
