declare module 'parse-prometheus-text-format' {
  /** Families of metrics with their samples. */
  export default function parsePrometheusText(text: string): readonly unknown[];
}
