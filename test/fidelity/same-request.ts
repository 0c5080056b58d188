import { itemsOf, readTree, type Member, type Tree } from './json-tree.ts';

/** Where a string became a list: the members that lead there, e.g. `messages#0/1/content#0`. */
type Place = string;

/**
 * The raw tokens of a document with every `cache_control` member left out. At the given places a list of one text block
 * counts as the string in it.
 */
function tokensOf(bytes: Buffer, tree: Tree, strings: ReadonlySet<Place>): string[] {
  const tokens: string[] = [];
  const raw = ({ start, end }: Tree): string => bytes.subarray(start, end).toString('latin1');

  const walkMembers = (members: readonly Member[], place: Place): void => {
    const kept = members.filter((member) => member.name !== 'cache_control');
    const seen = new Map<string, number>();
    tokens.push('{');
    for (const { name, rawName, value } of kept) {
      const repetition = seen.get(name) ?? 0;
      seen.set(name, repetition + 1);
      tokens.push(rawName, ':');
      walk(value, `${place}/${name}#${repetition}`);
      tokens.push(',');
    }
    tokens.push('}');
  };
  const walk = (value: Tree, place: Place): void => {
    const string = strings.has(place) ? stringInside(value, bytes) : null;
    if (string !== null) tokens.push(string);
    else if (value.kind === 'object') walkMembers(value.members, place);
    else if (value.kind === 'list') {
      tokens.push('[');
      for (const [index, item] of value.items.entries()) {
        walk(item, `${place}/${index}`);
        tokens.push(',');
      }
      tokens.push(']');
    } else tokens.push(raw(value));
  };
  walk(tree, '');
  return tokens;
}

/** The string in `[{"type":"text","text":STRING,"cache_control":…}]`, written in exactly this way; otherwise null. */
function stringInside(tree: Tree, bytes: Buffer): string | null {
  const [block, ...others] = itemsOf(tree);
  if (block?.kind !== 'object' || others.length > 0) return null;
  const [type, text, marker, ...more] = block.members;
  if (more.length > 0 || text?.value.kind !== 'string' || !type || !marker) return null;
  if (type.rawName !== '"type"' || text.rawName !== '"text"' || marker.rawName !== '"cache_control"')
    return null;
  const rawType = bytes.subarray(type.value.start, type.value.end).toString('latin1');
  return rawType === '"text"' ? bytes.subarray(text.value.start, text.value.end).toString('latin1') : null;
}

/** Where the received body has a string that may become a list: `system`, and the `content` of a message. */
function stringPlaces(tree: Tree): ReadonlySet<Place> {
  const places = new Set<Place>();
  const visit = (value: Tree, place: Place): void => {
    if (value.kind === 'string' && /^\/(?:system#\d+|messages#\d+\/\d+\/content#\d+)$/.test(place))
      places.add(place);
    if (value.kind === 'list')
      for (const [index, item] of value.items.entries()) visit(item, `${place}/${index}`);
    if (value.kind !== 'object') return;
    const seen = new Map<string, number>();
    for (const { name, value: inner } of value.members) {
      const repetition = seen.get(name) ?? 0;
      seen.set(name, repetition + 1);
      visit(inner, `${place}/${name}#${repetition}`);
    }
  };
  visit(tree, '');
  return places;
}

/** Why the sent bytes are not the received ones but for markers; null when they are. Compares raw tokens. */
export function tokenDifference(received: Buffer, sent: Buffer): string | null {
  if (received.equals(sent)) return null;
  const before = readTree(received);
  const after = readTree(sent);
  if (before === null) return 'a body that is no JSON was changed';
  if (after === null) return 'what was sent is no JSON';
  const strings = stringPlaces(before);
  const wanted = tokensOf(received, before, strings);
  const found = tokensOf(sent, after, strings);
  const at = wanted.findIndex((token, index) => token !== found[index]);
  if (at < 0 && wanted.length === found.length) return null;
  const show = (tokens: readonly string[]): string =>
    tokens
      .slice(Math.max(0, at - 3), at + 3)
      .join(' ')
      .slice(0, 200);
  return `token ${at}: received ${show(wanted)} but sent ${show(found)}`;
}

/** The only bytes that may be put in, longest first. */
const MARKERS = ['{"type":"ephemeral"}', '{"type":"ephemeral","ttl":"1h"}'].map(
  (value) => `"cache_control":${value}`,
);
const INSERTIONS = [
  ...MARKERS.map((marker) => `,${marker}}]`),
  ...MARKERS.map((marker) => `,${marker}`),
  ...MARKERS,
  '[{"type":"text","text":',
].map((text) => Buffer.from(text));

/** How many bytes are equal from here on. */
function commonLength(a: Buffer, from: number, b: Buffer, fromB: number): number {
  const step = 1 << 16;
  let length = 0;
  for (;;) {
    const left = a.subarray(from + length, from + length + step);
    const right = b.subarray(fromB + length, fromB + length + step);
    if (left.length < step || !left.equals(right)) {
      let same = 0;
      while (same < left.length && left[same] === right[same]) same += 1;
      return length + same;
    }
    length += step;
  }
}

/**
 * Are the sent bytes the received ones with nothing but markers put in between? An insertion may begin with the very
 * bytes that follow it, so it may have begun a little before the first difference.
 */
export function isOnlyMarked(received: Buffer, sent: Buffer, from = 0, sentFrom = 0): boolean {
  const same = commonLength(received, from, sent, sentFrom);
  const at = from + same;
  const sentAt = sentFrom + same;
  if (at === received.length && sentAt === sent.length) return true;
  if (sent.length - sentAt <= received.length - at) return false;
  return INSERTIONS.some((insertion) => {
    for (let back = 0; back <= Math.min(same, insertion.length); back += 1) {
      const begin = sentAt - back;
      const end = begin + insertion.length;
      const isThere = sent.subarray(begin, end).equals(insertion);
      if (isThere && isOnlyMarked(received, sent, at - back, end)) return true;
    }
    return false;
  });
}
