import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  billTokens,
  cacheStep,
  defaultCatalogue,
  emptyCacheState,
  resolveModel,
  standardPricing,
  sweepExpired,
  defaultCacheRules,
  type CacheState,
  type ModelFacts,
  type Ttl,
} from '../../core/index.ts';
import {
  CHANGE_INTERVAL_MS,
  layers,
  type ChangeWord,
  type Layer,
  type LayeredPrompt,
  type LayersOptions,
} from '../index.ts';

const effort = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const numRuns = Math.ceil(100 * effort);
const LATEST = standardPricing(Date.UTC(2027, 0, 1));
const TTL_HOURS: Readonly<Record<Ttl, number>> = { '5m': 1 / 12, '1h': 1 };

/** One layer as the search sees it. */
interface Piece {
  readonly tokens: number;
  readonly changesPerHour: number;
  readonly requestsPerHour: number;
  /** What the next request adds at its end. */
  readonly appendsTokens: number;
}

/** Breakpoints: at the end of which piece, and their TTL. */
type Placement = readonly (readonly [end: number, ttl: Ttl])[];

const HOURS: Readonly<Record<ChangeWord, number>> = {
  never: Infinity,
  monthly: 720,
  weekly: 168,
  daily: 24,
  hourly: 1,
  'per-session': 0.5,
  'per-turn': 1 / 30,
  'per-request': 0,
};

/** Every set of at most four ends, each with every split into 1h and then 5m. */
function allPlacements(ends: readonly number[]): readonly Placement[] {
  const sets = ends.reduce<number[][]>(
    (found, end) => [...found, ...found.filter((set) => set.length < 4).map((set) => [...set, end])],
    [[]],
  );
  return sets.flatMap((set) =>
    Array.from({ length: set.length + 1 }, (_, hours) =>
      set.map((end, at): readonly [number, Ttl] => [end, at < hours ? '1h' : '5m']),
    ),
  );
}

/**
 * The expected bill of a placement in pico-dollars, told in another way than the planner tells it: over what the
 * highest live entry is, each with its bill by the positions A, B and C (spec 4.5).
 */
function expectedBill(pieces: readonly Piece[], placement: Placement, facts: ModelFacts): number {
  const sum = (upTo: number, pick: (piece: Piece) => number): number =>
    pieces.slice(0, upTo + 1).reduce((total, piece) => total + pick(piece), 0);
  const tokensAt = (end: number): number => sum(end, (piece) => piece.tokens + piece.appendsTokens);
  const appended = (end: number): number => pieces[end]?.appendsTokens ?? 0;
  const isAlive = placement.map(([end, ttl]) => {
    const q = Math.min(...pieces.slice(0, end + 1).map((piece) => piece.requestsPerHour));
    const isGrown = pieces.slice(0, end).some((piece) => piece.appendsTokens > 0);
    const both = q + (isGrown ? Infinity : sum(end, (piece) => piece.changesPerHour));
    return q === 0 || both === Infinity ? 0 : (q / both) * (1 - Math.exp(-both * TTL_HOURS[ttl]));
  });
  const total = tokensAt(pieces.length - 1);
  const last1h = placement.findLast(([, ttl]) => ttl === '1h');
  const endC = tokensAt(placement.at(-1)?.[0] ?? -1);
  const bill = (hit: number): number => {
    const hitEnd = placement[hit]?.[0] ?? -1;
    // What was written last time ends before what is added this time.
    const a = tokensAt(hitEnd) - appended(hitEnd);
    const b = Math.max(a, last1h ? tokensAt(last1h[0]) : 0);
    const tokens = {
      readTokens: a,
      write1hTokens: b - a,
      write5mTokens: Math.max(b, endC) - b,
      uncachedTokens: total - Math.max(b, endC),
      outputTokens: 0,
    };
    return Number(billTokens(facts, tokens, LATEST).totalPicoUsd);
  };
  const shares = [1, ...isAlive, 0];
  return shares
    .slice(0, -1)
    .reduce((cost, share, index) => cost + (share - (shares[index + 1] ?? 0)) * bill(index - 1), 0);
}

