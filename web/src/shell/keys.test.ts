import { describe, expect, it } from "vitest";
import type { Commands } from "./commands.svelte";
import { heldKeys, keyName, keyReader } from "./keys";

const press = (key: string, more: Partial<KeyboardEvent> = {}) => keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
const run = () => {};

describe("the name of a press", () => {
  it("has its modifiers, and Shift only where it is no part of the character", () => {
    expect(press("k", { ctrlKey: true })).toBe("Mod+k");
    expect(press("K", { metaKey: true, shiftKey: true })).toBe("Mod+Shift+k");
    expect(press("?", { shiftKey: true })).toBe("?");
    expect(press("Escape", { shiftKey: true })).toBe("Shift+Escape");
    expect(press(" ", { shiftKey: true })).toBe("Shift+Space");
  });
});

describe("the table of keys", () => {
  const table: Commands = {
    explore: { label: "Explore", group: "", keys: ["g e"], run },
    edit: { label: "Edit", group: "", keys: ["e"], run },
    closed: { label: "Closed", group: "", keys: ["z"], when: () => false, run },
  };

  it("knows sequences, and forgets them after a while", () => {
    const keys = keyReader();
    expect(keys.press("g", table, 0)).toEqual({ waiting: true });
    expect(keys.press("e", table, 300).command?.label).toBe("Explore");
    keys.press("g", table, 1000);
    expect(keys.press("e", table, 9000).command?.label).toBe("Edit");
  });

  it("does nothing for a command that is not open", () => {
    expect(keyReader().press("z", table, 0)).toEqual({ waiting: false });
  });

  it("lets a page's key hide the shell's", () => {
    const page: Commands = { ...table, own: { label: "Own", group: "", keys: ["e"], run } };
    expect(keyReader().press("e", page, 0).command?.label).toBe("Own");
  });
});

describe("keys pressed before their page is there", () => {
  it("are given in their order, once", () => {
    const keys = heldKeys();
    keys.hold("j", 0);
    keys.hold("k", 10);
    expect(keys.take(20)).toEqual(["j", "k"]);
    expect(keys.take(30)).toEqual([]);
  });
  it("are forgotten when the page is long in coming: the reader thinks of something else by then", () => {
    const keys = heldKeys();
    keys.hold("j", 0);
    keys.hold("k", 5000);
    expect(keys.take(6000)).toEqual(["k"]);
  });
});
