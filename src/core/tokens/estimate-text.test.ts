import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyProfile, CONTENT_CLASSES, estimateText, type ContentClass } from './index.ts';

const numRuns = Math.ceil(150 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));

const PROSE = `The harbour was quiet when the ferry came in. Two fishermen were mending a net on the stones, and
neither of them looked up. Martha carried her suitcase down the ramp, asked the guard where the post office was, and
learned that it had closed in the spring. She thanked him anyway. The road climbed between low white houses towards a
square with a fountain, where children were trying to sail a paper boat in the wind. It took her about ten minutes to
find the address that her brother had written on the back of the photograph, and when she knocked nobody answered.`;

const CODE = `export async function loadInvoices(client: HttpClient, accountId: string): Promise<Invoice[]> {
  const invoices: Invoice[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.get(\`/accounts/\${accountId}/invoices\`, { query: { cursor, limit: 100 } });
    for (const raw of page.items) {
      if (raw.status === 'void' || raw.total <= 0) continue;
      invoices.push({ id: raw.id, total: raw.total / 100, dueAt: new Date(raw.due_at) });
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return invoices.sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
}`;

const JSON_TEXT = JSON.stringify(
  Array.from({ length: 12 }, (_, index) => ({
    id: 40_213 + index * 7,
    name: `Warehouse ${index}`,
    address: { street: `${index * 3 + 2} Mill Lane`, city: 'Norwich', zip: `NR${index} 4QT` },
    open: index % 2 === 0,
    tags: ['bulk', 'cold-storage'],
  })),
);

const CHINESE =
  '春天来了，院子里的桃树开满了花。祖母坐在门口晒太阳，手里拿着一本旧书，却很久没有翻页。邻居家的孩子跑来跑去，' +
  '笑声传到了街上。她说，去年的雨水太少，今年的收成一定会好一些。傍晚的时候，父亲从田里回来，带着一身泥土的气味。';

const JAPANESE =
  '駅前の小さな喫茶店は、雨の日になると少しだけ混みます。窓際の席に座ると、傘をさして歩く人たちが見えます。' +
  'マスターは静かにコーヒーを淹れながら、ラジオのニュースを聞いていました。';

const KOREAN =
  '오늘 아침에는 안개가 짙어서 버스가 늦게 왔습니다. 정류장에서 기다리던 사람들은 모두 조용히 휴대전화를 보고 있었습니다.';

/** The same pseudo-random letters on every run. */
function pseudoRandom(alphabet: string, length: number): string {
  let state = 42;
  let text = '';
  for (let index = 0; index < length; index += 1) {
    state = (state * 48_271) % 2_147_483_647;
    text += alphabet[state % alphabet.length];
  }
  return text;
}

