import { describe, expect, it } from 'vitest';
import { costOf, recordOf, usageOf } from '../../test/support/record.ts';
import { noTokens } from '../core/index.ts';
import { nothingKnown, type Miss, type MissEvidence } from '../ledger/index.ts';
import { gatewayCall, isGatewayRecord } from './gateway-record.ts';

function callWith(reason: Miss['reason'], evidence: Partial<MissEvidence> = {}): unknown {
  const miss: Miss = { reason, tokens: 900, costPicoUsd: 5n, evidence: { ...nothingKnown, ...evidence } };
  const record = recordOf({ usage: usageOf(noTokens), cost: costOf(7n), misses: [miss] });
  const text = JSON.stringify(record, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  const value: unknown = JSON.parse(text);
  const call = isGatewayRecord(value as Record<string, unknown>)
    ? gatewayCall(value as Record<string, unknown>)
    : null;
  return call?.recorded?.misses;
}

describe('misses of a gateway record', () => {
  it.each<[Miss['reason'], Partial<MissEvidence>, string]>([
    ['model_changed', {}, 'changed_model'],
    ['tools_changed', { level: 'tools' }, 'changed_tools'],
    ['system_changed', { level: 'system' }, 'changed_system'],
    ['messages_changed', { level: 'messages' }, 'changed_messages'],
    ['parameters_changed', { level: 'system', detail: 'speed' }, 'changed_system'],
    ['parameters_changed', { level: 'messages', detail: 'effort' }, 'changed_messages'],
    ['parameters_changed', {}, 'not_told'],
    ['expired', { detail: '5m' }, 'expired'],
    ['below_minimum', {}, 'below_minimum'],
    ['outside_lookback', {}, 'unmarked'],
    ['never_written', { detail: 'first' }, 'never_written'],
    ['never_written', { detail: 'unmarked' }, 'unmarked'],
    ['in_flight', {}, 'in_flight'],
    ['evicted_or_unknown', {}, 'not_told'],
  ])('%s with %j is %s', (reason, evidence, expected) => {
    expect(callWith(reason, evidence)).toEqual([{ evidence: expected, tokens: 900 }]);
  });
});
