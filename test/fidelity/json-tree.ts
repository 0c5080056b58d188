/**
 * A reader of JSON over bytes for the tests alone: it shares nothing with the code that it judges. It keeps where every
 * value stands, every repeated key and every byte of a string, and takes invalid UTF-8 as it comes.
 */

/** A value and its bytes: `start` is the first, `end` the one after the last. */
export type Tree = Leaf | ListTree | ObjectTree;

/** A string, a number, true, false or null. */
export interface Leaf {
  readonly kind: 'string' | 'scalar';
  readonly start: number;
  readonly end: number;
}
export interface ListTree {
  readonly kind: 'list';
  readonly start: number;
  readonly end: number;
  readonly items: readonly Tree[];
}
export interface ObjectTree {
  readonly kind: 'object';
  readonly start: number;
  readonly end: number;
  /** In their order, repeated ones included. */
  readonly members: readonly Member[];
}
export interface Member {
  /** The name decoded, and its bytes with the quotes. */
  readonly name: string;
  readonly rawName: string;
  readonly value: Tree;
}

const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const STRING = /^"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"$/;
const SCALAR_BYTE = /[-+.\w]/;

class NotJson extends Error {}

/** The text that the bytes of a string literal stand for; bad UTF-8 becomes U+FFFD. */
function decode(bytes: Buffer, { start, end }: { readonly start: number; readonly end: number }): string {
  // Never as part of a document: only keys of objects are what some engines confuse.
  return String(JSON.parse(bytes.subarray(start, end).toString('utf8')));
}

class Reader {
  readonly #bytes: Buffer;
  readonly #text: string;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#text = bytes.toString('latin1');
  }

  readDocument(): Tree {
    this.#skipSpace();
    const tree = this.#readValue();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw new NotJson();
    return tree;
  }

  #skipSpace(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? '-')) this.#at += 1;
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    this.#skipSpace();
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw new NotJson();
  }

  #readValue(): Tree {
    const start = this.#at;
    const first = this.#text[start];
    if (first === '{') return this.#readObject(start);
    if (first === '[') return this.#readList(start);
    if (first === '"') return this.#readString(start);
    while (SCALAR_BYTE.test(this.#text[this.#at] ?? '')) this.#at += 1;
    if (!SCALAR.test(this.#text.slice(start, this.#at))) throw new NotJson();
    return { kind: 'scalar', start, end: this.#at };
  }

  #readString(start: number): Leaf {
    let at = start + 1;
    for (;;) {
      const quote = this.#text.indexOf('"', at);
      if (quote < 0) throw new NotJson();
      let backslashes = 0;
      while (this.#text[quote - 1 - backslashes] === '\\') backslashes += 1;
      at = quote + 1;
      if (backslashes % 2 === 0) break;
    }
    this.#at = at;
    const hasControl = this.#bytes.subarray(start, at).some((byte) => byte < 0x20);
    if (hasControl || !STRING.test(this.#text.slice(start, at))) throw new NotJson();
    return { kind: 'string', start, end: at };
  }

  #readList(start: number): ListTree {
    const items: Tree[] = [];
    this.#expect('[');
    if (!this.#take(']')) {
      do items.push(this.#readValue());
      while (this.#take(','));
      this.#expect(']');
    }
    return { kind: 'list', start, end: this.#endAfter(']'), items };
  }

  #readObject(start: number): ObjectTree {
    const members: Member[] = [];
    this.#expect('{');
    if (!this.#take('}')) {
      do members.push(this.#readMember());
      while (this.#take(','));
      this.#expect('}');
    }
    return { kind: 'object', start, end: this.#endAfter('}'), members };
  }

  #readMember(): Member {
    if (this.#text[this.#at] !== '"') throw new NotJson();
    const key = this.#readString(this.#at);
    this.#expect(':');
    const name = decode(this.#bytes, key);
    return { name, rawName: this.#text.slice(key.start, key.end), value: this.#readValue() };
  }

  /** White space after a value has been passed already: the end is behind its last character. */
  #endAfter(character: string): number {
    return this.#text.lastIndexOf(character, this.#at - 1) + 1;
  }
}

/** The tree of a document; null when the bytes are no JSON, or nest deeper than the stack goes. */
export function readTree(bytes: Buffer): Tree | null {
  try {
    return new Reader(bytes).readDocument();
  } catch (error) {
    if (error instanceof NotJson || error instanceof RangeError) return null;
    throw error;
  }
}

/** The member that counts: of a repeated name, the last. */
export function memberOf(tree: Tree | undefined, name: string): Tree | undefined {
  return tree?.kind === 'object' ? tree.members.findLast((member) => member.name === name)?.value : undefined;
}

/** The items of a list; none when it is no list. */
export function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'list' ? tree.items : [];
}

/** The text of a string, undefined when it is none. */
export function textOf(bytes: Buffer, tree: Tree | undefined): string | undefined {
  return tree?.kind === 'string' ? decode(bytes, tree) : undefined;
}
