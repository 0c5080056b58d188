import { seededRandom } from '../../src/runtime/index.ts';
import { theoryPrices, type SimulationPrices } from '../../src/replay/prices.ts';
import { generateWorkload } from '../../src/replay/synthetic/index.ts';
import { NO_PREFIX, TraceBuilder, type Trace } from '../../src/replay/trace/index.ts';

type Params = Readonly<Record<string, number>>;

/** How a client marks its own requests. */
export const CLIENTS = [
  'none',
  'automatic-5m',
  'system-5m',
  'system+last-5m',
  'always-1h',
  'article',
] as const;

/** Traffic made by chance, and the client that it comes from. */
export interface RandomWorkload {
  readonly description: string;
  readonly trace: Trace;
  readonly prices: SimulationPrices;
  readonly client: (typeof CLIENTS)[number];
}

/** Chance in the shapes that are needed here. */
class Chance {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  whole(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  /** Every order of magnitude is as likely. */
  scale(least: number, most: number): number {
    return least * (most / least) ** this.random();
  }

  wholeScale(least: number, most: number): number {
    return Math.round(this.scale(least, most));
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.random() * list.length)] ?? list[0];
  }
}

/** Seconds between two requests of a job; many are just beyond a TTL. */
const PERIODS = [
  20, 100, 240, 290, 301, 305, 330, 400, 600, 1200, 3500, 3601, 3700, 4200, 5400, 9000,
] as const;

/** A generator with parameters that give about so many requests. */
type Recipe = (chance: Chance, count: number) => readonly [name: string, params: Params];

const RECIPES: readonly [Recipe, ...Recipe[]] = [
  (chance, count) => {
    const rate = chance.scale(0.3, 400);
    const prefix = chance.wholeScale(600, 60_000);
    return ['poisson-6', { rate, hours: (1.3 * count) / rate, prefix, suffix: chance.wholeScale(20, 3000) }];
  },
  (chance, count) => {
    const period = chance.pick(PERIODS);
    const jitter = chance.pick([0, 0.001, 0.01, 0.05, 0.3]);
    const prefix = chance.wholeScale(600, 60_000);
    return ['cadence-4min', { period, hours: (1.1 * count * period) / 3600, prefix, jitter }];
  },
  (chance, count) => {
    const rate = chance.scale(5, 3000);
    const system = chance.wholeScale(500, 30_000);
    const tools = chance.wholeScale(200, 20_000);
    const alpha = chance.scale(0.3, 2);
    const hours = (1.3 * count) / rate;
    return ['zipf-tenants', { rate, hours, system, tools, alpha, tenants: chance.wholeScale(2, 200) }];
  },
  (chance, count) => {
    const rate = chance.scale(0.3, 100);
    const turns = chance.scale(1, 20);
    const hours = (2 * count) / rate / turns;
    const think = chance.scale(5, 3000);
    return [
      'chats',
      { rate, hours, turns, think, sigma: chance.scale(0.1, 2), system: chance.wholeScale(300, 30_000) },
    ];
  },
  (chance, count) => {
    const rate = chance.scale(0.3, 30);
    const leastTurns = chance.whole(1, 20);
    const mostTurns = leastTurns + chance.whole(0, 40);
    const hours = (3 * count) / rate / (leastTurns + mostTurns);
    return [
      'agents',
      {
        rate,
        hours,
        leastTurns,
        mostTurns,
        approval: chance.scale(0.005, 0.5),
        system: chance.wholeScale(300, 30_000),
      },
    ];
  },
  (chance, count) => {
    const rate = chance.scale(3, 1000);
    const documents = chance.wholeScale(3, 1000);
    const retrieved = Math.min(documents, chance.whole(1, 3));
    return [
      'rag',
      {
        rate,
        hours: count / rate,
        documents,
        retrieved,
        alpha: chance.scale(0.1, 2),
        system: chance.wholeScale(300, 10_000),
      },
    ];
  },
  (chance, count) => {
    const tenants = chance.whole(1, 20);
    return [
      'office-bursts',
      { tenants, days: Math.ceil(count / tenants / 20), system: chance.wholeScale(500, 50_000) },
    ];
  },
  (chance, count) => {
    const width = chance.whole(2, 30);
    const rate = chance.scale(0.3, 60);
    return [
      'fan-out',
      { width, rate, hours: (1.2 * count) / rate / width, system: chance.wholeScale(500, 50_000) },
    ];
  },
  (chance, count) => {
    const prefixes = chance.wholeScale(20, 2000);
    const branching = chance.whole(2, 6);
    const hours = chance.scale(0.5, 300);
    return ['large', { requests: count, prefixes, branching, hours, alpha: chance.scale(0.2, 1.5) }];
  },
];

