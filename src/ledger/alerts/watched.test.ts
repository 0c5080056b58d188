import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { recordOf } from '../../../test/support/record.ts';
import { defaultRules, type AlertRule } from './rule.ts';
import { WatchedSeries } from './watched.ts';

const numRuns = Math.ceil(100 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const [first] = defaultRules as [AlertRule];
const rules: readonly AlertRule[] = [
  { ...first, name: 'each', by: 'scope-and-model' },
  { ...first, name: 'model', by: 'model' },
  { ...first, name: 'all', by: 'all' },
];

const nameOf = ({ rule, scope, model }: Pick<ReturnType<WatchedSeries['of']>, 'rule' | 'scope' | 'model'>) =>
  [rule.name, scope, model].join(' ');

describe('series that are followed', () => {
  it('are those of one list in the order in which they were heard of, the oldest gone first', () => {
    const letter = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({ ruleIndex: fc.nat({ max: 2 }), scope: letter, model: letter });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 8 }), (steps, most) => {
        const watched = new WatchedSeries(rules, most);
        let list: ReturnType<WatchedSeries['of']>[] = [];
        for (const { ruleIndex, scope, model } of steps) {
          const found = watched.of(ruleIndex, recordOf({ scope, model }));
          const known = list.find((one) => nameOf(one) === nameOf(found));
          expect(found).toBe(known ?? found);
          list = [...list.filter((one) => one !== known), found].slice(-most);
          expect(watched.inOrder().map(nameOf)).toEqual(list.map(nameOf));
        }
      }),
      { numRuns },
    );
  });

  it('are those of the record, whoever came before', () => {
    const watched = new WatchedSeries(rules, 10);
    const at = (scope: string, model: string): string => nameOf(watched.of(0, recordOf({ scope, model })));
    expect([at('s', 'm'), at('t', 'm'), at('t', 'n'), at('s', 'm')]).toEqual([
      'each s m',
      'each t m',
      'each t n',
      'each s m',
    ]);
  });

  it('go by what their rule goes by', () => {
    const watched = new WatchedSeries(rules, 10);
    const record = recordOf({ scope: 's', model: 'm' });
    expect(rules.map((_rule, index) => nameOf(watched.of(index, record)))).toEqual([
      'each s m',
      'model  m',
      'all  ',
    ]);
  });
});
