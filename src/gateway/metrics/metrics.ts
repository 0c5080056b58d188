import type { Catalogue } from '../../core/index.ts';
import type { Ledger } from '../../ledger/index.ts';
import type { Metric } from './families.ts';
import { AlikeHits } from './alike-hits.ts';
import { GenAiMetrics } from './gen-ai.ts';
import { ModelLabels } from './label-values.ts';
import { LedgerMetrics } from './ledger-metrics.ts';
import { showState, type MetricsState } from './state-metrics.ts';

/** What requests come to, counted as they end. */
export interface Metrics {
  /** The ledger, with everything counted that it is told. */
  readonly ledger: Ledger;
  snapshot(state: MetricsState): readonly Metric[];
}

/** Counts whatever a ledger is told. What fails in counting is counted itself, and nobody else's concern. */
export function createMetrics(ledger: Ledger, catalogue: Catalogue): Metrics {
  const models = new ModelLabels(catalogue);
  const families = new LedgerMetrics();
  const genAi = new GenAiMetrics();
  const hits = new AlikeHits((common, count, savedPicoUsd) =>
    families.addHits(common, models.of(common.model), count, savedPicoUsd),
  );
  let failed = 0;
  const attempt = (run: () => void): void => {
    try {
      run();
    } catch {
      failed += 1;
    }
  };
  return {
    ledger: {
      add(record) {
        ledger.add(record);
        attempt(() => {
          const model = models.of(record.model);
          families.add(record, model);
          genAi.add(record, model, record.responseModel ? models.of(record.responseModel) : '');
        });
      },
      ...(ledger.alike ? { alike: (common) => hits.alike(ledger.alike?.(common) ?? null, common) } : {}),
      addOwn(cost) {
        ledger.addOwn(cost);
        attempt(() => families.addOwn(cost, models.of(cost.model)));
      },
      summary: (filter) => ledger.summary(filter),
      list: (limit, before, filter) => ledger.list(limit, before, filter),
      timeline: (filter, bucketMs) => ledger.timeline(filter, bucketMs),
      reuse: (filter) => ledger.reuse(filter),
      export: (filter) => ledger.export(filter),
      exportOwn: (filter) => ledger.exportOwn(filter),
      health: () => ledger.health(),
      flush: () => ledger.flush(),
      close: () => ledger.close(),
    },
    snapshot(state) {
      attempt(() => hits.count());
      return [...genAi.show(), ...families.show(), ...showState(state, failed)];
    },
  };
}