const BASE64 = pseudoRandom('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 2_000);
const HEX = Array.from({ length: 20 }, (_, index) =>
  pseudoRandom('0123456789abcdef', 200).slice(index, index + 64),
);

function per1000(text: string): number {
  return (estimateText(text).tokens / text.length) * 1_000;
}

function mainClass(text: string): ContentClass {
  const { classes } = estimateText(text);
  return CONTENT_CLASSES.reduce((best, name) => (classes[name] > classes[best] ? name : best), 'prose');
}

describe('estimateText on each kind of content, tokens per 1,000 characters', () => {
  it.each<[string, string, ContentClass, number, number]>([
    ['English prose', PROSE, 'prose', 205, 260],
    ['TypeScript', CODE, 'code', 285, 370],
    ['JSON', JSON_TEXT, 'json', 300, 400],
    ['Chinese', CHINESE, 'cjk', 960, 1_200],
    ['Japanese', JAPANESE, 'cjk', 760, 960],
    ['Korean', KOREAN, 'cjk', 950, 1_200],
    ['base64', BASE64, 'base64', 620, 780],
    ['hashes', HEX.join('\n'), 'base64', 520, 690],
    ['numbers', '3.14159 2.71828 1.41421 0.57721 1024 65536 '.repeat(20), 'other', 500, 700],
  ])('%s', (_name, text, expectedClass, low, high) => {
    expect(mainClass(text)).toBe(expectedClass);
    expect(per1000(text)).toBeGreaterThanOrEqual(low);
    expect(per1000(text)).toBeLessThanOrEqual(high);
  });

  it('charges a document by its parts', () => {
    const { classes } = estimateText(`${PROSE}\n\n${CODE}\n\n${CHINESE}\n${BASE64}`);
    expect(classes.prose).toBeGreaterThan(80);
    expect(classes.code).toBeGreaterThan(120);
    expect(classes.cjk).toBeGreaterThan(90);
    expect(classes.base64).toBeGreaterThan(1_200);
  });

  it.each([
    ['', 0],
    ['a', 1],
    [' ', 1],
    ['hello', 1],
    ['Hello, world!', 4],
    ['transformer', 1],
    ['123456', 2],
    ["don't", 2],
    ['getElementById', 4],
    ['你好', 2],
  ])('%j is %i', (text, tokens) => {
    expect(estimateText(text).tokens).toBe(tokens);
  });

  it('takes digits three to a token, and does not merge the space before them', () => {
    const numbers = '1000000 9999999 10000000 123456789 1000000000 9876543210 100000000000 999999999999';
    expect(estimateText(numbers).tokens).toBe(35);
  });

  it('does not take paths, identifiers and plain words for base64', () => {
    for (const text of [
      'packages/application-server/source/infrastructure/repositories/customer-repository',
      'createDefaultApplicationConfigurationProviderFactory',
      'a'.repeat(5_000),
    ]) {
      expect(estimateText(text).classes.base64).toBe(0);
    }
  });

  it('charges words of a language with accents more than English ones', () => {
    const german =
      'Die Fähre legte spät an, und für die übrigen Gäste wurden schnell Tische gedeckt. '.repeat(6);
    const bare = german.normalize('NFD').replaceAll(/\p{M}/gu, '');
    expect(estimateText(german).tokens).toBeGreaterThan(estimateText(bare).tokens * 1.1);
  });

  it('treats special-token text as text', () => {
    const text = 'before <|endoftext|> after <|im_start|> \n\nHuman: hi\n\nAssistant:';
    expect(estimateText(text).tokens).toBeGreaterThan(15);
    expect(estimateText(text).tokens).toBeLessThan(40);
  });
});

describe('estimateText on any text', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.string({ unit: 'grapheme', maxLength: 400 }),
    fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 400 })
      .map((codes) => String.fromCharCode(...codes)),
    fc
      .array(
        fc.constantFrom(
          'a',
          'Z',
          '9',
          ' ',
          '\n',
          '"',
          '+',
          '=',
          '(',
          'é',
          '漢',
          'ж',
          '\ud83d',
          '\ude00',
          '<|endoftext|>',
        ),
        {
          maxLength: 300,
        },
      )
      .map((parts) => parts.join('')),
  );

  it('gives integers that add up, at least one token for any text and at most six a character', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { tokens, classes } = estimateText(text);
        const parts = CONTENT_CLASSES.map((name) => classes[name]);
        expect(parts.every((part) => Number.isSafeInteger(part) && part >= 0)).toBe(true);
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(tokens);
        expect(tokens).toBeGreaterThanOrEqual(text === '' ? 0 : 1);
        expect(tokens).toBeLessThanOrEqual(text.length * 6);
      }),
      { numRuns },
    );
  });

  it('brackets the count for both tokenizers', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('classic' as const, 'modern' as const), (text, generation) => {
        const { tokens, low, high } = applyProfile(estimateText(text), generation);
        expect([tokens, low, high].every((part) => Number.isSafeInteger(part))).toBe(true);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(tokens);
        expect(high).toBeGreaterThanOrEqual(tokens);
        expect(tokens).toBeGreaterThanOrEqual(Math.min(1, text.length));
      }),
      { numRuns },
    );
  });

  it('counts a whole about as its parts', () => {
    const words = fc.array(
      fc.constantFrom('the', 'planner', 'reads', '42', 'x = y;', '{"a":1}', '世界', 'loadUser()'),
      {
        maxLength: 120,
      },
    );
    fc.assert(
      fc.property(words, words, (left, right) => {
        const [a, b] = [left.join(' '), right.join(' ')];
        const parts = estimateText(a).tokens + estimateText(b).tokens;
        const whole = estimateText(`${a} ${b}`).tokens;
        expect(Math.abs(whole - parts)).toBeLessThanOrEqual(3 + parts * 0.02);
      }),
      { numRuns },
    );
  });

  it('never falls by more than a merge when text is added', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 50 }), (text, more) => {
        expect(estimateText(text + more).tokens).toBeGreaterThanOrEqual(estimateText(text).tokens * 0.95 - 3);
      }),
      { numRuns },
    );
  });
});

describe('the time estimateText takes', () => {
  /** Time on a processor, since what else the machine does says nothing of the scan; it is told in steps of milliseconds. */
  function cpuMs(text: string, rounds: number): number {
    const before = process.threadCpuUsage();
    for (let round = 0; round < rounds; round += 1) estimateText(text);
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  }

  it.each<[string, string]>([
    ['one letter', 'a'],
    ['capitals and small letters in turn', 'aA'],
    ['letters and digits in turn', 'a1'],
    ['base64', BASE64],
    ['base64-like text that is none', 'aaaaaaaaaaaaaaaaaaaa1A-'],
    ['one line of words', 'word '],
    ['spaces', ' '],
    ['newlines', '\n'],
    ['one punctuation mark', '-'],
    ['opening brackets', '[{"'],
    ['emoji', '😀'],
    ['lone surrogates', '\ud83d'],
    ['accents', 'é'],
    ['apostrophes', "a'"],
  ])('grows with the length only: %s', (_name, unit) => {
    const small = unit.repeat(Math.ceil(60_000 / unit.length));
    const large = small.repeat(8);
    cpuMs(small, 8);
    expect(cpuMs(large, 4)).toBeLessThan(3 * Math.max(8, cpuMs(small, 32)));
  });
});
