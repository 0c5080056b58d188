/** Which part of a request body a value is: markers are markers only in some of them. */
type Place = 'body' | 'messages' | 'message' | 'blocks' | 'block' | 'other';

/** Members of the body that change nothing in the answer. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'cache_control',
  'metadata',
  'stream',
  'diagnostics',
  'service_tier',
]);

/** Containers that may be open at once; deeper bodies are left alone. */
const DEPTH_MAX = 512;

const NUMBER = /[-\d.eE+]+/y;

/** Why there is no canonical form. */
export type CanonicalProblem = 'duplicate-members' | 'too-deep';

class CanonicalError extends Error {
  readonly problem: CanonicalProblem;

  constructor(problem: CanonicalProblem) {
    super(problem);
    this.problem = problem;
  }
}

function placeOfMember(place: Place, name: string): Place {
  if (place === 'body') return name === 'messages' ? 'messages' : isBlockList(name) ? 'blocks' : 'other';
  if (place === 'message' || place === 'block') return name === 'content' ? 'blocks' : 'other';
  return 'other';
}

function isBlockList(name: string): boolean {
  return name === 'system' || name === 'tools';
}

function placeOfElement(place: Place): Place {
  if (place === 'messages') return 'message';
  return place === 'blocks' ? 'block' : 'other';
}

function isLeftOut(place: Place, name: string): boolean {
  return place === 'body' ? LEFT_OUT.has(name) : place === 'block' && name === 'cache_control';
}

/** Walks over text that is known to be JSON. */
class Canonicaliser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  write(place: Place, depth: number): string {
    if (depth > DEPTH_MAX) throw new CanonicalError('too-deep');
    const first = this.#peek();
    if (first === '{') return this.#writeObject(place, depth);
    if (first === '[') return this.#writeArray(place, depth);
    if (first === '"') return this.#takeString();
    return first === 't' || first === 'f' || first === 'n' ? this.#takeWord() : this.#takeNumber();
  }

  #writeObject(place: Place, depth: number): string {
    const members: (readonly [string, string])[] = [];
    this.#at += 1;
    while (this.#peek() !== '}') {
      if (this.#peek() === ',') this.#at += 1;
      this.#peek();
      const key = this.#takeString();
      // Names that matter have no escapes once there is one way of escaping.
      const name = key.slice(1, -1);
      this.#peek();
      this.#at += 1;
      members.push([key, this.write(placeOfMember(place, name), depth + 1)]);
    }
    this.#at += 1;
    members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    if (members.some(([key], index) => index > 0 && members[index - 1]?.[0] === key))
      throw new CanonicalError('duplicate-members');
    const kept = members.filter(([key]) => !isLeftOut(place, key.slice(1, -1)));
    return `{${kept.map(([key, value]) => `${key}:${value}`).join(',')}}`;
  }

  #writeArray(place: Place, depth: number): string {
    const elements: string[] = [];
    this.#at += 1;
    while (this.#peek() !== ']') {
      if (this.#peek() === ',') this.#at += 1;
      elements.push(this.write(placeOfElement(place), depth + 1));
    }
    this.#at += 1;
    return `[${elements.join(',')}]`;
  }

  /** One spelling for each string: two that differ in any code unit stay apart, halves of surrogate pairs too. */
  #takeString(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    while (this.#isEscaped(start, end)) end = this.#text.indexOf('"', end + 1);
    this.#at = end + 1;
    const literal = this.#text.slice(start, end + 1);
    return literal.includes('\\') ? JSON.stringify(JSON.parse(literal)) : literal;
  }

  #isEscaped(start: number, quote: number): boolean {
    let at = quote;
    while (at - 1 > start && this.#text[at - 1] === '\\') at -= 1;
    return (quote - at) % 2 === 1;
  }

  #takeWord(): string {
    const word = this.#text.startsWith('false', this.#at)
      ? 'false'
      : this.#text.slice(this.#at, this.#at + 4);
    this.#at += word.length;
    return word;
  }

  /** As it is spelled: 1 and 1.0, or two numbers that are one only as floats, may be two to whoever reads them. */
  #takeNumber(): string {
    NUMBER.lastIndex = this.#at;
    const number = NUMBER.exec(this.#text)?.[0] ?? '';
    this.#at += number.length;
    return number;
  }

  /** The next character that is not white space. */
  #peek(): string {
    for (;;) {
      const character = this.#text[this.#at] ?? '';
      if (character !== ' ' && character !== '\n' && character !== '\r' && character !== '\t')
        return character;
      this.#at += 1;
    }
  }
}

/**
 * One text for all spellings of a request whose answer is the same: members in order of their names, no white space,
 * strings with one way of escaping, without what changes nothing in the answer (`cache_control` where it marks a block,
 * `metadata`, `stream`, `diagnostics`, `service_tier`). What stands twice in an object has no such text, for nobody
 * knows which of the two counts.
 *
 * @param text what `JSON.parse` has accepted, an object
 * @example canonicalBody('{"b":1.0, "a":"\\u0041"}') // { text: '{"a":"A","b":1.0}' }
 */
export function canonicalBody(
  text: string,
): { readonly text: string } | { readonly problem: CanonicalProblem } {
  try {
    return { text: new Canonicaliser(text).write('body', 0) };
  } catch (error) {
    if (error instanceof CanonicalError) return { problem: error.problem };
    throw error;
  }
}
