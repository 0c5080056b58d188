import { expect, test } from 'vitest';

import { readUsageForm } from './usage-form.ts';

const line = {
  s: 'e1',
  a: null,
  u: 'u1',
  d: 'd1',
  i: 4,
  prev: 3,
  t_req: 10.5,
  t_first: 12,
  t_last: 13,
  model: 'claude-opus-4-6',
  cc: '2.1.62',
  usage: { input: 3, write: 30, read: 900, write5m: 10, write1h: 20, output: 5 },
  stop: 'tool_use',
  inp: [['text', 54]],
  out: [['thinking', 9]],
  flags: ['compact_boundary'],
};

test('every member has its place', () => {
  expect(readUsageForm(line)).toEqual({
    session: 'e1',
    agent: null,
    user: 'u1',
    folder: 'd1',
    index: 4,
    previousIndex: 3,
    requestS: 10.5,
    firstS: 12,
    lastS: 13,
    model: 'claude-opus-4-6',
    clientVersion: '2.1.62',
    usage: {
      uncachedTokens: 3,
      readTokens: 900,
      write5mTokens: 10,
      write1hTokens: 20,
      outputTokens: 5,
    },
    stopReason: 'tool_use',
    added: [{ kind: 'text', characters: 54 }],
    answered: [{ kind: 'thinking', characters: 9 }],
    flags: ['compact_boundary'],
  });
});

test('written tokens that no TTL claims are 5m', () => {
  const usage = { input: 3, write: 30, read: 0, output: 5 };
  expect(readUsageForm({ ...line, usage })?.usage).toMatchObject({ write5mTokens: 30, write1hTokens: 0 });
});

test.each([null, 7, [], {}, { ...line, model: 1 }, { ...line, t_first: 'x' }, { ...line, usage: {} }])(
  'anything else is none: %j',
  (value) => {
    expect(readUsageForm(value)).toBeNull();
  },
);
