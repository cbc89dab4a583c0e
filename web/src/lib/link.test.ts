import { describe, expect, it } from "vitest";
import { conditionOf, type Filter, filterFromText, filterToText, toggled, withFilter } from "./filter";
import { EMPTY, formatLink, type Link, parseLink } from "./link";
import { ranked } from "./search";

function there(link: Link): Link {
  const [path = "", search = ""] = formatLink(link).split("?");
  return parseLink(path, search);
}

describe("a link", () => {
  const explore: Link = { ...EMPTY, page: "", dataset: "traffic" };

  it("leaves out what is the default", () => {
    expect(formatLink(explore)).toBe("/d/traffic");
    expect(formatLink(EMPTY)).toBe("/");
  });

  it.each<[string, Partial<Link>]>([
    ["a query", { q: "weather == 'rain' and a.any(score > .9)" }],
    ["filters", { filters: [{ of: "a.label", choice: { kind: "in", values: ["car, red", null, "50%:x"] } }, { of: "score", choice: { kind: "range", low: "0.5", high: null } }] }],
    ["a lasso", { filters: [{ of: "map/looks", choice: { kind: "inside", owner: "sample", shapes: [{ how: "add", corners: [-5, 0, 9000, 0, 12, 10_040] }, { how: "take", corners: [-1, 2, 3, 4, 5, 6, 7, 8] }] } }] }],
    ["a version", { version: "v12" }],
    ["a sample", { page: "s", rest: ["193"], at: 193 }],
    ["looks", { size: 220, shape: "square", color: "outcome", hide: ["a", "b"], mode: "plots", least: 0 }],
    ["odd names", { dataset: "a b/c%", sort: "-path", objects: "truth" }],
    ["what a page adds", { page: "compare", extra: { run: "a", other: "b" } }],
  ])("restores %s", (_, change) => {
    expect(there({ ...explore, ...change })).toEqual({ ...explore, ...change });
  });

  it("leaves a lasso out that is none", () => {
    for (const text of ["map/a:inside:sample:1,2,3", "map/a:inside:sample:1,2,3,4,5,x", "a.label:inside:sample:1,2,3,4,5,6", "map/a:inside:1,2"])
      expect(filterFromText(text)).toBeNull();
  });

  it("with nonsense falls back to the defaults", () => {
    expect(parseLink("/d/x", "size=huge&at=x&view=3d&f=::&least=9")).toEqual({ ...explore, dataset: "x" });
    expect(parseLink("/d/%E0%A4%A", "").dataset).toBe("%E0%A4%A");
  });
});

describe("a lasso's condition", () => {
  const add = { how: "add", corners: [0, 0, 5000, 0, 1234, 10_000] } as const;
  const take = { how: "take", corners: [1, 1, 2, 1, 2, 2] } as const;
  const of = (owner: string, shapes: readonly (typeof add | typeof take)[], objects?: string) =>
    conditionOf({ of: "map/looks", choice: { kind: "inside", owner, shapes } }, "text", ["truth"], objects);
  const inside = "inside('looks', [0, 0, 0.5, 0, 0.1234, 1])";
  const less = "inside('looks', [0.0001, 0.0001, 0.0002, 0.0001, 0.0002, 0.0002])";

  it("is its polygons", () => {
    expect(of("sample", [add])).toBe(inside);
    expect(of("sample", [add, add, take])).toBe(`((${inside} or ${inside}) and not ${less})`);
    expect(of("sample", [take])).toBe(`not ${less}`);
  });
  it("is about what the points are", () => {
    expect(of("truth", [add])).toBe(`truth.any(${inside})`);
    expect(of("truth", [add], "truth")).toBe(inside);
    expect(of("sample", [add], "truth")).toBe(inside);
  });
});

describe("a filter's condition", () => {
  const of = (name: string, choice: Filter["choice"], type: Parameters<typeof conditionOf>[1] = "text", objects?: string) =>
    conditionOf({ of: name, choice }, type, ["truth"], objects);

  it("on a column", () => {
    expect(of("split", { kind: "in", values: ["val"] })).toBe("split == 'val'");
    expect(of("split", { kind: "in", values: ["val", "it's"] })).toBe("split in ['val', 'it\\'s']");
    expect(of("split", { kind: "in", values: ["val", null] })).toBe("(split == 'val' or split is None)");
    expect(of("width", { kind: "range", low: "10", high: null }, "int")).toBe("10 <= width");
    expect(of("taken", { kind: "range", low: "2026-01-01", high: "2026-02-01" }, "time")).toBe("'2026-01-01' <= taken <= '2026-02-01'");
  });

  it("on tags", () => expect(of("tags", { kind: "in", values: ["a", "b"] })).toBe("('a' in tags or 'b' in tags)"));

  it("on the objects of a field", () => {
    expect(of("truth.label", { kind: "in", values: ["car"] })).toBe("truth.any(label == 'car')");
    expect(of("truth.label", { kind: "not", values: ["car"] })).toBe("not truth.any(label == 'car')");
    expect(of("truth.box.rel_area", { kind: "range", low: null, high: "0.1" }, "float")).toBe("truth.any(box.rel_area <= 0.1)");
  });

  it("where the tiles are objects", () => {
    expect(of("truth.label", { kind: "in", values: ["car"] }, "text", "truth")).toBe("label == 'car'");
    expect(of("split", { kind: "in", values: ["val"] }, "text", "truth")).toBe("sample.split == 'val'");
  });

  it("can be read back from the link", () => {
    const filter: Filter = { of: "a.label", choice: { kind: "not", values: ["~", "a,b", null, ""] } };
    expect(filterFromText(filterToText(filter))).toEqual(filter);
    expect(filterFromText("nothing")).toBeNull();
  });
});

describe("clicks on a value", () => {
  it("add, take away, isolate and exclude", () => {
    const one = toggled(undefined, "car", "toggle");
    expect(one).toEqual({ kind: "in", values: ["car"] });
    expect(toggled(one ?? undefined, "bus", "toggle")).toEqual({ kind: "in", values: ["car", "bus"] });
    expect(toggled(one ?? undefined, "car", "toggle")).toBeNull();
    expect(toggled(one ?? undefined, "bus", "only")).toEqual({ kind: "in", values: ["bus"] });
    expect(toggled(one ?? undefined, "bus", "but")).toEqual({ kind: "not", values: ["bus"] });
  });

  it("replace the control's own filter only", () => {
    const filters = withFilter(withFilter([], "a", { kind: "in", values: ["x"] }), "b", { kind: "in", values: ["y"] });
    expect(withFilter(filters, "a", null)).toEqual([{ of: "b", choice: { kind: "in", values: ["y"] } }]);
  });
});

describe("finding by typing", () => {
  it("puts beginnings first, then words, then letters", () => {
    expect(ranked(["scarf", "old car", "car", "c-a-r", "bus"], "car", (name) => name)).toEqual(["car", "old car", "scarf", "c-a-r"]);
  });
});
