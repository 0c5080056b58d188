import { Baseline } from './baseline.ts';
import { Daily } from './daily.ts';
import { SCALES, type AlertRule } from './rule.ts';

/** A turn of events in one series. */
export interface SeriesTurn {
  readonly state: 'firing' | 'recovered';
  readonly atMs: number;
  readonly value: number;
  /** What was usual before; null where only the limit counts. */
  readonly usual: number | null;
  readonly samples: number;
  /** Recovered only because what was bad has lasted for so long that it is usual now. */
  readonly isNewNormal: boolean;
}

interface Window {
  startMs: number;
  samples: number;
  numerator: number;
  denominator: number;
}

/** A window that does not fill in that time says nothing. */
const WINDOW_MAX_MS = 6 * 60 * 60_000;
/** What nobody could judge for so long is let go. */
const UNHEARD_MAX_MS = 24 * 60 * 60_000;
/** What is bad for longer is no job that comes and goes every day. */
const JOB_MAX_MS = 20 * 60 * 60_000;
/** What has been bad for so long is usual. */
const NEW_NORMAL_MS = 3 * 24 * 60 * 60_000;

/** One rule on one group of requests: windows, what is usual, and whether it is told. */
export class Series {
  readonly #rule: AlertRule;
  readonly #baseline = new Baseline();
  readonly #daily = new Daily();
  #window: Window | null = null;
  #bad = 0;
  #good = 0;
  #firing: SeriesTurn | null = null;
  #firingSinceMs = 0;
  #judgedMs = 0;
  #isTold = false;
  #toldMs = -Infinity;

  constructor(rule: AlertRule) {
    this.#rule = rule;
  }

  /** How it turned bad, while it is: also where that was not told, because it had been told just before. */
  get firing(): SeriesTurn | null {
    return this.#firing;
  }

  /** Adds one request; gives a turn where it closes a window that makes one. */
  add(atMs: number, numerator: number, denominator: number): SeriesTurn | null {
    const turn = this.tick(atMs);
    this.#window ??= { startMs: atMs, samples: 0, numerator: 0, denominator: 0 };
    this.#window.samples += 1;
    this.#window.numerator += SCALES[this.#rule.signal].toSum(numerator);
    this.#window.denominator += denominator;
    return turn;
  }

  /** Closes the window when it is time. */
  tick(nowMs: number): SeriesTurn | null {
    const window = this.#window;
    if (!window) return this.#letGo(nowMs);
    const ageMs = nowMs - window.startMs;
    const isOver = ageMs >= this.#rule.windowMs && window.samples >= this.#rule.samplesMin;
    // A clock that was set back must not keep a window open for ever.
    const isStale = ageMs >= WINDOW_MAX_MS || ageMs < 0;
    if (!isOver && !isStale) return null;
    this.#window = null;
    // Nobody asked for long: it is about the time at which it was full.
    const judgedMs = isStale ? window.startMs + this.#rule.windowMs : nowMs;
    return isOver && window.denominator > 0 ? this.#judge(window, judgedMs) : this.#letGo(nowMs);
  }

  /** What is not asked for any more is not bad for ever. */
  #letGo(nowMs: number): SeriesTurn | null {
    if (!this.#firing || nowMs - this.#judgedMs < UNHEARD_MAX_MS) return null;
    return this.#recover({ ...this.#firing, atMs: nowMs, samples: 0 });
  }

  #recover(turn: SeriesTurn): SeriesTurn | null {
    this.#firing = null;
    this.#bad = 0;
    return this.#isTold ? { ...turn, state: 'recovered' } : null;
  }

  /** Tells it, unless it was told just before: then once that is long enough ago. */
  #fire(turn: SeriesTurn): SeriesTurn | null {
    this.#firing = turn;
    this.#isTold = turn.atMs - this.#toldMs >= this.#rule.coolDownMs;
    if (!this.#isTold) return null;
    this.#toldMs = turn.atMs;
    return turn;
  }

  #isBad(value: number, atMs: number): boolean {
    const { limit, change, deviations, direction } = this.#rule;
    const sign = direction === 'rise' ? 1 : -1;
    if (limit !== null && sign * (value - limit) > 0) return true;
    const { mean } = this.#baseline;
    if (change === null || mean === null) return false;
    const isFar = sign * (value - mean) >= change * Math.abs(mean) && mean !== 0;
    if (!isFar || sign * this.#baseline.deviationsOf(value) < deviations) return false;
    return !this.#daily.isUsual(atMs, sign * value, change);
  }

  #judge(window: Window, atMs: number): SeriesTurn | null {
    const mean = window.numerator / window.denominator;
    const value = SCALES[this.#rule.signal].fromMean(mean);
    const isBad = this.#isBad(value, atMs);
    if (!this.#firing || atMs - this.#firingSinceMs < JOB_MAX_MS)
      this.#daily.learn(atMs, this.#rule.direction === 'rise' ? value : -value);
    this.#bad = isBad ? this.#bad + 1 : 0;
    this.#good = isBad ? 0 : this.#good + 1;
    const usual = this.#baseline.mean;
    const turn = {
      state: 'firing',
      atMs,
      value,
      usual,
      samples: window.samples,
      isNewNormal: false,
    } as const;
    this.#judgedMs = atMs;
    // What is bad does not become usual by being there, unless it stays.
    if (!isBad) this.#baseline.learn(value);
    if (!this.#firing) {
      if (this.#bad < this.#rule.windowsPending) return null;
      this.#firingSinceMs = atMs;
      return this.#fire(turn);
    }
    const isNewNormal = this.#rule.limit === null && atMs - this.#firingSinceMs >= NEW_NORMAL_MS;
    if (isNewNormal) this.#baseline.restart(value);
    if (isNewNormal || this.#good >= this.#rule.windowsPending)
      return this.#recover({ ...turn, isNewNormal });
    return this.#isTold || !isBad ? null : this.#fire(turn);
  }
}