/** Where a breakpoint may stand: long enough, and not twice at one place. */
function candidateEnds(pieces: readonly Piece[], facts: ModelFacts): readonly number[] {
  return [...pieces.keys()].filter((end) => {
    const tokens = pieces
      .slice(0, end + 1)
      .reduce((sum, piece) => sum + piece.tokens + piece.appendsTokens, 0);
    return (
      tokens >= facts.minCacheableTokens && (pieces[end]?.tokens ?? 0) + (pieces[end]?.appendsTokens ?? 0) > 0
    );
  });
}

function cheapest(pieces: readonly Piece[], facts: ModelFacts): number {
  const ends = candidateEnds(pieces, facts);
  return Math.min(...allPlacements(ends).map((placement) => expectedBill(pieces, placement, facts)));
}

/** The pieces of a prompt, in the order in which it was built; as long as measured, or else as estimated. */
function piecesOf(prompt: LayeredPrompt, declared: readonly Layer[], rate: number): readonly Piece[] {
  return prompt.plan.layers.map(({ name, tokens }) => {
    const layer = declared.find((each) => each.name === name);
    const changes = layer?.changes ?? 'never';
    const hours = typeof changes === 'number' ? changes / 3_600_000 : HOURS[changes];
    return {
      tokens: layer?.tokens ?? tokens,
      changesPerHour: 1 / hours,
      requestsPerHour: layer?.requestsPerHour ?? rate,
      appendsTokens: layer && 'appendsTokens' in layer ? (layer.appendsTokens ?? 0) : 0,
    };
  });
}

function placementOf(prompt: LayeredPrompt): Placement {
  const ends = new Map(prompt.plan.layers.map(({ name }, index) => [name, index]));
  return prompt.plan.breakpoints.map(({ layer, ttl }) => [ends.get(layer) ?? -1, ttl]);
}

const frequency = fc.oneof(
  fc.constantFrom(...(Object.keys(CHANGE_INTERVAL_MS) as ChangeWord[])),
  // Doubles of fast-check are mostly next to nothing; frequencies are even on a logarithmic scale.
  fc.integer({ min: 0, max: 300 }).map((power) => 1_000 * 1.08 ** power),
);
const content = fc.constantFrom('tools', 'system', 'documents', 'messages');
const declaredLayer = fc.record(
  {
    kind: content,
    changes: frequency,
    tokens: fc.oneof(fc.nat(2_000), fc.nat(60_000)),
    requestsPerHour: fc.nat(300),
    appendsTokens: fc.integer({ min: 1, max: 3_000 }),
    words: fc.nat(6_000),
  },
  { requiredKeys: ['kind', 'changes', 'words'] },
);
/** Tools have schemas, system and documents several blocks, messages turns: whatever is estimated where nothing is measured. */
const declaration = fc.array(declaredLayer, { minLength: 1, maxLength: 9 }).map((list) =>
  list.map(({ kind, appendsTokens = 0, words, ...rest }, index): Layer => {
    const name = `layer ${index}`;
    const text = `${name} ${'word '.repeat(rest.tokens === undefined ? words : 0)}`;
    const blocks = [name, text].map((each) => ({ type: 'text', text: each }));
    if (kind === 'tools')
      return { ...rest, name, tools: [{ name: `tool_${index}`, description: text, input_schema: {} }] };
    if (kind === 'system') return { ...rest, name, system: blocks };
    if (kind === 'documents') return { ...rest, name, documents: blocks };
    const turns = [
      { role: 'user', content: text },
      { role: 'assistant', content: blocks },
    ];
    return { ...rest, name, messages: turns, appendsTokens };
  }),
);
/** The shipped models, and the same with other minimums. */
const catalogue = fc
  .option(fc.oneof(fc.nat(9_000), fc.nat(90_000)), { nil: null })
  .map((minimum) =>
    minimum === null
      ? defaultCatalogue
      : defaultCatalogue.map((facts) => ({ ...facts, minCacheableTokens: minimum })),
  );
const setting = fc.record({
  model: fc.constantFrom(...defaultCatalogue.map(({ id }) => id)),
  catalogue,
  requestsPerHour: fc.oneof(
    fc.nat(40).map((quarters) => quarters / 4),
    fc.nat(2_000),
  ),
  order: fc.constantFrom<NonNullable<LayersOptions['order']>>('stable-first', 'cheapest', 'declared'),
});

