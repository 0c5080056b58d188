import type { Engine } from '../../engine/index.ts';
import type { Alerts } from '../../ledger/index.ts';
import type { Metric } from './families.ts';
import type { Metrics } from './metrics.ts';
import type { MetricTimes, ResourceAttributes } from './otel-data.ts';
import { startOtlpPush, type OtlpOptions, type OtlpPush } from './otlp.ts';
import { renderPrometheus } from './prometheus.ts';

/** Metrics of an engine, as they are asked for and as they are pushed. */
export interface MetricsWatch {
  render(): Promise<string>;
  /** @throws OtlpError when metrics cannot be pushed at all. */
  push(options: OtlpOptions): Promise<OtlpPush>;
}

/** @param metrics what the engine's ledger is counted with */
export function watchMetrics(
  metrics: Metrics,
  engine: Engine,
  alerts: Alerts,
  resource: ResourceAttributes,
): MetricsWatch {
  const { clock, timers, integrity } = engine.options;
  const startMs = clock.nowMs();
  const read = (): { readonly metrics: readonly Metric[]; readonly times: MetricTimes } => ({
    metrics: metrics.snapshot({
      health: metrics.ledger.health(),
      counters: engine.counters,
      integrity: integrity.totals(),
      firing: alerts.firing(),
      keepAliveSavedPicoUsd: engine.keepAlive.keeper?.totals().sent.savedPicoUsd ?? null,
    }),
    times: { startMs, endMs: clock.nowMs() },
  });
  return {
    render() {
      const { metrics: shown, times } = read();
      return renderPrometheus(shown, resource, times);
    },
    push: (options) => startOtlpPush(options, { resource, timers, read }),
  };
}
