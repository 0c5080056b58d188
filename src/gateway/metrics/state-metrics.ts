import { toUsd, type PicoUsd } from '../../core/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { Alert, IntegrityTotals, LedgerHealth } from '../../ledger/index.ts';
import type { Labels, Metric } from './families.ts';

/** How things are when somebody asks. */
export interface MetricsState {
  readonly health: LedgerHealth;
  readonly counters: Engine['counters'];
  readonly integrity: IntegrityTotals;
  /** What is bad now. */
  readonly firing: readonly Alert[];
  /** What pings have saved that were used later; null where none can be sent. */
  readonly keepAliveSavedPicoUsd: PicoUsd | null;
}

function now(
  kind: 'gauge' | 'sum',
  name: string,
  description: string,
  unit: string,
  points: readonly (readonly [labels: Labels, value: number])[],
): Metric {
  const shown = points.map(([labels, value]) => ({ labels, value }));
  return { kind, name: `cachewright.${name}`, description, unit, points: shown };
}

/** @param failedMetrics requests that could not be counted */
export function showState(
  { health, counters, integrity, firing, keepAliveSavedPicoUsd }: MetricsState,
  failedMetrics: number,
): readonly Metric[] {
  const failures: readonly (readonly [string, number])[] = [
    ['analysis', counters.failedAnalyses],
    ['account', counters.failedAccounts],
    ['refused_plan', counters.refusedPlans],
    ['metrics', failedMetrics],
  ];
  return [
    now('gauge', 'ledger.waiting', 'Records that wait to be stored.', '{record}', [[{}, health.waiting]]),
    now('sum', 'ledger.dropped', 'Records that were lost.', '{record}', [[{}, health.dropped]]),
    now('gauge', 'ledger.problem', '1 while records cannot be stored, else 0.', '1', [
      [{}, health.problem === null ? 0 : 1],
    ]),
    now(
      'sum',
      'engine.failures',
      'What failed of our own part; the requests went through.',
      '{failure}',
      failures.map(([kind, value]) => [{ kind }, value]),
    ),
    now('sum', 'integrity.checked', 'Bills that were held against a prediction.', '{request}', [
      [{}, integrity.checked],
    ]),
    now(
      'sum',
      'integrity.findings',
      'Bills that differ from it.',
      '{request}',
      integrity.counts.flatMap(({ code, requests, unexplained }) => [
        [{ code, cause: 'unexplained' }, unexplained],
        [{ code, cause: 'explained' }, requests - unexplained],
      ]),
    ),
    now(
      'sum',
      'keep_alive.saved_usd',
      'What keep-alive saved, its own cost not subtracted.',
      'USD',
      keepAliveSavedPicoUsd === null ? [] : [[{}, toUsd(keepAliveSavedPicoUsd)]],
    ),
    now('gauge', 'alerts.firing', 'Alerts of things that are bad now.', '{alert}', [[{}, firing.length]]),
  ];
}
