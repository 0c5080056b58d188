import { isObject, type BlockPath, type JsonObject } from '../../core/index.ts';

/** Strings and other scalars of a layer by their place in it: the index of the block, then members. */
export interface TextLeaf {
  readonly path: BlockPath;
  readonly text: string;
  /** A string; other scalars stand as JSON. */
  readonly isString: boolean;
}

/** Deeper than any request the API accepts. */
const DEPTH_MAX = 512;

function visit(value: unknown, path: BlockPath, leaves: TextLeaf[]): void {
  if (path.length > DEPTH_MAX) return;
  if (typeof value === 'string') leaves.push({ path, text: value, isString: true });
  else if (Array.isArray(value)) value.forEach((item, index) => visit(item, [...path, index], leaves));
  else if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) visit(member, [...path, name], leaves);
  } else leaves.push({ path, text: JSON.stringify(value) ?? 'null', isString: false });
}

/** The scalars of blocks in the order in which they are written. */
export function readLeaves(blocks: readonly JsonObject[]): readonly TextLeaf[] {
  const leaves: TextLeaf[] = [];
  visit(blocks, [], leaves);
  return leaves;
}
