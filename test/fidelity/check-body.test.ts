import { describe, expect, it } from 'vitest';
import { findFault } from './check-body.ts';

const MARKER = '"cache_control":{"type":"ephemeral"}';
const HOUR = '"cache_control":{"type":"ephemeral","ttl":"1h"}';
const text = (marker = '', words = 'hi'): string =>
  `{"type":"text","text":"${words}"${marker === '' ? '' : `,${marker}`}}`;
const user = (...blocks: readonly string[]): string =>
  `{"messages":[{"role":"user","content":[${blocks.join(',')}]}]}`;

function faultOf(received: string, sent: string): string | null {
  return findFault(Buffer.from(received, 'latin1'), Buffer.from(sent, 'latin1'));
}

describe('the checks of byte fidelity find nothing wrong with', () => {
  it.each([
    ['nothing changed', user(text()), user(text())],
    ['what is no JSON', '{"messages":[', '{"messages":['],
    ['a marker put in', user(text()), user(text(MARKER))],
    ['a marker of one hour before one of the client', user(text(), text(HOUR)), user(text(HOUR), text(HOUR))],
    [
      'a system made a list',
      '{ "system" : "a\\u0041" }',
      `{ "system" : [{"type":"text","text":"a\\u0041",${MARKER}}] }`,
    ],
    [
      'a content made a list',
      '{"messages":[{"content":"a"}]}',
      `{"messages":[{"content":[{"type":"text","text":"a",${MARKER}}]}]}`,
    ],
    ['the root marked too', '{"system":"a"}', `{"system":[{"type":"text","text":"a",${MARKER}}],${MARKER}}`],
    ['a tool marked', '{"tools":[{"name":"t"}]}', `{"tools":[{"name":"t",${MARKER}}]}`],
    [
      'a member that begins like a marker',
      '{"system":"a","cache_c":1}',
      `{"system":[{"type":"text","text":"a",${MARKER}}],"cache_c":1}`,
    ],
  ])('%s', (_what, received, sent) => {
    expect(faultOf(received, sent)).toBeNull();
  });
});

describe('the checks of byte fidelity catch', () => {
  it.each([
    ['a number respelled', '{"a":1.0}', '{"a":1}'],
    ['an escape respelled', '{"a":"\\u0041"}', '{"a":"A"}'],
    ['members reordered', '{"2":1,"1":1}', '{"1":1,"2":1}'],
    ['a repeated member dropped', '{"a":1,"a":2}', '{"a":2}'],
    ['bad UTF-8 replaced', '{"a":"\xff"}', '{"a":"\xef\xbf\xbd"}'],
    ['white space changed', '{"a": 1}', '{"a":1}'],
    ['white space put in', '{"a":1}', '{"a": 1}'],
    ['what is no JSON changed', '{"a":', '{"a":1}'],
    ['JSON made something else', '{"a":1}', '{"a":1'],
    [
      'a system made a list in another way',
      '{"system":"a"}',
      `{"system":[{"text":"a","type":"text",${MARKER}}]}`,
    ],
    ['a system made a list without a marker', '{"system":"a"}', '{"system":[{"type":"text","text":"a"}]}'],
    [
      "a tool result's text made a list",
      user('{"type":"tool_result","content":"a"}'),
      user(`{"type":"tool_result","content":[${text(MARKER, 'a')}]}`),
    ],
    ['a list made a string', '{"system":[{"type":"text","text":"a"}]}', '{"system":"a"}'],
    ['a marker spelled otherwise', user(text()), user(text('"cache_control": {"type":"ephemeral"}'))],
    ['a marker on thinking', user('{"type":"thinking"}'), user(`{"type":"thinking",${MARKER}}`)],
    ['a marker on an empty text', user(text('', '')), user(text(MARKER, ''))],
    [
      'a marker on a deferred tool',
      '{"tools":[{"defer_loading":true}]}',
      `{"tools":[{"defer_loading":true,${MARKER}}]}`,
    ],
    [
      'a marker on a turn-scoped message',
      '{"messages":[{"role":"system","clear_at":"next_user_message","content":"a"}]}',
      `{"messages":[{"role":"system","clear_at":"next_user_message","content":[${text(MARKER, 'a')}]}]}`,
    ],
    [
      'a marker on a block of an unknown type',
      user('{"type":"hologram"}'),
      user(`{"type":"hologram",${MARKER}}`),
    ],
    ['one hour after five minutes', user(text(MARKER), text()), user(text(MARKER), text(HOUR))],
    ['five minutes before one hour', user(text(), text(HOUR)), user(text(MARKER), text(HOUR))],
    ['one hour at the top after five minutes', user(text()), `${user(text(MARKER)).slice(0, -1)},${HOUR}}`],
    [
      'a fifth marker',
      user(text(MARKER), text(MARKER), text(MARKER), text(MARKER), text()),
      user(...Array.from({ length: 5 }, () => text(MARKER))),
    ],
    [
      'a refused set changed',
      user(text(MARKER), text(HOUR), text()),
      user(text(MARKER), text(HOUR), text(MARKER)),
    ],
    ['a marker of the client gone', user(text(MARKER), text()), user(text(), text(MARKER))],
    ['a marker of the client changed', user(text(HOUR)), user(text(MARKER))],
  ])('%s', (_what, received, sent) => {
    expect(faultOf(received, sent)).not.toBeNull();
  });
});
