/**
 * An immutable map from string to value: `put` and `remove` copy one path of a 32-way hash trie and share
 * the rest, so that a state of a million entries can have a successor for the price of a few
 * small arrays, and every earlier state stays as it was.
 */
export interface PersistentMap<Value> {
  readonly size: number;
  get(key: string): Value | undefined;
  put(key: string, value: Value): PersistentMap<Value>;
  remove(key: string): PersistentMap<Value>;
  entries(): IterableIterator<readonly [string, Value]>;
}

const BITS = 5;
const WIDTH = 1 << BITS;
const MASK = WIDTH - 1;
/** 32 bits of hash in steps of 5: below that, keys of one full hash share a list. */
const DEPTH_MAX = 7;

type Pair<Value> = readonly [key: string, value: Value];
interface Leaf<Value> {
  readonly pairs: readonly Pair<Value>[];
}
interface Branch<Value> {
  readonly children: readonly (Node<Value> | undefined)[];
}
type Node<Value> = Leaf<Value> | Branch<Value>;

/** The end of a key is enough: keys are hashes as a rule, and names that count up differ at their ends. */
const HASHED_UNITS = 12;

/** FNV-1a over the last UTF-16 units. */
function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = Math.max(0, key.length - HASHED_UNITS); index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

function slotOf(hash: number, depth: number): number {
  return (hash >>> (depth * BITS)) & MASK;
}

function find<Value>(root: Node<Value> | undefined, key: string): Value | undefined {
  const hash = hashKey(key);
  let node = root;
  for (let depth = 0; node && 'children' in node; depth += 1) node = node.children[slotOf(hash, depth)];
  if (!node) return undefined;
  for (const pair of node.pairs) if (pair[0] === key) return pair[1];
  return undefined;
}

function withChild<Value>(
  branch: Branch<Value>,
  slot: number,
  child: Node<Value> | undefined,
): Branch<Value> {
  const children = branch.children.slice();
  children[slot] = child;
  return { children };
}

/** The subtree with the pair set; a full leaf that is not at the bottom becomes a branch. */
function insert<Value>(
  node: Node<Value> | undefined,
  pair: Pair<Value>,
  hash: number,
  depth: number,
): Node<Value> {
  if (!node) return { pairs: [pair] };
  if ('children' in node) {
    const slot = slotOf(hash, depth);
    return withChild(node, slot, insert(node.children[slot], pair, hash, depth + 1));
  }
  // Mostly it is the one that is there already.
  const [only] = node.pairs;
  if (node.pairs.length === 1 && only?.[0] === pair[0]) return { pairs: [pair] };
  const others = node.pairs.filter((other) => other[0] !== pair[0]);
  if (others.length === 0 || depth >= DEPTH_MAX) return { pairs: [...others, pair] };
  let branch: Node<Value> = { children: Array.from({ length: WIDTH }, () => undefined) };
  for (const other of others) branch = insert(branch, other, hashKey(other[0]), depth);
  return insert(branch, pair, hash, depth);
}

function erase<Value>(node: Node<Value>, key: string, hash: number, depth: number): Node<Value> | undefined {
  if ('children' in node) {
    const slot = slotOf(hash, depth);
    const child = node.children[slot];
    if (!child) return node;
    const rest = withChild(node, slot, erase(child, key, hash, depth + 1));
    return rest.children.some((other) => other !== undefined) ? rest : undefined;
  }
  const pairs = node.pairs.filter((pair) => pair[0] !== key);
  return pairs.length === 0 ? undefined : { pairs };
}

function* walk<Value>(node: Node<Value> | undefined): IterableIterator<Pair<Value>> {
  if (!node) return;
  if ('pairs' in node) yield* node.pairs;
  else for (const child of node.children) if (child) yield* walk(child);
}

class TrieMap<Value> implements PersistentMap<Value> {
  readonly size: number;
  readonly #root: Node<Value> | undefined;

  constructor(root: Node<Value> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  get(key: string): Value | undefined {
    return find(this.#root, key);
  }

  put(key: string, value: Value): PersistentMap<Value> {
    const grown = find(this.#root, key) === undefined ? 1 : 0;
    return new TrieMap(insert(this.#root, [key, value], hashKey(key), 0), this.size + grown);
  }

  remove(key: string): PersistentMap<Value> {
    if (!this.#root || find(this.#root, key) === undefined) return this;
    return new TrieMap(erase(this.#root, key, hashKey(key), 0), this.size - 1);
  }

  entries(): IterableIterator<readonly [string, Value]> {
    return walk(this.#root);
  }
}

/** An empty map. */
export function emptyMap<Value>(): PersistentMap<Value> {
  return new TrieMap<Value>(undefined, 0);
}
