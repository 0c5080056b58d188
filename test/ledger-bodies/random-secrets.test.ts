import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { openBodies, type Bodies } from '../../src/ledger/index.ts';
import { CleanUp, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { sendJson } from '../support/http-client.ts';
import { startRecordingUpstream } from '../support/upstream.ts';
import { everythingIn } from './seen.ts';

const numRuns = Math.ceil(60 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const folder = mkdtempSync(join(tmpdir(), 'cachewright-secrets-'));
const cleanUp = new CleanUp();
let gateway: TestGateway;
let bodies: Bodies;
/** What the upstream answers next. */
let answer: {
  readonly bytes: Buffer;
  readonly cuts: readonly number[];
  readonly headers: Record<string, string>;
};

beforeAll(async () => {
  const upstream = cleanUp.add(
    await startRecordingUpstream((response) => {
      response.writeHead(200, answer.headers);
      const ends = [...answer.cuts.map((cut) => cut % answer.bytes.length), answer.bytes.length];
      let from = 0;
      for (const end of ends.toSorted((a, b) => a - b)) {
        response.write(answer.bytes.subarray(from, end));
        from = end;
      }
      response.end();
    }),
  );
  bodies = cleanUp.add(await openBodies(folder));
  gateway = cleanUp.add(await startTestGateway(upstream.url, { engine: { bodies } }));
});
afterAll(async () => {
  await cleanUp.run();
  rmSync(folder, { recursive: true, force: true });
});

/** A credential as it is written, and the part of it that must be nowhere. */
interface Secret {
  readonly written: string;
  readonly core: string;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const from = (letters: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...letters), minLength: min, maxLength: max });
/** Begins with digits, which no word of the rest of a body does. */
const core = (letters = ALPHABET, min = 20, max = 60): fc.Arbitrary<string> =>
  from(letters, min - 3, max - 3).map((text) => `907${text}`);

const behind = (start: string, end = '', letters?: string): fc.Arbitrary<Secret> =>
  core(letters).map((text) => ({ written: `${start}${text}${end}`, core: text }));

const secret: fc.Arbitrary<Secret> = fc.oneof(
  behind('sk-ant-api03-', '', `${ALPHABET}_-`),
  behind('sk-proj-'),
  behind('ghp_'),
  behind('xoxb-12-'),
  behind('AIza', 'abcdefghijklmnop'),
  core('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 16, 16).map((text) => ({
    written: `AKIA${text}`,
    core: text,
  })),
  behind('Authorization: Bearer ', '', `${ALPHABET}._~+/-`),
  behind('AWS_SECRET_ACCESS_KEY=', '', `${ALPHABET}+/`),
  behind('"password": "', '"', `${ALPHABET} !$%.-`),
  behind('https://me:', '@example.com/x'),
  fc.tuple(core(), core()).map(([head, tail]) => ({ written: `eyJ${head}.${tail}.sig`, core: tail })),
  core(`${ALPHABET}+/`, 60, 200).map((text) => ({
    written: `-----BEGIN EC PRIVATE KEY-----\n${text.replace(/.{64}/g, '$&\n')}\n-----END EC PRIVATE KEY-----`,
    core: text.slice(0, 60),
  })),
);

const words = from('abc d\n"\\é😀{}:', 0, 30);

/** Some text with a credential in the middle of it. */
const withSecret = fc.record({ before: words, secret, after: words });
type WithSecret = typeof withSecret extends fc.Arbitrary<infer Value> ? Value : never;
const textOf = ({ before, secret: { written }, after }: WithSecret): string =>
  `${before} ${written} ${after}`;

/** Some characters of JSON written as escapes, as other writers do. */
function escapeSome(json: string, every: number): string {
  if (every === 0) return json;
  let count = 0;
  return json.replaceAll(/[a-zA-Z0-9]/g, (letter, at: number) => {
    count += 1;
    const isEscape = json[at - 1] === '\\' || /\\u[0-9a-f]{0,3}$/i.test(json.slice(Math.max(0, at - 5), at));
    return count % every === 0 && !isEscape
      ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
      : letter;
  });
}

