import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEY_ORDER } from '../core/prompt/canonical.ts';
import { isObject } from '../core/index.ts';
import { JSON_DEPTH_MAX, type Span } from './json-bytes.ts';
import { parseBody } from './parse-body.ts';
import { hasMarker, type BlockSite, type BodyPath } from './scan-block.ts';
import type { MemberSite } from './scan-inner.ts';
import { scanBody, type BodyMap } from './scan-body.ts';
import { removeMarkers, spliceMarkers, type Placement } from './splice.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

/** JSON as it will be written, one character a byte: spellings, repeated keys and bad UTF-8 survive. */
type Source =
  | { readonly kind: 'token'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly Source[] }
  | { readonly kind: 'object'; readonly members: readonly Member[] };
type Member = readonly [keyLiteral: string, value: Source];

const toToken = (text: string): Source => ({ kind: 'token', text });
const toArray = (items: readonly Source[]): Source => ({ kind: 'array', items });
const toObject = (members: readonly Member[]): Source => ({ kind: 'object', members });
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

function render(source: Source, nextGap: () => string): string {
  const gapped = (text: string): string => nextGap() + text + nextGap();
  const list = (parts: readonly string[]): string => (parts.length === 0 ? nextGap() : parts.join(','));
  switch (source.kind) {
    case 'token':
      return source.text;
    case 'array':
      return `[${list(source.items.map((item) => gapped(render(item, nextGap))))}]`;
    case 'object':
      return `{${list(source.members.map(([key, value]) => `${gapped(key)}:${gapped(render(value, nextGap))}`))}}`;
  }
}

const stringPieces = [
  'a Hello { } [ ] : , \' \x7f \\"cache_control\\":1'.split(' '),
  ' \\" \\n \\/ \\t \\u0041 \\u00e9 \\ud83d\\ude00 \\ud800'.split(' '),
  ['é', '日本', '😀', '\u2028', '\ufeff', ' '].map(utf8),
  ['\xff', '\xc3', '\xed\xa0\x80', '\xf0\x9f'],
].flat();
const literalOf = (pieces: readonly string[]): Arbitrary<string> =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((chosen) => `"${chosen.join('')}"`);
// Keys hold no backslash here: JSON.parse, our reference, may misread other keys after such a one (see parse-body.test.ts).
const keyLiteral = literalOf(stringPieces);
const stringToken = literalOf([...stringPieces, '\\\\']);
const anyString = stringToken.map(toToken);
const otherToken = fc
  .constantFrom('12345678901234567890', '1.0', '1e2', '-0', '0', '-1.5E-3', '1e400', 'true', 'false', 'null')
  .map(toToken);
const anyKey = fc.oneof(
  fc.constantFrom('"a"', '"b"', '"2"', '"1"', '"10"', '"\\u0031"', '"__proto__"', '""', '"01"'),
  keyLiteral,
);
const { json } = fc.letrec<{ json: Source }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    anyString,
    otherToken,
    fc.array(tie('json'), { maxLength: 3 }).map(toArray),
    fc.array(fc.tuple(anyKey, tie('json')), { maxLength: 3 }).map(toObject),
  ),
}));

/** A member whose name is now and then spelled with an escape. */
function member(name: string, value: Arbitrary<Source>): Arbitrary<Member> {
  return fc.tuple(fc.nat(name.length * 3), value).map(([index, source]) => {
    const code = name.charCodeAt(index).toString(16).padStart(4, '0');
    const spelled = index < name.length ? `${name.slice(0, index)}\\u${code}${name.slice(index + 1)}` : name;
    return [`"${spelled}"`, source];
  });
}

const otherMember: Arbitrary<Member> = fc.tuple(anyKey, json);
const markerMember = member(
  'cache_control',
  fc
    .constantFrom('{"type":"ephemeral"}', '{"type": "ephemeral", "ttl":"1h"}', 'null', '"x"', '{}')
    .map(toToken),
);
const innerBlocks = fc
  .array(fc.oneof(fc.array(fc.oneof(markerMember, otherMember), { maxLength: 3 }).map(toObject), json), {
    maxLength: 3,
  })
  .map(toArray);
