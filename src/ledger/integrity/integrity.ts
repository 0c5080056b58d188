import type { RequestRecord } from '../record.ts';
import { defaultDriftLimits, DriftWatch, type DriftLimits } from './drift.ts';
import { isAlarming, type IntegrityCode, type IntegrityFinding } from './finding.ts';
import { canBeJudged, defaultTolerance, judgeRecord, type IntegrityTolerance } from './judge.ts';

/** Settings of `integrity()`; every member has a default. */
export interface IntegrityOptions extends IntegrityTolerance, DriftLimits {
  /**
   * What to do about an unexplained difference: invalidate, warm again, tell somebody. Called once for a code, scope and
   * model within `coolDownMs`. What it throws, or rejects with, is counted and never reaches a request.
   */
  readonly onFinding: ((finding: IntegrityFinding) => void | Promise<void>) | null;
  /** @default 60000 */
  readonly coolDownMs: number;
  /** Findings kept; the oldest go first. @default 1000 */
  readonly findingsMax: number;
}

/** Sums over one kind of difference. */
export interface IntegrityCount {
  readonly code: IntegrityCode;
  readonly requests: number;
  readonly unexplained: number;
}

/** What was found so far. */
export interface IntegrityTotals {
  /** Requests whose bill could be held against a prediction, and those that fit. */
  readonly checked: number;
  readonly fitting: number;
  readonly counts: readonly IntegrityCount[];
  /** Billed over estimated tokens by model. */
  readonly estimates: ReturnType<DriftWatch['ratios']>;
  /** Calls of `onFinding` that failed. */
  readonly failedHooks: number;
}

/** Holds bills against predictions. */
export interface Integrity {
  /** Takes the record of a finished request. Gives how its bill differs, and null where it fits or cannot be told. */
  check(record: RequestRecord): IntegrityFinding | null;
  /** Newest first. */
  list(limit: number): readonly IntegrityFinding[];
  totals(): IntegrityTotals;
}

/** Combinations of code, scope and model whose last call is remembered; beyond it all are forgotten. */
const COOLING_MAX = 10_000;

/** Calls the hook, not too often, and bears what it throws. */
class Hook {
  readonly #call: IntegrityOptions['onFinding'];
  readonly #coolDownMs: number;
  readonly #calledMs = new Map<string, number>();
  failed = 0;

  constructor({ onFinding, coolDownMs }: Pick<IntegrityOptions, 'onFinding' | 'coolDownMs'>) {
    this.#call = onFinding;
    this.#coolDownMs = coolDownMs;
  }

  tell(finding: IntegrityFinding): void {
    if (!this.#call || !isAlarming(finding)) return;
    const key = [finding.code, finding.scope, finding.model].join('\n');
    const lastMs = this.#calledMs.get(key);
    // A clock that was set back must not silence the hook for long.
    if (lastMs !== undefined && Math.abs(finding.atMs - lastMs) < this.#coolDownMs) return;
    if (this.#calledMs.size >= COOLING_MAX) this.#calledMs.clear();
    this.#calledMs.set(key, finding.atMs);
    const fail = (): void => {
      this.failed += 1;
    };
    try {
      void Promise.resolve(this.#call(finding)).catch(fail);
    } catch {
      fail();
    }
  }
}

/**
 * Is what is billed what the model of the cache says? Judges every request by its own prediction, so it knows of time
 * (an entry about to expire), of other writers (more is read than we wrote) and of estimates (the tolerance).
 *
 * @example
 * const watch = integrity({ onFinding: ({ sentence }) => page(sentence) });
 * for await (const record of ledger.export()) watch.check(record);
 * watch.totals(); // { checked: 1204, fitting: 1198, counts: [{ code: 'read_less', ... }], ... }
 */
export function integrity(options: Partial<IntegrityOptions> = {}): Integrity {
  const settings: IntegrityOptions = {
    ...defaultTolerance,
    ...defaultDriftLimits,
    onFinding: null,
    coolDownMs: 60_000,
    findingsMax: 1_000,
    ...options,
  };
  const drift = new DriftWatch(settings);
  const hook = new Hook(settings);
  const counts = new Map<IntegrityCode, { requests: number; unexplained: number }>();
  let findings: IntegrityFinding[] = [];
  let fitting = 0;
  let differing = 0;

  const keep = (finding: IntegrityFinding): void => {
    const known = counts.get(finding.code) ?? { requests: 0, unexplained: 0 };
    known.requests += 1;
    if (isAlarming(finding)) known.unexplained += 1;
    counts.set(finding.code, known);
    findings.push(finding);
    if (findings.length > settings.findingsMax * 1.1) findings = findings.slice(-settings.findingsMax);
    hook.tell(finding);
  };

  return {
    check(record) {
      const drifted = drift.observe(record);
      if (drifted) keep(drifted);
      const finding = judgeRecord(record, settings);
      if (!finding) {
        if (canBeJudged(record)) fitting += 1;
        return drifted;
      }
      differing += 1;
      keep(finding);
      return finding;
    },
    list: (limit) => findings.slice(-Math.min(limit, settings.findingsMax) || findings.length).toReversed(),
    totals: () => ({
      checked: fitting + differing,
      fitting,
      counts: [...counts].map(([code, sums]) => ({ code, ...sums })),
      estimates: drift.ratios(),
      failedHooks: hook.failed,
    }),
  };
}
