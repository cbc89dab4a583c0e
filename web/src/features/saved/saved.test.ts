import { describe, expect, it } from "vitest";
import { EMPTY, type Link } from "../../lib/link";
import { linkOfSaved, savedLink } from "./saved";

const shown: Link = {
  ...EMPTY,
  page: "",
  dataset: "d",
  version: "v1",
  q: '"a rainy street',
  filters: [
    { of: "weather", choice: { kind: "in", values: ["rain"] } },
    { of: "width", choice: { kind: "range", low: "640", high: null } },
  ],
  color: "outcome",
  at: 7,
  size: 300,
  extra: { ev: "ev1" },
};

describe("a saved view", () => {
  it("comes back with words, filters and how it was looked at, but not with the place in it", () => {
    const found = linkOfSaved({ name: "wet", view: {}, link: savedLink(shown) });
    expect(found).toMatchObject({ q: shown.q, filters: shown.filters, color: "outcome", extra: { ev: "ev1" } });
    expect({ ...shown, ...found }).toMatchObject({ dataset: "d", version: "v1", at: null, size: 300 });
  });
  it("that was saved without its address comes back as a query that says the same", () => {
    const view = { where: "a == 1 or b == 2", filters: [{ control: "weather", where: "weather == 'rain'" }], sort: "-width" };
    expect(linkOfSaved({ name: "old", view, link: "" })).toMatchObject({ q: "(a == 1 or b == 2) and weather == 'rain'", filters: [], sort: "-width", objects: "" });
    const objects = { objects: "truth", keep: [{ field: "truth", where: "score > 0.5" }, { field: "other", where: "True" }] };
    expect(linkOfSaved({ name: "old", view: objects, link: "" })).toMatchObject({ q: "score > 0.5", objects: "truth" });
  });
});
