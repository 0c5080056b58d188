import { LearnedPlanner, type PlannedRequest } from '../../src/planner/index.ts';

/** What a planner that has seen many conversations takes, beside what it holds. */
export interface StateSize {
  readonly nodes: number;
  readonly blocks: number;
  readonly bytesPerNode: number;
}

const APPLICATIONS = 20;
const LAYER_BLOCKS = 23;
const TURNS = 4;
const BLOCKS_A_TURN = 3;
const PRICES = { read: 0.1, write5m: 1.25, write1h: 2, minCacheableTokens: 1024 };

/** Bytes of the heap and of typed arrays after everything unreachable is gone. */
function bytesInUse(): number {
  if (!globalThis.gc) throw new Error('run with --expose-gc');
  for (let round = 0; round < 3; round += 1) globalThis.gc();
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

/** Plans conversations of four turns each, some at a time, and measures what the planner holds at the end. */
export function measureState(conversations: number): StateSize {
  const before = bytesInUse();
  const planner = new LearnedPlanner();
  const atOnce = 100;
  let atMs = 1_000_000;
  for (let first = 0; first < conversations; first += atOnce) {
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (let conversation = first; conversation < first + atOnce; conversation += 1) {
        atMs += 20;
        const plan = planner.plan(turnOf(conversation, turn, atMs));
        planner.begin(planner.sent(plan, plan.breakpoints), atMs + 5);
      }
    }
  }
  const taken = bytesInUse() - before;
  return { nodes: planner.size, blocks: planner.blockCount, bytesPerNode: taken / planner.size };
}
