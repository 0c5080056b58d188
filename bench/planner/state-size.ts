import { LearnedPlanner, type PlannedRequest } from '../../src/planner/index.ts';

/** What a planner that has seen many conversations takes, beside what it holds. */
export interface StateSize {
  readonly nodes: number;
  readonly blocks: number;
  /** Heap and typed arrays, classes of requests included. */
  readonly bytesPerNode: number;
}

/** How long a copy of all that a planner holds keeps others waiting, in ms of the clock. */
export interface SnapshotTimes {
  readonly nodes: number;
  readonly bytes: number;
  /** To copy all at once. */
  readonly wholeMs: readonly number[];
  /** To begin a copy in slices: what is small is copied then, and memory is asked for. */
  readonly beginMs: readonly number[];
  /** All slices of all copies. */
  readonly sliceMs: readonly number[];
}

const APPLICATIONS = 20;
const LAYER_BLOCKS = 23;
const TURNS = 4;
const BLOCKS_A_TURN = 3;
const PRICES = { read: 0.1, write5m: 1.25, write1h: 2, minCacheableTokens: 1024 };

function collectExposed(): void {
  if (!globalThis.gc) throw new Error('run with --expose-gc');
  globalThis.gc();
}

/** Bytes of the heap and of typed arrays after everything unreachable is gone. */
function bytesInUse(collectGarbage: () => void): number {
  for (let round = 0; round < 3; round += 1) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** One turn of a conversation: its application's layers, then blocks of its own. */
function turnOf(conversation: number, turn: number, atMs: number): PlannedRequest {
  const application = conversation % APPLICATIONS;
  const length = LAYER_BLOCKS + (turn + 1) * BLOCKS_A_TURN;
  const keys = Array.from({ length }, (_, at) =>
    at < LAYER_BLOCKS ? 1 + application * 1000 + at : 1e6 + conversation * 1000 + at,
  );
  const cumulativeTokens = keys.map((_, at) => (at + 1) * 200);
  return {
    atMs,
    length,
    keys,
    cumulativeTokens,
    cumulativeHighTokens: cumulativeTokens,
    positions: keys.map((_, at) => at),
    layers: [
      { place: 'tools-end', length: 20 },
      { place: 'system-end', length: LAYER_BLOCKS },
    ],
    newest: 'tool',
    tail: 'plain',
    application,
    prices: PRICES,
    lookbackPositions: 20,
    canMark: () => true,
  };
}

const AT_ONCE = 100;

/** Conversations of four turns each, some at a time; gives the time of the last. */
function converse(planner: LearnedPlanner, conversations: number): number {
  let atMs = 1_000_000;
  for (let first = 0; first < conversations; first += AT_ONCE)
    for (let turn = 0; turn < TURNS; turn += 1)
      for (let conversation = first; conversation < first + AT_ONCE; conversation += 1) {
        atMs += 20;
        const plan = planner.plan(turnOf(conversation, turn, atMs));
        planner.begin(planner.sent(plan, plan.breakpoints), atMs + 5);
      }
  return atMs;
}

/**
 * What a planner holds after so many conversations. Another has run before: compiled code is nothing that it holds.
 *
 * @throws Error without a collector of garbage
 */
export function measureState(conversations: number, collectGarbage: () => void = collectExposed): StateSize {
  converse(new LearnedPlanner(), conversations / 10);
  const before = bytesInUse(collectGarbage);
  const planner = new LearnedPlanner();
  converse(planner, conversations);
  const taken = bytesInUse(collectGarbage) - before;
  return { nodes: planner.size, blocks: planner.blockCount, bytesPerNode: taken / planner.size };
}

/** Copies what a planner holds after so many conversations, at once and in slices between which others are planned. */
export function measureSnapshots(conversations: number, rounds: number): SnapshotTimes {
  const planner = new LearnedPlanner();
  let atMs = converse(planner, conversations);
  const timed = <Result>(steps: number[], work: () => Result): Result => {
    const from = performance.now();
    const result = work();
    steps.push(performance.now() - from);
    return result;
  };
  let bytes = 0;
  const wholeMs: number[] = [];
  const beginMs: number[] = [];
  const sliceMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    timed(wholeMs, () => planner.snapshot());
    const copy = timed(beginMs, () => planner.beginSnapshot());
    while (!timed(sliceMs, () => copy.copySlice())) {
      atMs += 20;
      planner.plan(turnOf((atMs * 7) % conversations, TURNS - 1, atMs));
    }
    bytes = copy.finish().length;
  }
  return { nodes: planner.size, bytes, wholeMs, beginMs, sliceMs };
}
