import { toUsd, totalInputTokens, type Catalogue } from '../../core/index.ts';
import { isAlarming, type IntegrityFinding } from '../integrity/finding.ts';
import type { RequestRecord } from '../record.ts';
import { Budget, type BudgetLimits } from './budget.ts';
import { checkOptions } from './check-options.ts';
import { Eligibility } from './eligibility.ts';
import { NetWatch } from './net-watch.ts';
import { defaultRules, type AlertRule, type AlertSignal } from './rule.ts';
import { sentenceOf } from './sentence.ts';
import type { SeriesTurn } from './series.ts';
import { WatchedSeries, type Watched } from './watched.ts';

/** That something has become bad, or good again. Holds no text of a prompt. */
export interface Alert extends SeriesTurn {
  /** Name of the rule. */
  readonly rule: string;
  /** Which requests it is about: parts of the pseudonym and the model where the rule goes by them. */
  readonly scope: string | null;
  readonly model: string | null;
  /** For people. */
  readonly sentence: string;
}

/** Settings of `alerts()`; every member has a default. */
export interface AlertOptions {
  /** @default `defaultRules` */
  readonly rules: readonly AlertRule[];
  /** Dollars past which it is told, once an hour, a day or a month (UTC); null: never. @default null */
  readonly budget: BudgetLimits;
  /** Dollars that keep-alive may lose in a day before it is told. @default 1 */
  readonly keepAliveLossUsd: number;
  /** Told every turn. What it throws is counted, and never reaches a request. */
  readonly onAlert: ((alert: Alert) => void) | null;
  readonly catalogue?: Catalogue;
  /** Groups of requests followed; the one heard of longest ago goes first. @default 2000 */
  readonly seriesMax: number;
  /** Alerts kept; the oldest go first. @default 1000 */
  readonly alertsMax: number;
}

/** Watches requests as they end. */
export interface Alerts {
  /** Takes the record of a finished request, and how its bill differed. */
  observe(record: RequestRecord, finding?: IntegrityFinding | null): void;
  /** What was spent beside the requests. */
  spend(atMs: number, costPicoUsd: bigint): void;
  /** What keep-alive has saved so far, less what it has cost; signed. */
  keepAlive(atMs: number, netPicoUsd: bigint): void;
  /** Time has passed: windows that are full are judged. */
  tick(nowMs: number): void;
  /** Newest first. */
  list(limit: number): readonly Alert[];
  /** What is bad now. */
  firing(): readonly Alert[];
  readonly failedHooks: number;
}

type Sample = readonly [numerator: number, denominator: number];

const isError = ({ status }: RequestRecord): boolean => status === 0 || status === 429 || status >= 500;

function alertOf({ scope, model, rule }: Watched, turn: SeriesTurn): Alert {
  const about = { rule: rule.name, scope, model };
  return { ...turn, ...about, sentence: sentenceOf(rule.signal, turn, about) };
}

class WatchingAlerts implements Alerts {
  readonly #options: AlertOptions;
  readonly #eligibility: Eligibility;
  readonly #budget: Budget;
  readonly #keepAlive: NetWatch;
  readonly #watched: WatchedSeries;
  #alerts: Alert[] = [];
  failedHooks = 0;

  constructor(options: AlertOptions) {
    this.#options = options;
    this.#watched = new WatchedSeries(options.rules, options.seriesMax);
    this.#eligibility = new Eligibility(options.catalogue);
    this.#budget = new Budget(options.budget);
    this.#keepAlive = new NetWatch(options.keepAliveLossUsd);
  }

  observe(record: RequestRecord, finding: IntegrityFinding | null = null): void {
    const samples = this.#samplesOf(record, finding);
    for (const [index, { signal }] of this.#options.rules.entries()) {
      const sample = samples[signal];
      if (!sample) continue;
      const watched = this.#watched.of(index, record);
      this.#turn(watched, watched.series.add(record.atMs, ...sample));
    }
    if (record.cost) this.spend(record.atMs, record.cost.totalPicoUsd);
  }

  spend(atMs: number, costPicoUsd: bigint): void {
    for (const { period, value, usual } of this.#budget.spend(atMs, costPicoUsd))
      this.#tellOfAll(`spend-${period}`, { state: 'firing', atMs, value, usual });
  }

  keepAlive(atMs: number, netPicoUsd: bigint): void {
    const turn = this.#keepAlive.observe(atMs, netPicoUsd);
    if (turn) this.#tellOfAll('keep-alive-loss', { ...turn, usual: null });
  }

  tick(nowMs: number): void {
    for (const watched of this.#watched.inOrder()) this.#turn(watched, watched.series.tick(nowMs));
  }

  list(limit: number): readonly Alert[] {
    return this.#alerts.slice(-Math.min(limit, this.#options.alertsMax) || this.#alerts.length).toReversed();
  }

  firing(): readonly Alert[] {
    return this.#watched
      .inOrder()
      .flatMap((watched) => (watched.series.firing ? [alertOf(watched, watched.series.firing)] : []));
  }

  #samplesOf(
    record: RequestRecord,
    finding: IntegrityFinding | null,
  ): Readonly<Record<AlertSignal, Sample | null>> {
    const { usage, cost, prediction, isPartial } = record;
    const couldRead = this.#eligibility.observe(record);
    const isLeft = record.error === 'client_left';
    return {
      hit_ratio: usage && couldRead ? [usage.readTokens, totalInputTokens(usage)] : null,
      cost_per_request: cost && cost.totalPicoUsd > 0n && !isPartial ? [toUsd(cost.totalPicoUsd), 1] : null,
      // A client that leaves is no fault of the service.
      error_rate: isLeft ? null : [isError(record) ? 1 : 0, 1],
      integrity: usage && prediction && !isPartial ? [finding && isAlarming(finding) ? 1 : 0, 1] : null,
    };
  }

  #turn(watched: Watched, turn: SeriesTurn | null): void {
    if (turn) this.#tell(alertOf(watched, turn));
  }

  #tellOfAll(rule: string, found: Pick<SeriesTurn, 'state' | 'atMs' | 'value' | 'usual'>): void {
    const turn = { ...found, samples: 1, isNewNormal: false };
    const about = { rule, scope: null, model: null };
    this.#tell({ ...turn, ...about, sentence: sentenceOf(rule, turn, about) });
  }

  #tell(alert: Alert): void {
    const { alertsMax, onAlert } = this.#options;
    this.#alerts.push(alert);
    if (this.#alerts.length > alertsMax * 1.1) this.#alerts = this.#alerts.slice(-alertsMax);
    try {
      onAlert?.(alert);
    } catch {
      this.failedHooks += 1;
    }
  }
}

/**
 * Watches requests and says when something has become worse, and when it is good again.
 *
 * @throws RangeError for settings that cannot be: the sentence names the rule and the setting.
 * @example
 * const watch = alerts({ onAlert: ({ sentence }) => page(sentence) });
 * watch.observe(record, integrity.check(record));
 */
export function alerts(options: Partial<AlertOptions> = {}): Alerts {
  const settled: AlertOptions = {
    rules: defaultRules,
    budget: { hourUsd: null, dayUsd: null, monthUsd: null },
    keepAliveLossUsd: 1,
    onAlert: null,
    seriesMax: 2_000,
    alertsMax: 1_000,
    ...options,
  };
  checkOptions(settled);
  return new WatchingAlerts(settled);
}
