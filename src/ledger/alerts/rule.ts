/** What a rule looks at. */
export type AlertSignal =
  /** Read tokens over all input tokens of requests that could have read: see `Eligibility`. */
  | 'hit_ratio'
  /** Dollars for a typical request, output included: the geometric mean, which a few large ones do not move. */
  | 'cost_per_request'
  /** Share of requests that ended with 429, 5xx, or without an answer. */
  | 'error_rate'
  /** Share of bills that nothing explains. */
  | 'integrity';

/** How values of a signal are added up in a window, and what their mean is then. */
interface Scale {
  readonly toSum: (value: number) => number;
  readonly fromMean: (mean: number) => number;
}

const asItIs = (value: number): number => value;
const linear: Scale = { toSum: asItIs, fromMean: asItIs };

/** Of costs the geometric mean. */
export const SCALES: Readonly<Record<AlertSignal, Scale>> = {
  hit_ratio: linear,
  cost_per_request: { toSum: Math.log, fromMean: Math.exp },
  error_rate: linear,
  integrity: linear,
};

/**
 * When a signal is bad. It is looked at in windows of at least `windowMs` and `samplesMin` requests; a window is bad when it is
 * past the `limit`, or has moved by `change` of what windows have shown so far and by `deviations` of their own spread.
 */
export interface AlertRule {
  readonly name: string;
  readonly signal: AlertSignal;
  /** Requests that are judged together. */
  readonly by: 'all' | 'model' | 'scope-and-model';
  readonly direction: 'fall' | 'rise';
  /** Bad from here on, whatever was before; null: never. */
  readonly limit: number | null;
  /** Relative change that is bad; null: none is. */
  readonly change: number | null;
  readonly deviations: number;
  readonly windowMs: number;
  readonly samplesMin: number;
  /** Bad windows in a row before it is told, and good ones before the end is told. */
  readonly windowsPending: number;
  /** Time between two notices of the same thing. */
  readonly coolDownMs: number;
}

const MINUTE_MS = 60_000;

const usual = {
  by: 'scope-and-model',
  limit: null,
  change: null,
  deviations: 4,
  windowMs: 15 * MINUTE_MS,
  samplesMin: 20,
  windowsPending: 2,
  coolDownMs: 60 * MINUTE_MS,
} as const;

/** What is watched without being asked to. With steady traffic a change is told within `windowsPending + 1` windows. */
export const defaultRules: readonly AlertRule[] = [
  { ...usual, name: 'hit-ratio-drop', signal: 'hit_ratio', direction: 'fall', change: 0.3 },
  {
    ...usual,
    name: 'cost-per-request-rise',
    signal: 'cost_per_request',
    direction: 'rise',
    change: 0.5,
    samplesMin: 50,
  },
  { ...usual, name: 'error-rate', signal: 'error_rate', by: 'model', direction: 'rise', limit: 0.1 },
  { ...usual, name: 'integrity', signal: 'integrity', by: 'model', direction: 'rise', limit: 0.05 },
];
