/** Where every copy of `@opentelemetry/api` 1.x keeps what an application has registered. */
const REGISTRY = Symbol.for('opentelemetry.js.api.1');

/** Has the application set up OpenTelemetry? Where it has not, nothing of that is loaded. */
export function hasTracing(): boolean {
  return REGISTRY in globalThis;
}
