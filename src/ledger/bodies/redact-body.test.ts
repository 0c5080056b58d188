import { createHash } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { READ_BYTES_MAX, type KeptBody, type RawBody } from './bodies.ts';
import { compilePatterns, runWithin } from './patterns.ts';
import { redactBody, redactText } from './redact-body.ts';
import { replaceInPieces } from './spans.ts';

const nothingMore = compilePatterns([]);
const redact = (text: string): string => redactText(text, nothingMore);
const KEY = 'sk-ant-api03-abcdefgh';

function rawOf(bytes: Uint8Array, more: Partial<RawBody> = {}): RawBody {
  const facts = { contentType: 'application/json', contentEncoding: '', problem: null };
  return { ...facts, bytes, size: bytes.length, ...more };
}

function keep(text: string, max = 1_000): KeptBody {
  return redactBody(rawOf(Buffer.from(text)), max, nothingMore);
}

describe('a body of JSON', () => {
  it('stays byte for byte but for what is taken out', () => {
    const text = `{ "a" : 1.0, "a":[true,null], "text":"x ${KEY} y","n": 1e3 }\n`;
    expect(redact(text)).toBe(text.replace(KEY, '[redacted anthropic-key]'));
    const harmless = String.raw`{"text":"\u0061\/ \"quoted\" \\"}`;
    expect(redact(harmless)).toBe(harmless);
  });

  it('is read with its escapes undone', () => {
    const escaped = String.raw`{"text":"\u0073k-ant-api03-abcd\u0065fgh \"and\" more"}`;
    expect(JSON.parse(redact(escaped))).toEqual({ text: '[redacted anthropic-key] "and" more' });
  });

  it('has secrets taken out of names, of members that are called so, and of what is no JSON', () => {
    expect(redact(`{"${KEY}":1}`)).toBe('{"[redacted anthropic-key]":1}');
    expect(redact('{"input":{"db_password" : "correct horse"}}')).toBe(
      '{"input":{"db_password" : "[redacted secret]"}}',
    );
    expect(redact(`{"a": ${KEY}`)).toBe('{"a": [redacted anthropic-key]');
    expect(redact(`{"a":"broken ${KEY}`)).toBe('{"a":"broken [redacted anthropic-key]');
    expect(redact(`plain ${KEY}`)).toBe('plain [redacted anthropic-key]');
  });

  it('has files replaced by length and hash', () => {
    const file = Buffer.alloc(1_000, 'an image ');
    const hash = createHash('sha256').update(file).digest('hex');
    const said = `[1000 bytes in base64, sha256 ${hash}]`;
    const data = file.toString('base64');
    const source = { type: 'base64', media_type: 'image/png', data };
    expect(redact(JSON.stringify({ source }))).toBe(JSON.stringify({ source: { ...source, data: said } }));
    expect(redact(JSON.stringify([`see data:image/png;base64,${data} here`]))).toBe(
      JSON.stringify([`see data:image/png;base64,${said} here`]),
    );
  });
});

function sse(type: string, members: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

const delta = (members: object, index = 0): string => sse('content_block_delta', { index, delta: members });

describe('a streamed answer', () => {
  it('has a secret taken out of which each event has a part', () => {
    const parts = ['the key sk-', 'ant-a', 'pi03-ab', 'cdefgh is it'];
    const text = parts.map((part) => delta({ type: 'text_delta', text: part })).join('');
    expect(redact(text)).toBe(
      ['the key [redacted anthropic-key]', '', '', ' is it']
        .map((part) => delta({ type: 'text_delta', text: part }))
        .join(''),
    );
  });

  it('keeps texts of different blocks apart, and stays byte for byte without secrets', () => {
    const text =
      delta({ type: 'text_delta', text: 'sk-ant' }) + delta({ type: 'text_delta', text: '-abcd' }, 1);
    expect(redact(text)).toBe(text);
    const odd = ': hello\nevent: ping\ndata:{"type": "ping" }\n\ndata: no json\n\n';
    expect(redact(odd)).toBe(odd);
  });

  it('is looked through where a tool is called, piece by piece', () => {
    const json = '{"password": "correct horse", "n": 1}';
    const pieces = json.match(/.{1,7}/g) ?? [];
    const text = pieces.map((part) => delta({ type: 'input_json_delta', partial_json: part })).join('');
    const left = [...redact(text).matchAll(/"partial_json":"((?:[^"\\]|\\.)*)"/g)]
      .map(([, part]) => JSON.parse(`"${part}"`) as string)
      .join('');
    expect(left).toBe('{"password": "[redacted secret]", "n": 1}');
  });

  it('is looked through in all other events', () => {
    expect(redact(sse('message_start', { message: { content: [{ text: KEY }] } }))).toContain(
      '"text":"[redacted anthropic-key]"',
    );
  });
});