const innerContent = member('content', fc.oneof({ arbitrary: innerBlocks, weight: 3 }, anyString, json));
const block = fc
  .array(
    fc.oneof(
      member('type', fc.constantFrom('"text"', '"tool_result"', '"document"').map(toToken)),
      member('text', anyString),
      markerMember,
      innerContent,
      member(
        'source',
        fc.oneof(fc.array(fc.oneof(innerContent, otherMember), { maxLength: 3 }).map(toObject), json),
      ),
      otherMember,
    ),
    { maxLength: 5 },
  )
  .map(toObject);
const blocks = fc.array(fc.oneof({ arbitrary: block, weight: 4 }, json), { maxLength: 4 }).map(toArray);
const content = fc.oneof({ arbitrary: blocks, weight: 4 }, { arbitrary: anyString, weight: 2 }, json);
const message = fc
  .array(fc.oneof({ arbitrary: member('content', content), weight: 3 }, otherMember), { maxLength: 3 })
  .map(toObject);
const messages = fc.array(fc.oneof({ arbitrary: message, weight: 5 }, json), { maxLength: 4 }).map(toArray);
const bodySource = fc
  .array(
    fc.oneof(
      member('tools', fc.oneof({ arbitrary: blocks, weight: 3 }, json)),
      member('system', content),
      { arbitrary: member('messages', fc.oneof({ arbitrary: messages, weight: 4 }, json)), weight: 2 },
      markerMember,
      member('model', anyString),
      otherMember,
    ),
    { maxLength: 7 },
  )
  .map(toObject);
const gap = fc.constantFrom('', '', ' ', '\n  ', '\t', '\r\n', '   \n');
/** A body and its bytes: compact, or with white space anywhere. */
const body = fc.tuple(bodySource, fc.array(gap, { maxLength: 12 })).map(([source, gaps]) => {
  let used = 0;
  const nextGap = (): string => gaps[used++ % gaps.length] ?? '';
  return { source, bytes: Buffer.from(nextGap() + render(source, nextGap) + nextGap(), 'latin1') };
});

/** Property checks show the body as text. */
function checkBodies(check: (bytes: Buffer, source: Source) => void): void {
  fc.assert(
    fc.property(body, ({ bytes, source }) => check(bytes, source)),
    { numRuns },
  );
}

function scan(bytes: Uint8Array): BodyMap {
  const map = scanBody(bytes);
  if (!map.ok) throw new Error(`${map.reason} at ${map.offset}`);
  return map;
}

/** Comparing the text compares keys in order too, and does not trip over a member called `__proto__`. */
const same = (actual: unknown, expected: unknown): void =>
  expect(JSON.stringify(actual)).toBe(JSON.stringify(expected));
const parse = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(Buffer.from(bytes).toString('utf8'));
const parseSpan = (bytes: Buffer, { start, end }: Span): unknown =>
  JSON.parse(bytes.subarray(start, end).toString('utf8'));
/** The value that counts of several markers in one object. */
const markerValue = (bytes: Buffer, markers: readonly MemberSite[]): unknown =>
  markers.length === 0 ? undefined : parseSpan(bytes, markers.at(-1)!.valueSpan);
const own = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
/** What is at a path that is known to be there. */
const valueAt = (root: unknown, path: BodyPath): unknown =>
  path.reduce((value, step) => (value as Record<string | number, unknown>)[step], root);
const objectAt = (root: unknown, path: BodyPath): Record<string | number, unknown> =>
  valueAt(root, path) as Record<string | number, unknown>;
const cut = (bytes: Buffer, spans: readonly Span[]): Buffer =>
  Buffer.concat(
    [{ end: 0 }, ...spans].map(({ end }, index) => bytes.subarray(end, spans[index]?.start ?? bytes.length)),
  );
const allMarkers = (map: BodyMap): readonly MemberSite[] => [
  ...map.topLevelMarkers,
  ...map.sites.flatMap((site) => [...site.markers, ...site.nestedMarkers]),
];

/** The sites as the parsed value shows them: `path form`. */
function expectedSites(value: unknown): string[] {
  const list = (at: unknown, path: string): string[] =>
    Array.isArray(at) ? at.flatMap((item, i) => (isObject(item) ? [`${path}.${i} object`] : [])) : [];
  const text = (at: unknown, path: string): string[] =>
    typeof at === 'string' ? [`${path} string`] : list(at, path);
  const turns = own(value, 'messages');
  return [
    ...list(own(value, 'tools'), 'tools'),
    ...text(own(value, 'system'), 'system'),
    ...(Array.isArray(turns)
      ? turns.flatMap((turn, i) => text(own(turn, 'content'), `messages.${i}.content`))
      : []),
  ];
}

