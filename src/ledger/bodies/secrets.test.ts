import { describe, expect, it } from 'vitest';

import { findSecrets, isSecretMember } from './secrets.ts';
import { replaceSpans } from './spans.ts';

const redact = (text: string): string => replaceSpans(text, findSecrets(text));

describe('credentials in a text', () => {
  it.each<readonly [text: string, left: string]>([
    ['use sk-ant-api03-AbCd_1234-xyz, please', 'use [redacted anthropic-key], please'],
    ['sk-proj-0123456789abcdefABCDEF', '[redacted key]'],
    ['sk_live_0123456789abcdef', '[redacted key]'],
    ['(AKIAIOSFODNN7EXAMPLE)', '([redacted aws-key])'],
    ['ghp_0123456789abcdefghijABCDEFGHIJ012345!', '[redacted github-token]!'],
    ['github_pat_11ABCDEFG0123456789_abcdef', '[redacted github-token]'],
    ['glpat-0123456789abcdefABCD', '[redacted gitlab-token]'],
    ['xoxb-123456789012-abcdefABCDEF', '[redacted slack-token]'],
    ['https://hooks.slack.com/services/T000/B000/XXXXXXXX', 'https://[redacted slack-webhook]'],
    ['AIzaSyA0123456789abcdefghijklmnopqrstuv', '[redacted google-key]'],
    ['ya29.a0AfH6SMBabcdefghijklm', '[redacted google-token]'],
    ['hf_abcdefghijklmnopqrstuvwxyz', '[redacted registry-token]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl.', '[redacted jwt]'],
    ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic [redacted authorization]'],
    ['-H "authorization: Bearer abc.def"', '-H "authorization: Bearer abc.def"'],
    ['-H "authorization: Bearer abc.defg1"', '-H "authorization: Bearer [redacted authorization]"'],
    ["'x-api-key': 'abcdefgh'", "'x-api-key': '[redacted authorization]'"],
    ['Bearer abcdefghijklmnopqrstuvwxyz', 'Bearer [redacted authorization]'],
    ['postgres://cw:hush@db/x', 'postgres://cw:[redacted password]@db/x'],
    ['password=hunter2;', 'password=[redacted secret];'],
    ['"passphrase": "correct horse battery"', '"passphrase": "[redacted secret]"'],
    [String.raw`{\"api_key\": \"abc12345\"}`, String.raw`{\"api_key\": \"[redacted secret]\"}`],
    ['AWS_SECRET_ACCESS_KEY = wJalrXUtnFEMI/K7MDENG', 'AWS_SECRET_ACCESS_KEY = [redacted secret]'],
    ['GITHUB_TOKEN:=abcdef123456', 'GITHUB_TOKEN:=[redacted secret]'],
    [
      'a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb',
      'a\n[redacted private-key]\nb',
    ],
    ['-----BEGIN PRIVATE KEY-----\nMIIBVQ', '[redacted private-key]'],
  ])('%s', (text, left) => {
    expect(redact(text)).toBe(left);
  });

  it.each([
    'the bearer of good news',
    'a task-force-of-some-size, risk-free and sk-learn',
    '"max_tokens":1024,"input_tokens":12345678',
    'function login(password: string, token: string): void',
    '{"properties":{"password":{"type":"string"}},"required":["password","token"]}',
    'const token = getToken();',
    'secret: ${SECRET}',
    'see https://example.com:8080/a?b=c',
    'password: [redacted secret]',
  ])('leaves %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('knows members by their names', () => {
    for (const name of ['password', 'clientSecret', 'client_secret', 'apiKey', 'accessToken', 'Cookie'])
      expect(isSecretMember(name, 'correct horse')).toBe(true);
    for (const name of ['type', 'max_tokens', 'tokens', 'secretary', 'passwordHint'])
      expect(isSecretMember(name, 'correct horse')).toBe(false);
    expect(isSecretMember('password', 'string')).toBe(false);
  });

  it('takes time in proportion to a text that was made to take more', () => {
    const traps = [
      'eyJa-',
      'sk-',
      'bearer aaaaaaaa ',
      'token="',
      'password=',
      '://a:',
      '-----BEGIN PRIVATE KEY',
      '\\',
      'secret:',
    ];
    for (const trap of traps) findSecrets(trap.repeat(200_000));
    expect(findSecrets('secret: abcd'.repeat(20_000)).length).toBeGreaterThan(0);
  });
});
