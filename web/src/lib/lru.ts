/** A cache that is full by weight, not by number: the least lately used go first. */

export interface Lru<K, V> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V, weight: number): void;
  clear(): void;
  readonly weight: number;
}

export function lru<K, V>(limit: number, dropped: (value: V, key: K) => void = () => {}): Lru<K, V> {
  const held = new Map<K, { value: V; weight: number }>();
  let total = 0;
  const drop = (key: K) => {
    const entry = held.get(key);
    if (!entry) return;
    held.delete(key);
    total -= entry.weight;
    dropped(entry.value, key);
  };
  return {
    get(key) {
      const entry = held.get(key);
      if (!entry) return undefined;
      held.delete(key);
      held.set(key, entry);
      return entry.value;
    },
    has: (key) => held.has(key),
    set(key, value, weight) {
      drop(key);
      held.set(key, { value, weight });
      total += weight;
      for (const old of held.keys()) {
        if (total <= limit || old === key) break;
        drop(old);
      }
    },
    clear() {
      for (const key of [...held.keys()]) drop(key);
    },
    get weight() {
      return total;
    },
  };
}
