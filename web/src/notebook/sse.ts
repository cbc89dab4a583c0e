/** Server-sent events out of the pieces of a stream: `read(bytes)` gives those that are whole. */
export interface ServerEvent {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

export function eventReader(): (bytes: Uint8Array) => ServerEvent[] {
  const decoder = new TextDecoder();
  let rest = "";
  return (bytes) => {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.map(event).filter((found) => found !== null);
  };
}

function event(block: string): ServerEvent | null {
  let [id, name] = ["", "message"];
  const lines: string[] = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue; // a remark that keeps the line open
    const value = line.slice(at + 1).replace(/^ /, "");
    if (line.startsWith("id:")) id = value;
    if (line.startsWith("event:")) name = value;
    if (line.startsWith("data:")) lines.push(value);
  }
  return lines.length ? { id, name, text: lines.join("\n") } : null;
}
