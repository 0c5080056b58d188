/** What a time to first token depends on. */
export interface FirstTokenClass {
  readonly model: string;
  /** Tokens that are not read from the cache: they have to be worked through. */
  readonly freshTokens: number;
  /** An answer that is no stream begins when it is complete. */
  readonly isStream: boolean;
}

/** Deadlines of waiting: before anything is learned, and after. */
const UNLEARNED_MS = 30_000;
const LEARNED_MAX_MS = 10_000;
/** A shorter deadline would save nobody anything, and end by chance. */
const LEARNED_MIN_MS = 1_000;

/** Bounds of the histogram's first bin, and how much wider each next one is. */
const FIRST_BIN_MS = 10;
const BIN_RATIO = 1.1;
const BINS = 120;
/** Past so many times of one class all are counted half: services change. */
const COUNT_MAX = 2_000;
/** From so few times nothing can be said of the slowest hundredth: they get twice the longest. */
const FEW = 20;
const CLASSES_MAX = 500;

interface Times {
  readonly bins: Float64Array;
  count: number;
}

function binOf(durationMs: number): number {
  const bin = Math.ceil(Math.log(Math.max(durationMs, FIRST_BIN_MS) / FIRST_BIN_MS) / Math.log(BIN_RATIO));
  return Math.min(BINS - 1, bin);
}

function endOfBin(bin: number): number {
  return FIRST_BIN_MS * BIN_RATIO ** bin;
}

function nameOf({ model, freshTokens, isStream }: FirstTokenClass): string {
  const size = Math.floor(Math.log2(Math.max(1, freshTokens)));
  return `${isStream ? 'stream' : 'whole'} ${size} ${model}`;
}

function p99Of({ bins, count }: Times): number {
  let above = 0;
  let bin = BINS - 1;
  for (; bin > 0; bin -= 1) {
    above += bins[bin] ?? 0;
    if (above > count * 0.01) break;
  }
  return endOfBin(bin) * (count < FEW ? 2 : 1);
}

/** Times to first token by model, size and kind of answer, in histograms of bounded size; says how long waiting makes sense. */
export class FirstTokenTimes {
  readonly #classes = new Map<string, Times>();

  observe(of: FirstTokenClass, durationMs: number): void {
    const name = nameOf(of);
    const times = this.#classes.get(name) ?? { bins: new Float64Array(BINS), count: 0 };
    // The one that was not used for longest goes first.
    this.#classes.delete(name);
    this.#classes.set(name, times);
    const [oldest] = this.#classes.keys();
    if (this.#classes.size > CLASSES_MAX && oldest !== undefined) this.#classes.delete(oldest);
    const bin = binOf(durationMs);
    times.bins[bin] = (times.bins[bin] ?? 0) + 1;
    times.count += 1;
    if (times.count > COUNT_MAX) halve(times);
  }

  /** How long to wait for a response of a class to begin, in ms: 30 s until it is known, then its p99, from 1 to 10 s. */
  limitMs(of: FirstTokenClass): number {
    const times = this.#timesOf(of);
    if (!times) return UNLEARNED_MS;
    return Math.min(LEARNED_MAX_MS, Math.max(LEARNED_MIN_MS, p99Of(times)));
  }

  /** The longest that a request may wait in all, for one writer after another. */
  totalLimitMs(of: FirstTokenClass): number {
    return this.#timesOf(of) ? LEARNED_MAX_MS : UNLEARNED_MS;
  }

  /** The first token of an answer that is no stream is not seen; where it is known of streams, it comes as soon. */
  #timesOf(of: FirstTokenClass): Times | undefined {
    return this.#classes.get(nameOf({ ...of, isStream: true })) ?? this.#classes.get(nameOf(of));
  }
}

function halve(times: Times): void {
  for (let bin = 0; bin < BINS; bin += 1) times.bins[bin] = (times.bins[bin] ?? 0) / 2;
  times.count /= 2;
}