/** One piece of a workload: the generator's trace, put under a root, from a time on. */
interface Piece {
  readonly trace: Trace;
  readonly root: number;
  readonly fromMs: number;
  readonly countMax: number;
  /** Requests of the pieces before: keeps blocks and conversations apart. */
  readonly offset: number;
}

const KEYS_OF_PIECE = 10_000_000;

/** Copies a piece; first blocks with the same number under the same root are the same prefix. Gives its end. */
function copyPiece(builder: TraceBuilder, { trace, root, fromMs, countMax, offset }: Piece): number {
  const { trie, requests } = trace;
  const ids = new Map<number, number>([[NO_PREFIX, NO_PREFIX]]);
  const copy = (id: number): number => {
    const known = ids.get(id);
    if (known !== undefined) return known;
    const parent = trie.parents[id] ?? NO_PREFIX;
    const own =
      (trie.cumulativeTokens[id] ?? 0) - (parent === NO_PREFIX ? 0 : (trie.cumulativeTokens[parent] ?? 0));
    const isFirst = parent === NO_PREFIX;
    const made = builder.intern(
      isFirst ? root : copy(parent),
      isFirst ? id : KEYS_OF_PIECE + offset * KEYS_OF_PIECE + id,
      own,
    );
    ids.set(id, made);
    return made;
  };
  let endMs = fromMs;
  for (let request = 0; request < Math.min(countMax, requests.count); request += 1) {
    const startMs = fromMs + (requests.startMs[request] ?? 0);
    const systemEnd = copy(requests.systemEnds[request] ?? NO_PREFIX);
    builder.add({
      startMs,
      timeToFirstTokenMs: requests.timeToFirstTokenMs[request] ?? 0,
      prefixId: copy(requests.prefixIds[request] ?? NO_PREFIX),
      tailTokens: requests.tailTokens[request] ?? 0,
      toolsEnd: copy(requests.toolsEnds[request] ?? NO_PREFIX),
      systemEnd,
      documentsEnd: copy(requests.documentsEnds[request] ?? NO_PREFIX),
      conversation: offset * 100_000 + (requests.conversations[request] ?? 0),
      application: systemEnd,
      kind: requests.kinds[request] === 1 ? 'tool' : 'user',
    });
    endMs = startMs;
  }
  return endMs;
}

const REQUESTS_LEAST = 1000;

/**
 * Traffic by chance: generators of `replay` side by side, with random rates, sizes and prices; habits of some change half
 * way, on the same prefixes. At least 1,000 requests.
 */
export function randomWorkload(seed: number): RandomWorkload {
  const chance = new Chance(seed);
  const builder = new TraceBuilder();
  const names: string[] = [];
  const parts = chance.whole(1, 4);
  let pieces = 0;
  for (let part = 0; part < parts || builder.requestCount < REQUESTS_LEAST; part += 1) {
    const root = builder.root(`part ${part}`);
    const count = Math.ceil(chance.scale(1.05, 2) * (REQUESTS_LEAST / parts));
    const habits = chance.random() < 0.4 ? 2 : 1;
    let fromMs = 0;
    for (let habit = 0; habit < habits; habit += 1) {
      const [name, params] = chance.pick(RECIPES)(chance, Math.ceil(count / habits));
      const trace = generateWorkload(name, { ...params, seed: chance.whole(1, 1_000_000) });
      names.push(
        `${name}(${Object.entries(params)
          .map(([key, value]) => `${key}=${Number(value.toPrecision(3))}`)
          .join(' ')})${habit > 0 ? ' later' : ''}`,
      );
      fromMs = copyPiece(builder, {
        trace,
        root,
        fromMs,
        countMax: Math.ceil(count / habits),
        offset: pieces,
      });
      pieces += 1;
    }
  }
  const trace = builder.finish({ name: `random ${seed}`, format: 'synthetic', hasLookbackLimit: true });
  const prices = {
    ...theoryPrices,
    read: chance.pick([0.1, 0.05, 0.025]),
    minCacheableTokens: chance.pick([512, 1024, 2048, 4096]),
  };
  const client = chance.pick([...CLIENTS]);
  const description = `seed ${seed}: ${names.join(' + ')}; read ${prices.read}, minimum ${prices.minCacheableTokens}, client ${client}`;
  return { description, trace, prices, client };
}
