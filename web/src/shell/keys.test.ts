import { describe, expect, it } from "vitest";
import type { Commands } from "./commands.svelte";
import { keyName, keyReader } from "./keys";

const press = (key: string, more: Partial<KeyboardEvent> = {}) => keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
const run = () => {};

describe("the name of a press", () => {
  it("has its modifiers, and Shift only where it is no part of the character", () => {
    expect(press("k", { ctrlKey: true })).toBe("Mod+k");
    expect(press("K", { metaKey: true, shiftKey: true })).toBe("Mod+Shift+k");
    expect(press("?", { shiftKey: true })).toBe("?");
    expect(press("Escape", { shiftKey: true })).toBe("Shift+Escape");
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
