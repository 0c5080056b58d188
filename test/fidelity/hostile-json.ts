import type { Random } from '../model/random.ts';

/** A document before it is written: raw bytes, or a container whose members may repeat. */
export type Draft = Buffer | ListDraft | ObjectDraft;

/** A list; tests may put any draft in it. */
export interface ListDraft {
  readonly items: Draft[];
}

/** An object; names are raw bytes with their quotes. */
export interface ObjectDraft {
  readonly members: (readonly [name: Buffer, value: Draft])[];
}

export function list(...items: Draft[]): ListDraft {
  return { items };
}

/** An object from names and drafts. */
export function object(members: Readonly<Record<string, Draft>>): ObjectDraft {
  return {
    members: Object.entries(members).map(([name, value]) => [Buffer.from(JSON.stringify(name)), value]),
  };
}

/** Any value as it is written by everybody. */
export function plain(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** How a client writes JSON: what stands around commas, colons and members. */
export interface Style {
  readonly indent: string;
  readonly newLine: string;
  readonly comma: string;
  readonly colon: string;
}

const STYLES: readonly Style[] = [
  { indent: '', newLine: '', comma: ',', colon: ':' },
  // Python's json.dumps.
  { indent: '', newLine: '', comma: ', ', colon: ': ' },
  { indent: '  ', newLine: '\n', comma: ',', colon: ': ' },
  { indent: '\t', newLine: '\r\n', comma: ',', colon: ':\t' },
  { indent: ' ', newLine: '\n', comma: ' ,', colon: ' : ' },
];

/** Writes a draft in one style. */
export function write(draft: Draft, style: Style): Buffer {
  const parts: Buffer[] = [];
  const put = (text: string): void => void parts.push(Buffer.from(text));
  const open = (draftItems: readonly (() => void)[], brackets: string, depth: number): void => {
    put(brackets.slice(0, 1));
    for (const [index, writeItem] of draftItems.entries()) {
      put(`${index > 0 ? style.comma : ''}${style.newLine}${style.indent.repeat(depth + 1)}`);
      writeItem();
    }
    put(draftItems.length > 0 ? `${style.newLine}${style.indent.repeat(depth)}` : style.newLine);
    put(brackets.slice(1));
  };
  const visit = (value: Draft, depth: number): void => {
    if (Buffer.isBuffer(value)) parts.push(value);
    else if ('items' in value)
      open(
        value.items.map((item) => () => visit(item, depth + 1)),
        '[]',
        depth,
      );
    else {
      const writers = value.members.map(([name, member]) => () => {
        parts.push(name);
        put(style.colon);
        visit(member, depth + 1);
      });
      open(writers, '{}', depth);
    }
  };
  visit(draft, 0);
  return Buffer.concat(parts);
}

/** A style that some client has. */
export function pickStyle(random: Random): Style {
  return random.pick(STYLES);
}

const NUMBERS = [
  '12345678901234567890',
  '1.0',
  '1e2',
  '-0',
  '0.1E+2',
  '-1.50',
  '9007199254740993',
  '1e400',
  '5e-324',
  '0',
];
const PIECES: readonly (readonly [weight: number, bytes: string | Buffer])[] = [
  [40, 'word '],
  [8, '\\n'],
  [4, '\\"'],
  [4, '\\\\'],
  [3, '\\/'],
  [3, '\\u0041'],
  [3, '\\u00e9'],
  [3, '\\ud83d\\ude00'],
  [2, '\\ud800'],
  [2, '\\udc00\\ud800'],
  [2, '\\u0000'],
  [4, 'é'],
  [3, '😀'],
  [2, '\u2028\u2029'],
  [2, '\ufeff'],
  [2, Buffer.from([0x7f])],
  [2, Buffer.from([0xff, 0xfe])],
  [2, Buffer.from([0xc0, 0x80])],
  [2, Buffer.from([0xe2, 0x82])],
  [2, Buffer.from([0xed, 0xa0, 0x80])],
  [3, '\\"cache_control\\":{\\"type\\":\\"ephemeral\\"}'],
  [2, '}],{['],
];

/** A string literal of odd characters: escapes, lone surrogates, bytes that are no UTF-8, JSON inside JSON. */
export function oddString(random: Random, pieces: number): Buffer {
  const parts = Array.from({ length: pieces }, () => Buffer.from(random.weighted(PIECES)));
  return Buffer.concat([Buffer.from('"'), ...parts, Buffer.from('"')]);
}

/** A string literal of many plain words, so that a prompt passes its model's minimum. */
export function longString(random: Random, bytes: number): Buffer {
  const word = `w${random.int(0, 999)} `;
  return Buffer.from(`"${word.repeat(Math.ceil(bytes / word.length))}"`);
}

const ODD_NAMES = ['2', '1', '10', '__proto__', 'constructor', 'toJSON', 'cache_control', 'a', '', 'ключ'];

/** A name, at times spelled with an escape. */
export function spell(random: Random, name: string): Buffer {
  if (name === '' || !random.chance(0.1)) return plain(name);
  const at = random.int(0, name.length - 1);
  const escaped = `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return Buffer.from(`"${name.slice(0, at)}${escaped}${name.slice(at + 1)}"`);
}

/** Any JSON: what clients put into tool inputs, metadata and members that nobody knows. */
export function oddValue(random: Random, depth = 3): Draft {
  const kind = random.int(0, depth > 0 ? 7 : 4);
  if (kind <= 1) return Buffer.from(random.pick(NUMBERS));
  if (kind === 2) return Buffer.from(random.pick(['true', 'false', 'null', '""', '{}', '[]']));
  if (kind <= 4) return oddString(random, random.int(0, 6));
  if (kind === 5) return list(...Array.from({ length: random.int(0, 4) }, () => oddValue(random, depth - 1)));
  return oddObject(random, depth);
}

/** An object with integer-like, repeated and strange names. */
export function oddObject(random: Random, depth = 3): ObjectDraft {
  const members = Array.from({ length: random.int(1, 5) }, () => {
    const name = spell(random, random.pick(ODD_NAMES));
    return [name, oddValue(random, depth - 1)] as const;
  });
  return { members };
}
