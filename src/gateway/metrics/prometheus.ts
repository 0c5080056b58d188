import type { Metric } from './families.ts';
import { toResourceMetrics, type MetricTimes, type ResourceAttributes } from './otel-data.ts';

/** Media type of what `renderPrometheus` gives. */
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Metrics as Prometheus reads them. What writes them is loaded by the first who asks: most gateways are never asked. */
export async function renderPrometheus(
  metrics: readonly Metric[],
  attributes: ResourceAttributes,
  times: MetricTimes,
): Promise<string> {
  const [sdk, { PrometheusSerializer }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
  ]);
  // No prefix, no times of its own, no resource at every line, but `target_info`; and no name of a scope at every line.
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return `${serializer.serialize(toResourceMetrics(sdk, metrics, attributes, times)).trimEnd()}\n`;
}
