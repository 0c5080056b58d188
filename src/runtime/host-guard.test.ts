import { describe, expect, it } from 'vitest';
import { isLoopbackHost, refuseForeign } from './host-guard.ts';

describe('isLoopbackHost', () => {
  it.each(['localhost', '127.0.0.1', '127.255.3.4', '[::1]', '::1'])('%s is', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });
  it.each([
    '',
    'localhost.',
    'localhost.example',
    '127.0.0.1.example',
    'x127.0.0.1',
    '127.1',
    '0.0.0.0',
    '[::2]',
    '128.0.0.1',
    '1270.0.0.1',
  ])('%j is not', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

describe('refuseForeign', () => {
  const names = ['gate.example'];
  it.each([
    [{ host: 'localhost:8789' }],
    [{ host: 'LocalHost' }],
    [{ host: '[::1]:8789' }],
    [{ host: 'gate.example' }],
    [{ host: 'GATE.example:443' }],
    [{ host: 'localhost:8789', origin: 'http://localhost:8789' }],
    [{ host: 'gate.example', origin: 'https://gate.example' }],
  ])('lets %j pass', (headers) => {
    expect(refuseForeign(headers, names)).toBeNull();
  });

  it.each([
    [{}],
    [{ host: '' }],
    [{ host: 'evil.example' }],
    [{ host: 'gate.example.evil' }],
    [{ host: 'evil.example:8789', origin: 'http://evil.example:8789' }],
    [{ host: 'localhost:8789', origin: 'http://localhost' }],
    [{ host: 'localhost:8789', origin: 'http://localhost:8789.evil.example' }],
    [{ host: 'localhost:8789', origin: 'https://localhost:8789.evil.example' }],
    [{ host: 'localhost:8789', origin: 'ftp://localhost:8789' }],
    [{ host: 'localhost:8789', origin: 'null' }],
    [{ host: 'localhost:8789', origin: '' }],
  ])('refuses %j in a sentence', (headers) => {
    expect(refuseForeign(headers, names)).toMatch(/^(the Host header|requests from another origin) .{5,}$/);
  });

  it('never repeats more of a header than a sentence can hold', () => {
    const refusal = refuseForeign({ host: `${'x'.repeat(10_000)}\n` }, []);
    expect(refusal?.length).toBeLessThan(200);
    expect(refuseForeign({ host: 'a\nb' }, [])).not.toContain('\n');
  });
});