const innerLists = (value: unknown): unknown[][] =>
  [own(value, 'content'), own(own(value, 'source'), 'content')].filter(Array.isArray);

/** Drops every marker that `removeMarkers` is to remove, from a parsed body. */
function withoutMarkers(value: Record<string, unknown>, sites: readonly BlockSite[]): unknown {
  const copy = structuredClone(value);
  delete copy['cache_control'];
  for (const site of sites.filter(({ form }) => form === 'object')) {
    const target = objectAt(copy, site.path);
    delete target['cache_control'];
    for (const inner of innerLists(target).flat()) {
      if (isObject(inner)) Reflect.deleteProperty(inner, 'cache_control');
    }
  }
  return copy;
}

describe('scanBody', () => {
  it('agrees with JSON.parse about every block and marker', () => {
    checkBodies((bytes) => {
      const map = scan(bytes);
      const value = parse(bytes);
      same(parseSpan(bytes, map.root), value);
      expect(map.sites.map((site) => `${site.path.join('.')} ${site.form}`)).toEqual(expectedSites(value));
      expect(map.topLevelMarker === null).toBe(!Object.hasOwn(value, 'cache_control'));
      same(markerValue(bytes, map.topLevelMarkers), value['cache_control']);
      for (const site of map.sites) {
        const found = valueAt(value, site.path);
        same(parseSpan(bytes, site.span), found);
        const marker = own(found, 'cache_control');
        same(markerValue(bytes, site.markers), marker);
        expect(hasMarker(site)).toBe(marker !== undefined && marker !== null);
        const inner = innerLists(found)
          .flat()
          .filter((item) => own(item, 'cache_control') !== undefined);
        expect(site.nestedMarkers.length > 0).toBe(inner.length > 0);
      }
    });
  });

  it('gives each marker a span that is a member, and a removal that leaves valid JSON', () => {
    checkBodies((bytes) => {
      for (const { span, removal, valueSpan, isNull } of allMarkers(scan(bytes))) {
        const asObject = parse(
          Buffer.from(`{${bytes.subarray(span.start, span.end).toString('latin1')}}`, 'latin1'),
        );
        same(asObject, { cache_control: parseSpan(bytes, valueSpan) });
        expect(isNull).toBe(asObject['cache_control'] === null);
        parse(cut(bytes, [removal]));
      }
    });
  });
});

describe('spliceMarkers', () => {
  const placedBody = fc.tuple(body, fc.infiniteStream(fc.constantFrom('5m' as const, '1h' as const, null)));

  function checkPlaced(check: (bytes: Buffer, map: BodyMap, placements: readonly Placement[]) => void): void {
    fc.assert(
      fc.property(placedBody, ([{ bytes }, choices]) => {
        const map = scan(bytes);
        const free = map.sites.filter((site) => site.markers.length === 0).map((site) => site.path);
        if (map.topLevelMarkers.length === 0) free.unshift([]);
        check(
          bytes,
          map,
          free.flatMap((path) => {
            const ttl = choices.next().value;
            return ttl ? [{ path, ttl }] : [];
          }),
        );
      }),
      { numRuns },
    );
  }

  it('only inserts: without the inserted spans the bytes are the original', () => {
    checkPlaced((bytes, map, placements) => {
      const spliced = spliceMarkers(bytes, map, placements.toReversed());
      expect(cut(spliced.bytes, spliced.inserted).equals(bytes)).toBe(true);
      const added = spliced.inserted.reduce((sum, span) => sum + span.end - span.start, 0);
      expect(spliced.bytes.length).toBe(bytes.length + added);
    });
  });

  it('changes nothing but the markers, and plain text into one text block', () => {
    checkPlaced((bytes, map, placements) => {
      const expected = parse(bytes);
      for (const { path, ttl } of placements) {
        const cache_control = ttl === '5m' ? { type: 'ephemeral' } : { type: 'ephemeral', ttl };
        const text = valueAt(expected, path);
        if (typeof text !== 'string') objectAt(expected, path)['cache_control'] = cache_control;
        else objectAt(expected, path.slice(0, -1))[path.at(-1)!] = [{ type: 'text', text, cache_control }];
      }
      const spliced = spliceMarkers(bytes, map, placements).bytes;
      same(parse(spliced), expected);
      expect(allMarkers(scan(spliced)).length).toBe(allMarkers(map).length + placements.length);
    });
  });
});