type Place = (text: string) => Record<string, unknown>;

const places: readonly Place[] = [
  (text) => ({ system: text, messages: [] }),
  (text) => ({ system: [{ type: 'text', text }], messages: [{ role: 'user', content: 'x' }] }),
  (text) => ({
    messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: text }] }],
  }),
  (text) => ({ messages: [{ role: 'user', content: JSON.stringify({ nested: { output: text } }) }] }),
  (text) => ({ tools: [{ name: 'n', description: text, input_schema: { type: 'object' } }], messages: [] }),
  (text) => ({ messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { [text]: 1 } }] }] }),
];

const asked = fc.record({
  content: withSecret,
  place: fc.constantFrom(...places),
  escapeEvery: fc.constantFrom(0, 0, 7, 3),
});

const answered = fc.record({
  content: withSecret,
  form: fc.constantFrom('text', 'partial_json', 'json'),
  /** Where the text is parted into events, and the bytes into pieces. */
  parts: fc.array(fc.nat(500), { maxLength: 12 }),
  cuts: fc.array(fc.nat(4_000), { maxLength: 4 }),
  encoding: fc.constantFrom('', 'gzip', 'br'),
});
type Answered = typeof answered extends fc.Arbitrary<infer Value> ? Value : never;

function pieces(text: string, at: readonly number[]): readonly string[] {
  const ends = [...at.map((place) => place % (text.length + 1)), text.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

function eventsOf({ content, form, parts }: Answered): string {
  const text = textOf(content);
  const [member, whole] =
    form === 'text' ? ['text', text] : ['partial_json', JSON.stringify({ input: text })];
  const kind = form === 'text' ? 'text_delta' : 'input_json_delta';
  return pieces(whole, parts)
    .map((piece) => ({ type: 'content_block_delta', index: 0, delta: { type: kind, [member]: piece } }))
    .map((event) => `event: content_block_delta\ndata: ${JSON.stringify(event)}\n\n`)
    .join('');
}

function answerOf(given: Answered): typeof answer {
  const { form, cuts, encoding, content } = given;
  const isJson = form === 'json';
  const text = isJson
    ? JSON.stringify({ content: [{ type: 'text', text: textOf(content) }] })
    : eventsOf(given);
  const compress = { '': (plain: string) => Buffer.from(plain), gzip: gzipSync, br: brotliCompressSync }[
    encoding
  ] as (text: string) => Buffer;
  const headers = {
    'content-type': isJson ? 'application/json' : 'text/event-stream',
    ...(encoding !== '' && { 'content-encoding': encoding }),
  };
  return { bytes: compress(text), cuts, headers };
}

it('no credential is ever in a file, wherever it stood', async () => {
  const cores: string[] = [];
  await fc.assert(
    fc.asyncProperty(asked, answered, async (request, given) => {
      answer = answerOf(given);
      const body = { model: 'claude-opus-5-5', max_tokens: 5, ...request.place(textOf(request.content)) };
      const json = escapeSome(JSON.stringify(body), request.escapeEvery);
      const head = ['x-api-key', 'sk-ant-from-the-header', 'accept-encoding', 'gzip, br'];
      const { headers } = await sendJson(gateway.url, json, { headers: head });
      const kept = await bodies.find(String(headers['x-cachewright-id']));
      expect(kept?.request.text).toContain('[redacted ');
      expect(kept?.answer?.text).toContain('[redacted ');
      const said = JSON.stringify(kept);
      for (const { secret: found } of [request.content, given.content]) {
        cores.push(found.core);
        expect(said).not.toContain(found.core);
        // Not even the half of it.
        expect(said).not.toContain(found.core.slice(0, 10));
        expect(said).not.toContain(found.core.slice(-10));
      }
    }),
    { numRuns },
  );
  await bodies.flush();
  const all = everythingIn(folder);
  expect(all.length).toBeGreaterThan(1_000);
  for (const each of [...cores, 'from-the-header']) expect(all).not.toContain(each);
}, 120_000);
