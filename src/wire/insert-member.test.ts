import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { insertMember } from './insert-member.ts';

describe('insertMember', () => {
  it('adds the member last, and nothing else', () => {
    const space = fc.stringMatching(/^[ \n\t]{0,3}$/);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), space, space, (value, a, b) => {
        const { diagnostics: _own, ...rest } = value;
        const text = `${JSON.stringify({ first: 1, ...rest }).slice(0, -1)}${a}}${b}`;
        const made = insertMember(
          Buffer.from(text),
          'diagnostics',
          '{"previous_message_id":null}',
        ).toString();
        expect(JSON.parse(made)).toEqual({ ...JSON.parse(text), diagnostics: { previous_message_id: null } });
        expect(made.replace(',"diagnostics":{"previous_message_id":null}', '')).toBe(text);
      }),
    );
  });

  it('refuses what is no object', () => {
    for (const text of ['[1]', '', '  ', '"}"']) {
      expect(() => insertMember(Buffer.from(text), 'a', '1')).toThrow(RangeError);
    }
  });
});
