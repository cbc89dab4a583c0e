/** Which evaluations a pair of label fields allows, and which pair is meant most likely. */
import type { FieldInfo } from "../../api/types";

export interface HowTo {
  /** Empty: what fits the kind of the truth. */
  readonly protocol: string;
  readonly name: string;
}

const HOW: Readonly<Record<string, readonly HowTo[]>> = {
  box: [
    { protocol: "", name: "boxes, as COCO" },
    { protocol: "voc2012", name: "boxes, as Pascal VOC 2012" },
    { protocol: "voc2007", name: "boxes, as Pascal VOC 2007" },
    { protocol: "open_images", name: "boxes, as Open Images" },
    { protocol: "coco_masks", name: "masks of objects, as COCO" },
    { protocol: "panoptic", name: "panoptic segments" },
    { protocol: "tracking", name: "tracks" },
  ],
  class: [
    { protocol: "", name: "one class a sample" },
    { protocol: "multilabel", name: "several classes a sample" },
    { protocol: "binary", name: "one class, there or not" },
  ],
  polygon: [
    { protocol: "", name: "outlines of objects, as COCO" },
    { protocol: "coco", name: "boxes around them, as COCO" },
  ],
};

export const howTo = (kind: string): readonly HowTo[] => HOW[kind] ?? [{ protocol: "", name: "as fits its kind" }];

/** What may be set beside a truth. */
export const partners = (fields: readonly FieldInfo[], truth: string): FieldInfo[] => {
  const kind = fields.find((field) => field.name === truth)?.kind;
  return fields.filter((field) => field.name !== truth && field.kind === kind);
};

const PREDICTED = /pred|yolo|model|guess|detect/i;
const TRUTH = /truth|gt|label/i;

/** Truth and predictions of one kind: by their names, else in the order of the fields. Null where no two are of one kind. */
export function likelyPair(fields: readonly FieldInfo[]): readonly [string, string] | null {
  const weight = (field: FieldInfo): number => (TRUTH.test(field.name) ? 0 : PREDICTED.test(field.name) ? 2 : 1);
  const truths = fields.filter((field) => partners(fields, field.name).length).sort((a, b) => weight(a) - weight(b));
  const truth = truths[0];
  if (!truth) return null;
  const predicted = partners(fields, truth.name).sort((a, b) => weight(b) - weight(a))[0];
  return predicted ? [truth.name, predicted.name] : null;
}