describe('removeMarkers', () => {
  it('removes every marker and changes nothing else', () => {
    checkBodies((bytes) => {
      const map = scan(bytes);
      const bare = removeMarkers(bytes, map);
      same(parse(bare), withoutMarkers(parse(bytes), map.sites));
      expect(allMarkers(scan(bare))).toEqual([]);
    });
  });

  it('removes any selection of markers, the others staying', () => {
    fc.assert(
      fc.property(body, fc.infiniteStream(fc.boolean()), ({ bytes }, choices) => {
        const map = scan(bytes);
        const chosen = new Set(allMarkers(map).filter(() => choices.next().value));
        const partly = removeMarkers(bytes, map, (marker) => chosen.has(marker));
        const rest = scan(partly);
        expect(allMarkers(rest).length).toBe(allMarkers(map).length - chosen.size);
        same(parse(removeMarkers(partly, rest)), parse(removeMarkers(bytes, map)));
      }),
      { numRuns },
    );
  });
});

/** The source order of keys of each object, as the source shows it and as the parsed value tells it. */
function keyOrders(
  source: Source,
  value: unknown,
): { expected: string[][]; actual: string[][]; moved: number } {
  const expected: string[][] = [];
  const actual: string[][] = [];
  let moved = 0;

  function visit(node: Source, found: unknown): void {
    if (node.kind === 'array') node.items.forEach((item, i) => visit(item, objectAt(found, [i])));
    if (node.kind !== 'object') return;
    const last = new Map(
      node.members.map(([literal, child]) => [
        String(JSON.parse(Buffer.from(literal, 'latin1').toString('utf8'))),
        child,
      ]),
    );
    const object = found as Record<string, unknown> & { [KEY_ORDER]?: string[] };
    const keys = Object.keys(object);
    expected.push([...last.keys()]);
    actual.push(object[KEY_ORDER] ?? keys);
    if (JSON.stringify(keys) !== JSON.stringify([...last.keys()])) moved += 1;
    for (const [key, child] of last) visit(child, object[key]);
  }

  visit(source, value);
  return { expected, actual, moved };
}

describe('parseBody', () => {
  it('is JSON.parse, with the source order of keys wherever JavaScript changed it', () => {
    checkBodies((bytes, source) => {
      const parsed = parseBody(bytes);
      if (!parsed.ok) throw new Error(parsed.reason);
      same(parsed.value, parse(bytes));
      const { expected, actual, moved } = keyOrders(source, parsed.value);
      expect(actual).toEqual(expected);
      expect(KEY_ORDER in parsed.value).toBe(moved > 0);
    });
  });

  it.each([
    [JSON_DEPTH_MAX - 1, true],
    [JSON_DEPTH_MAX, false],
    [200_000, false],
  ])('shares the depth limit with scanBody: %i levels in the root, %s', (levels, isFine) => {
    for (const [open, close] of ['[]', '{"a":}'].map(
      (pair) => [pair.slice(0, -1), pair.slice(-1)] as const,
    )) {
      const bytes = Buffer.from(`{"a":${open.repeat(levels)}1${close.repeat(levels)}}`);
      expect([scanBody(bytes).ok, parseBody(bytes).ok]).toEqual([isFine, isFine]);
    }
  });
});

function isJsonObject(bytes: Buffer): boolean {
  try {
    return isObject(JSON.parse(bytes.toString('utf8')));
  } catch {
    return false;
  }
}

// Last in this file, for its damaged keys may hold a backslash: see the note on keys above.
describe('scanBody and parseBody', () => {
  it('accept and refuse the same bytes as JSON.parse', () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.nat(3),
      fc.constantFrom(...'{}[]",:\\u0e-+.tngG \n\x01\x80'.split('')),
    );
    fc.assert(
      fc.property(body, fc.array(edit, { maxLength: 2 }), ({ bytes }, edits) => {
        let text = bytes.toString('latin1');
        for (const [at, removed, added] of edits) {
          const i = at % (text.length + 1);
          text = text.slice(0, i) + added + text.slice(i + removed);
        }
        const edited = Buffer.from(text, 'latin1');
        const map = scanBody(edited);
        expect([map.ok, parseBody(edited).ok]).toEqual([isJsonObject(edited), map.ok]);
        const offset = map.ok ? 0 : map.offset;
        expect(offset >= 0 && offset <= edited.length).toBe(true);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
