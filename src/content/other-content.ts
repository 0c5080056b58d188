import { type EntryRecord, type LayerRecord, type PromptRecord } from './records.ts';

/** Are the contents before a layer those of the prompt's last request? Else nobody asks for the entry again anyway. */
function isOnTheWay({ layers, stacks }: PromptRecord, entry: EntryRecord, at: number): boolean {
  const stack = stacks[entry.stack] ?? {};
  return layers.slice(0, at).every(({ content }) => !content || stack[content.name] === content.version);
}

/** The newest live entry at the end of each layer, of those that are made of a version of a content. */
function newestEntries(
  record: PromptRecord,
  at: number,
  content: { readonly name: string; readonly version: string },
  nowMs: number,
): ReadonlyMap<string, EntryRecord> {
  const made = record.entries.filter(
    (entry) =>
      nowMs < entry.expiresMs &&
      record.stacks[entry.stack]?.[content.name] === content.version &&
      isOnTheWay(record, entry, at),
  );
  const ordered = made.toSorted((a, b) => a.usedMs - b.usedMs);
  return new Map(ordered.map((entry) => [entry.layer, entry]));
}

/**
 * A prompt's record as if its last request had had another content, one that an earlier request had in the same layer
 * and of which entries are alive: another customer's file, for example. null where there is none.
 */
export function withOtherContent(
  record: PromptRecord,
  content: { readonly name: string; readonly version: string },
  nowMs: number,
): PromptRecord | null {
  const { layer: name } = record.dependsOn.find((each) => each.content === content.name) ?? {};
  const at = record.layers.findIndex((layer) => layer.name === name);
  const entries = newestEntries(record, at, content, nowMs);
  if (at < 0 || entries.size === 0) return null;
  let prefixTokens = record.layers[at - 1]?.prefixTokens ?? 0;
  const layers = record.layers.map((layer, index): LayerRecord => {
    if (index < at) return layer;
    const ownTokens = layer.prefixTokens - (record.layers[index - 1]?.prefixTokens ?? 0);
    const entry = entries.get(layer.name);
    prefixTokens = Math.max(prefixTokens, entry?.tokens ?? prefixTokens + ownTokens);
    const prefixId = entry?.prefixId ?? `${layer.prefixId} ${content.version}`;
    const ttl = entry?.ttl ?? layer.ttl;
    return { ...layer, content: index === at ? content : layer.content, prefixTokens, prefixId, ttl };
  });
  return { ...record, layers };
}
