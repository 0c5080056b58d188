import { logNormal, uniformInteger, ZipfRanks } from './distributions.ts';
import {
  defineWorkload,
  drawTimeToFirstTokenMs,
  HOUR_MS,
  MINUTE_MS,
  poissonTimes,
  SECOND_MS,
  type Filling,
  type Workload,
} from './workload.ts';

/** Tokens that a model writes a second. */
const OUTPUT_TOKENS_PER_SECOND = 60;

const TURNS_MAX = 60;
const SYSTEM_KEY = 0;

/** Appends blocks that no other conversation has: keys count up over the whole workload. */
class OwnBlocks {
  readonly #target: Filling;
  #key = 1;

  constructor(target: Filling) {
    this.#target = target;
  }

  append(parent: number, tokens: number): number {
    this.#key += 1;
    return this.#target.builder.intern(parent, this.#key, tokens);
  }
}

function drawTurns(target: Filling, meanTurns: number): number {
  let turns = 1;
  while (target.random() > 1 / meanTurns && turns < TURNS_MAX) turns += 1;
  return turns;
}

export const chats: Workload = defineWorkload({
  summary: 'chats: log-normal thinking time between turns, a geometric number of turns',
  defaults: { seed: 3, rate: 20, hours: 24, system: 4000, turns: 8, think: 90, sigma: 1.3 },
  fill(target, { rate, hours, system, turns, think, sigma }) {
    const { builder, random, root } = target;
    const own = new OwnBlocks(target);
    const systemEnd = builder.intern(root, SYSTEM_KEY, system);
    let conversation = 0;
    for (const chatMs of poissonTimes(random, rate, hours * HOUR_MS)) {
      let startMs = chatMs;
      let end = systemEnd;
      for (let left = drawTurns(target, turns); left > 0 && startMs <= hours * HOUR_MS; left -= 1) {
        const prefixId = own.append(end, uniformInteger(random, 40, 400));
        const outputTokens = uniformInteger(random, 100, 900);
        const timeToFirstTokenMs = drawTimeToFirstTokenMs(random, builder.cumulativeTokens(prefixId));
        const row = { startMs, timeToFirstTokenMs, prefixId, outputTokens, systemEnd, conversation };
        builder.add({ ...row, stop: 'end_turn' });
        end = own.append(prefixId, outputTokens);
        const answerMs = timeToFirstTokenMs + (outputTokens / OUTPUT_TOKENS_PER_SECOND) * SECOND_MS;
        startMs += answerMs + SECOND_MS * logNormal(random, think, sigma);
      }
      conversation += 1;
    }
  },
});

/** What an agent's turn adds: pairs of a call and its result, now and then more than a lookback spans. */
function appendToolCalls(target: Filling, own: OwnBlocks, from: number, outputTokens: number): number {
  const { random } = target;
  const calls = random() < 0.05 ? uniformInteger(random, 11, 15) : uniformInteger(random, 1, 2);
  let end = from;
  for (let call = 0; call < calls; call += 1) {
    end = own.append(end, Math.max(20, Math.floor(outputTokens / calls)));
    const resultTokens = Math.floor(logNormal(random, 700, 1));
    end = own.append(end, Math.floor(resultTokens / (calls < 5 ? 1 : 3)) + 20);
  }
  return end;
}

function runAgent(target: Filling, own: OwnBlocks, run: AgentRun): void {
  const { builder, random } = target;
  const { systemEnd, conversation, endMs, approval } = run;
  let startMs = run.startMs;
  let prefixId = own.append(systemEnd, run.taskTokens);
  let kind: 'user' | 'tool' = 'user';
  for (let left = run.turns; left > 0 && startMs <= endMs; left -= 1) {
    const outputTokens = uniformInteger(random, 50, 600);
    const timeToFirstTokenMs = drawTimeToFirstTokenMs(random, builder.cumulativeTokens(prefixId));
    const row = { startMs, timeToFirstTokenMs, prefixId, outputTokens, systemEnd, conversation, kind };
    builder.add({ ...row, stop: left > 1 ? 'tool_use' : 'end_turn' });
    prefixId = appendToolCalls(target, own, prefixId, outputTokens);
    const isApproved = random() < approval;
    const waitSeconds = logNormal(random, 8, 1) + (isApproved ? logNormal(random, 600, 0.9) : 0);
    kind = isApproved ? 'user' : 'tool';
    startMs += timeToFirstTokenMs + (outputTokens / OUTPUT_TOKENS_PER_SECOND + waitSeconds) * SECOND_MS;
  }
}

