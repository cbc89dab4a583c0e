import { describe, expect, it } from "vitest";
import type { FieldInfo } from "../../api/types";
import { howTo, likelyPair, partners } from "./protocols";

const field = (name: string, kind: string): FieldInfo => ({ name, kind, objects: 1, classes: [], colors: [], keypoint_names: [], skeleton: [], attributes: [], names: [], description: "" });
const fields = [field("boxes", "box"), field("stuff_pred", "mask"), field("nanodet", "box"), field("stuff", "mask"), field("people", "value")];

describe("what can be measured", () => {
  it("is a field against another of its kind", () => {
    expect(partners(fields, "boxes").map((one) => one.name)).toEqual(["nanodet"]);
    expect(partners(fields, "people")).toEqual([]);
  });
  it("is guessed from names, else from the order", () => {
    expect(likelyPair(fields)).toEqual(["boxes", "nanodet"]);
    expect(likelyPair([field("model_a", "box"), field("ground_truth", "box"), field("notes", "class")])).toEqual(["ground_truth", "model_a"]);
    expect(likelyPair([field("a", "box"), field("b", "class")])).toBeNull();
  });
  it("has one way at least for any kind", () => {
    expect(howTo("value")).toHaveLength(1);
    expect(howTo("class").map((one) => one.protocol)).toEqual(["", "multilabel", "binary"]);
  });
});
