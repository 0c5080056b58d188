import type * as sdkMetrics from '@opentelemetry/sdk-metrics';

import type { Metric } from './families.ts';

/** When counting began, and when it was looked at; ms since 1970 UTC. */
export interface MetricTimes {
  readonly startMs: number;
  readonly endMs: number;
}

/** Who tells: `service.name` and the like. */
export type ResourceAttributes = Readonly<Record<string, string>>;

type Sdk = typeof sdkMetrics;
type MetricData = sdkMetrics.MetricData;
type ResourceMetrics = sdkMetrics.ResourceMetrics;
type HrTime = MetricData['dataPoints'][number]['startTime'];

const toHrTime = (timeMs: number): HrTime => [
  Math.floor(timeMs / 1000),
  Math.round((timeMs % 1000) * 1_000_000),
];

function toMetricData(sdk: Sdk, metric: Metric, { startMs, endMs }: MetricTimes): MetricData {
  const { name, description, unit } = metric;
  const times = { startTime: toHrTime(startMs), endTime: toHrTime(endMs) };
  const common = {
    // 1: DOUBLE of the API's `ValueType`, which is a value only of the API itself.
    descriptor: { name, description, unit, valueType: 1 },
    aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE,
  };
  const { DataPointType } = sdk;
  if (metric.kind === 'histogram') {
    const dataPoints = metric.points.map(({ labels, value: { boundaries, counts, sum, count } }) => ({
      ...times,
      attributes: labels,
      value: { buckets: { boundaries: [...boundaries], counts: [...counts] }, sum, count },
    }));
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = metric.points.map(({ labels, value }) => ({ ...times, attributes: labels, value }));
  if (metric.kind === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: metric.kind === 'sum', dataPoints };
}

/** Metrics in the data model of OpenTelemetry, as its exporters take them. */
export function toResourceMetrics(
  sdk: Sdk,
  metrics: readonly Metric[],
  attributes: ResourceAttributes,
  times: MetricTimes,
): ResourceMetrics {
  const resource: ResourceMetrics['resource'] = {
    attributes: { ...attributes },
    merge: () => resource,
    getRawAttributes: () => Object.entries(attributes),
  };
  const shown = metrics.filter(({ points }) => points.length > 0);
  const data = shown.map((metric) => toMetricData(sdk, metric, times));
  return { resource, scopeMetrics: [{ scope: { name: 'cachewright' }, metrics: data }] };
}