interface AgentRun {
  readonly startMs: number;
  /** No turn starts after that. */
  readonly endMs: number;
  readonly systemEnd: number;
  readonly taskTokens: number;
  readonly turns: number;
  readonly conversation: number;
  /** Share of turns that wait for a person. */
  readonly approval: number;
}

export const agents: Workload = defineWorkload({
  summary: 'agent loops of 20 to 60 tool turns, seconds apart, now and then held up by a person',
  defaults: { seed: 4, rate: 6, hours: 24, system: 15_000, leastTurns: 20, mostTurns: 60, approval: 0.04 },
  fill(target, { rate, hours, system, leastTurns, mostTurns, approval }) {
    const { builder, random, root } = target;
    const own = new OwnBlocks(target);
    const systemEnd = builder.intern(root, SYSTEM_KEY, system);
    let conversation = 0;
    for (const startMs of poissonTimes(random, rate, hours * HOUR_MS)) {
      const turns = uniformInteger(random, leastTurns, mostTurns);
      const taskTokens = uniformInteger(random, 300, 3000);
      const endMs = hours * HOUR_MS * 1.5;
      runAgent(target, own, { startMs, endMs, systemEnd, taskTokens, turns, conversation, approval });
      conversation += 1;
    }
  },
});

const FOLLOW_UPS_MAX = 3;
const FOLLOW_UP_SHARE = 0.2;

/** Different documents, in the order of their numbers, so that common ones come first. */
function drawDocuments(target: Filling, ranks: ZipfRanks, count: number): readonly number[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(ranks.draw(target.random));
  return [...drawn].toSorted((a, b) => a - b);
}

function askAboutDocuments(target: Filling, own: OwnBlocks, session: DocumentSession): void {
  const { builder, random } = target;
  const { systemEnd, documentsEnd, conversation } = session;
  let startMs = session.startMs;
  let prefixId = own.append(documentsEnd, uniformInteger(random, 30, 200));
  for (let followUp = 0; followUp <= FOLLOW_UPS_MAX; followUp += 1) {
    const timeToFirstTokenMs = drawTimeToFirstTokenMs(random, builder.cumulativeTokens(prefixId));
    const row = { startMs, timeToFirstTokenMs, prefixId, systemEnd, documentsEnd, conversation };
    builder.add({ ...row, stop: 'end_turn' });
    if (random() > FOLLOW_UP_SHARE) return;
    prefixId = own.append(prefixId, uniformInteger(random, 100, 500));
    prefixId = own.append(prefixId, uniformInteger(random, 30, 200));
    startMs += 15 * SECOND_MS + logNormal(random, MINUTE_MS, 1);
  }
}

interface DocumentSession {
  readonly startMs: number;
  readonly systemEnd: number;
  readonly documentsEnd: number;
  readonly conversation: number;
}

/** Keys of documents are below those of a conversation's own blocks. */
const documentKey = (document: number): number => -1 - document;

export const rag: Workload = defineWorkload({
  summary: 'questions about a few retrieved documents, some more popular than others',
  defaults: { seed: 5, rate: 300, hours: 12, documents: 400, alpha: 1, retrieved: 3, system: 2500 },
  fill(target, { rate, hours, documents, alpha, retrieved, system }) {
    const { builder, random, root } = target;
    const own = new OwnBlocks(target);
    const ranks = new ZipfRanks(documents, alpha);
    const tokens = Array.from({ length: documents }, () => uniformInteger(random, 800, 2500));
    const systemEnd = builder.intern(root, SYSTEM_KEY, system);
    let conversation = 0;
    for (const startMs of poissonTimes(random, rate, hours * HOUR_MS)) {
      let documentsEnd = systemEnd;
      for (const document of drawDocuments(target, ranks, retrieved)) {
        documentsEnd = builder.intern(documentsEnd, documentKey(document), tokens[document] ?? 0);
      }
      askAboutDocuments(target, own, { startMs, systemEnd, documentsEnd, conversation });
      conversation += 1;
    }
  },
});
