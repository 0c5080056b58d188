import type { PromptOutline } from './seen-prompt.ts';

/** Names of the tools of two prompts. */
export interface ToolNames {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** How many of `values` are not among `others`. */
function missingFrom<Value>(values: readonly Value[], others: readonly Value[]): number {
  const left = new Map<Value, number>();
  for (const value of others) left.set(value, (left.get(value) ?? 0) + 1);
  return values.filter((value) => {
    const count = left.get(value) ?? 0;
    if (count > 0) left.set(value, count - 1);
    return count === 0;
  }).length;
}

/**
 * What became of the tools, comma-separated: `added`, `removed`, `edited`, or else `reordered`. Where the names are not
 * known, tools that went and as many that came are taken for edited ones.
 */
export function describeToolChange(
  before: PromptOutline,
  after: PromptOutline,
  names: ToolNames | null,
): string {
  const earlier = before.contentIds.slice(0, before.systemStart);
  const later = after.contentIds.slice(0, after.systemStart);
  const gone = missingFrom(earlier, later);
  const come = missingFrom(later, earlier);
  const removed = names ? missingFrom(names.before, names.after) : Math.max(0, gone - come);
  const added = names ? missingFrom(names.after, names.before) : Math.max(0, come - gone);
  const told = [added > 0 && 'added', removed > 0 && 'removed', come > added && 'edited'].filter(Boolean);
  return told.length === 0 ? 'reordered' : told.join(',');
}
