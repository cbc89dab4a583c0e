import { expect, it } from "vitest";
import { labelsOf } from "./labelsOf";

const view = { where: "width > 9", words: "rain", sort: "-width", snapshot: 3 };

it("names the objects on chosen samples, in the snapshot in which they were chosen", () => {
  expect(labelsOf({ view, all: false, include: [4, 7] }, "label")).toEqual({
    view: { where: "width > 9", snapshot: 3, filters: [{ control: "the selection", where: "id in [4, 7]" }], objects: "label" },
    all: true,
  });
});
it("names those on the whole view, less what was left out", () => {
  expect(labelsOf({ view, all: true, exclude: [4] }, "label").view.filters).toEqual([{ control: "the selection", where: "not (id in [4])" }]);
  expect(labelsOf({ view, all: true }, "label").view.filters).toEqual([]);
});