describe('what is kept of a body', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('is decoded from %s, also where it broke off', (contentEncoding, compress) => {
    const text = `{"text":"${KEY} ${'word '.repeat(50)}"}`;
    const bytes = new Uint8Array(compress(Buffer.from(text)));
    const whole = redactBody(rawOf(bytes, { contentEncoding }), 1_000, nothingMore);
    expect(whole).toMatchObject({ bytes: bytes.length, isCut: false, problem: null });
    expect(whole.text).toContain('{"text":"[redacted anthropic-key] word');
    const cut = redactBody(rawOf(bytes.subarray(0, -6), { contentEncoding }), 1_000, nothingMore);
    expect(cut.text === null ? cut.problem : cut.text).not.toContain('abcdefgh');
  });

  it('is nothing where it cannot be read, with the reason', () => {
    const encoded = (contentEncoding: string, bytes: Uint8Array): KeptBody =>
      redactBody(rawOf(bytes, { contentEncoding }), 1_000, nothingMore);
    expect(encoded('snappy', Buffer.from('x')).problem).toBe('its encoding is not known: snappy');
    expect(encoded('gzip', Buffer.from('no gzip')).problem).toContain('cannot be read as gzip');
    const bomb = gzipSync(Buffer.alloc(READ_BYTES_MAX + 1));
    expect(encoded('gzip', bomb)).toMatchObject({ text: null, isCut: false });
    const long = redactBody(rawOf(Buffer.alloc(0), { size: 9, problem: 'too long' }), 1, nothingMore);
    expect(long).toMatchObject({ text: null, problem: 'too long', bytes: 9 });
  });

  it('has a declared type, which is no place for a secret either', () => {
    const raw = rawOf(Buffer.from('{}'), { contentType: `text/plain; x=${KEY}${' '.repeat(500)}` });
    const { contentType } = redactBody(raw, 1_000, nothingMore);
    expect(contentType.trim()).toBe('text/plain; x=[redacted anthropic-key]');
    expect(contentType.length).toBeLessThan(250);
  });

  it('is cut at a whole character, and says so', () => {
    expect(keep('héé', 100)).toMatchObject({ text: 'héé', isCut: false });
    expect(keep('héé', 4)).toMatchObject({ text: 'hé', isCut: true, bytes: 5 });
    expect(keep('hé', 3)).toMatchObject({ text: 'hé', isCut: false });
  });

  it('does not end in the beginning of a secret that was cut', () => {
    const seen = Buffer.from(`${'word '.repeat(2_000)}sk-ant-a`);
    const { text, isCut } = redactBody(rawOf(seen, { size: 99_999 }), 99_999, nothingMore);
    expect(isCut).toBe(true);
    expect(text).not.toContain('sk-');
    // Cutting comes last: what would be cut in the middle is no longer there.
    expect(keep(`0123456789 ${KEY}`, 20).text).toBe('0123456789 [redacted');
  });
});

describe('patterns', () => {
  it('take out what they match, beside all else', () => {
    const findMore = compilePatterns(['[\\w.]+@[\\w.]+', 'ACME-\\d+']);
    expect(redactText(`{"a":"jo@example.com ACME-12 ${KEY}"}`, findMore)).toBe(
      '{"a":"[redacted pattern-1] [redacted pattern-2] [redacted anthropic-key]"}',
    );
  });

  it.each([['('], ['a*'], [''], ['x'.repeat(1_001)]])('refuses %s', (source) => {
    expect(() => compilePatterns([source])).toThrow(RangeError);
  });

  it('cannot hold anything up for ever', () => {
    const findMore = compilePatterns(['(a+)+$']);
    expect(() => runWithin(50, () => redactText(`["${'a'.repeat(60)}!"]`, findMore))).toThrow('timed out');
    expect(runWithin(50, () => 7)).toBe(7);
  });
});

it('replaces spans that overlap, touch, or go over pieces', () => {
  const spans = [
    { from: 5, to: 9, by: 'B' },
    { from: 2, to: 6, by: 'A' },
    { from: 9, to: 10, by: 'C' },
  ];
  expect(replaceInPieces(['0123456789ab'], spans)).toEqual(['01ACab']);
  expect(replaceInPieces(['012', '', '345678', '9', 'ab'], spans)).toEqual(['01A', '', '', 'C', 'ab']);
});
