/** Ages at which uses are judged, in ms: within the first an entry of five minutes still lives, within the last one of an hour. */
export const AGES_MS: readonly number[] = [300_000, 600_000, 1_200_000, 2_400_000, 3_600_000];

/**
 * How soon uses came back, as a life table: for each span of age, how many uses got through it or came back in it, how
 * many of them came back, and how many are in it now, neither back nor through.
 */
export interface ReuseCounts {
  readonly judged: number[];
  readonly back: number[];
  readonly open: number[];
}

/** Probability that the next use comes while an entry of each TTL still lives. */
export interface ReuseChance {
  readonly within5m: number;
  readonly within1h: number;
}

/** Share that comes back in each span of those still waiting, where nothing is known: 45 % in five minutes, half in an hour. */
const PRIOR: readonly number[] = [0.45, 0.02, 0.02, 0.02, 0.02];

/** As many uses as what is known of the wider class weighs against a class's own. */
const PRIOR_WEIGHT = 5;

/** Each use weighs this much of the one after it, so that habits may change. */
const FADING = 0.995;

export function noCounts(): ReuseCounts {
  return { judged: [0, 0, 0, 0, 0], back: [0, 0, 0, 0, 0], open: [0, 0, 0, 0, 0] };
}

/** A use enters a span. */
export function enterSpan({ open }: ReuseCounts, span: number): void {
  open[span] = (open[span] ?? 0) + 1;
}

/** A use that was in a span came back, or got through it. */
export function leaveSpan({ judged, back, open }: ReuseCounts, span: number, isBack: boolean): void {
  open[span] = (open[span] ?? 0) - 1;
  judged[span] = (judged[span] ?? 0) * FADING + 1;
  back[span] = (back[span] ?? 0) * FADING + (isBack ? 1 : 0);
}

/** The same where the request itself gives reason to doubt: just too few to be written without experience. */
const DOUBTFUL_PRIOR: readonly number[] = [0.19, 0.01, 0.01, 0.01, 0.01];

/** Share that comes back in a span of those that wait, as classes from the widest to the narrowest say together. */
function hazardOf(classes: readonly ReuseCounts[], span: number, prior: number): number {
  let hazard = prior;
  for (const { judged, back, open } of classes) {
    // Who is in the span now has been so for half of it on average.
    const atRisk = (judged[span] ?? 0) + (open[span] ?? 0) / 2;
    hazard = ((back[span] ?? 0) + PRIOR_WEIGHT * hazard) / (atRisk + PRIOR_WEIGHT);
  }
  return hazard;
}

/** Probability that a use comes back within five minutes. */
export function chanceWithin5m(classes: readonly ReuseCounts[]): number {
  return hazardOf(classes, 0, PRIOR[0] ?? 0);
}

/** When a use comes back: each class, from the widest to the narrowest, corrects the one before by its own uses. */
export function reuseChance(classes: readonly ReuseCounts[], isDoubtful = false): ReuseChance {
  const prior = isDoubtful ? DOUBTFUL_PRIOR : PRIOR;
  let gone = 1;
  let within5m = 0;
  for (let span = 0; span < AGES_MS.length; span += 1) {
    gone *= 1 - hazardOf(classes, span, prior[span] ?? 0);
    if (span === 0) within5m = 1 - gone;
  }
  return { within5m, within1h: 1 - gone };
}