describe('the plan for declared layers', () => {
  it('is expected to cost what the best of all placements and TTLs costs', () => {
    const found = { none: 0, one: 0, several: 0, four: 0, moreThanFourPlaces: 0 };
    fc.assert(
      fc.property(declaration, setting, (declared, options) => {
        const prompt = layers(options).build(declared);
        const { facts } = resolveModel(options.model, options.catalogue);
        const pieces = piecesOf(prompt, declared, options.requestsPerHour);
        const best = cheapest(pieces, facts) / 1e12;
        const { costUsd } = prompt.plan.expected;
        const ownCostUsd = expectedBill(pieces, placementOf(prompt), facts) / 1e12;
        expect(Math.abs(costUsd - best)).toBeLessThanOrEqual(1e-9 * best);
        expect(Math.abs(ownCostUsd - best)).toBeLessThanOrEqual(1e-9 * best);
        const places = candidateEnds(pieces, facts);
        if (places.length > 4) found.moreThanFourPlaces += 1;
        const { length } = prompt.plan.breakpoints;
        found[length === 0 ? 'none' : length === 1 ? 'one' : length < 4 ? 'several' : 'four'] += 1;
      }),
      { numRuns },
    );
    // Enough random prompts must put the planner to a choice for the search to mean anything.
    expect(found.several + found.four).toBeGreaterThan(numRuns / 10);
    expect(found.moreThanFourPlaces).toBeGreaterThan(numRuns / 5);
  });
});

/** Plays Poisson requests and changes through the cache and gives the mean bill of a request. */
function playedCost(
  pieces: readonly Piece[],
  placement: Placement,
  facts: ModelFacts,
  requests: number,
  random: () => number,
): number {
  const wait = (perHour: number): number => (perHour === 0 ? Infinity : -Math.log(1 - random()) / perHour);
  const versions = pieces.map(() => 0);
  const nextChange = pieces.map((piece) => wait(piece.changesPerHour));
  let state: CacheState = emptyCacheState;
  let hours = 0;
  let paid = 0;
  for (let request = 0; request < requests; request += 1) {
    hours += wait(pieces[0]?.requestsPerHour ?? 1);
    for (const [index, piece] of pieces.entries()) {
      if ((nextChange[index] ?? Infinity) > hours && piece.changesPerHour !== Infinity) continue;
      versions[index] = request + 1;
      nextChange[index] = hours + wait(piece.changesPerHour);
    }
    const cumulativeTokens = pieces.map((_, end) =>
      pieces.slice(0, end + 1).reduce((sum, piece) => sum + piece.tokens, 0),
    );
    const startMs = hours * 3_600_000;
    const [outcome, next] = cacheStep(
      state,
      {
        partition: 'played',
        prefixIds: pieces.map((_, end) => versions.slice(0, end + 1).join('.')),
        cumulativeTokens,
        positions: pieces.map((_, index) => index),
        breakpoints: placement.map(([blockIndex, ttl]) => ({ blockIndex, ttl, origin: 'explicit' })),
        minCacheableTokens: facts.minCacheableTokens,
      },
      { startMs, readyMs: startMs },
    );
    state = request % 50 === 0 ? sweepExpired(next, startMs, defaultCacheRules) : next;
    paid += Number(billTokens(facts, { ...outcome, outputTokens: 0 }, LATEST).totalPicoUsd);
  }
  return paid / requests / 1e12;
}

describe('the expected cost', () => {
  it('is the mean bill of requests and changes that come at random', () => {
    const { facts } = resolveModel('claude-sonnet-5');
    const cases: readonly (readonly [number, readonly Layer['changes'][]])[] = [
      [60, ['never', 'daily', 'hourly', 'per-request']],
      [6, ['daily', 'hourly', 'per-session', 'per-request']],
      [20, ['never', 'per-session', 'per-turn']],
      [1, ['weekly', 'hourly']],
    ];
    for (const [requestsPerHour, frequencies] of cases) {
      const declared = frequencies.map((changes, index): Layer => {
        const text = `layer ${index}`;
        return { name: text, changes, tokens: 1_500 * (index + 1), system: text };
      });
      const prompt = layers({ model: facts.id, requestsPerHour }).build(declared);
      const pieces = piecesOf(prompt, declared, requestsPerHour);
      let seed = 7;
      const random = (): number => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        return seed / 2 ** 32;
      };
      const played = playedCost(pieces, placementOf(prompt), facts, 8_000, random);
      expect(Math.abs(played / prompt.plan.expected.costUsd - 1)).toBeLessThan(0.03);
    }
  });
});
