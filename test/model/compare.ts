import type { EmulatorClient, Reply } from './emulator-client.ts';
import { memberOf, objectsIn } from './reference-json.ts';
import { ReferenceServer, type Answer, type CountAnswer, type Entry } from './reference.ts';
import type { Step } from './sequences.ts';

/** Where emulator and reference part. */
export interface Mismatch {
  step: number;
  expected: unknown;
  actual: unknown;
}

/** What a run of sequences has met; the check is empty where one of these stays 0. */
export interface Coverage {
  requests: number;
  counts: number;
  reads: number;
  writes5m: number;
  writes1h: number;
  uncached: number;
  refused: number;
  inFlightMisses: number;
  expiredMisses: number;
}

/** Nothing met yet. */
export function emptyCoverage(): Coverage {
  return {
    requests: 0,
    counts: 0,
    reads: 0,
    writes5m: 0,
    writes1h: 0,
    uncached: 0,
    refused: 0,
    inFlightMisses: 0,
    expiredMisses: 0,
  };
}

function cover(coverage: Coverage, answer: Answer): void {
  coverage.requests += 1;
  if (!answer.accepted) {
    coverage.refused += 1;
    return;
  }
  const { usage, notes } = answer;
  const { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h } = usage.cache_creation;
  coverage.reads += Number(usage.cache_read_input_tokens > 0);
  coverage.writes5m += Number(write5m > 0);
  coverage.writes1h += Number(write1h > 0);
  coverage.uncached += Number(usage.cache_read_input_tokens === 0 && usage.cache_creation_input_tokens === 0);
  coverage.inFlightMisses += Number(notes.wasInFlight);
  coverage.expiredMisses += Number(notes.wasExpired);
}

function pickUsage(reply: Reply): unknown {
  if (reply.status !== 200) return `status ${reply.status} ${JSON.stringify(memberOf(reply.body, 'error'))}`;
  const usage = memberOf(reply.body, 'usage');
  const creation = memberOf(usage, 'cache_creation');
  return {
    input_tokens: memberOf(usage, 'input_tokens'),
    cache_read_input_tokens: memberOf(usage, 'cache_read_input_tokens'),
    cache_creation_input_tokens: memberOf(usage, 'cache_creation_input_tokens'),
    cache_creation: {
      ephemeral_5m_input_tokens: memberOf(creation, 'ephemeral_5m_input_tokens'),
      ephemeral_1h_input_tokens: memberOf(creation, 'ephemeral_1h_input_tokens'),
    },
  };
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function compareAnswer(step: number, answer: Answer, reply: Reply): Mismatch | null {
  const actual = pickUsage(reply);
  if (!answer.accepted)
    return reply.status === 400 ? null : { step, expected: `refused: ${answer.reason}`, actual };
  return isSame(answer.usage, actual) ? null : { step, expected: answer.usage, actual };
}

function compareCount(step: number, answer: CountAnswer, reply: Reply): Mismatch | null {
  const actual =
    reply.status === 200
      ? memberOf(reply.body, 'input_tokens')
      : `status ${reply.status} ${JSON.stringify(memberOf(reply.body, 'error'))}`;
  if (!answer.accepted)
    return reply.status === 400 ? null : { step, expected: `refused: ${answer.reason}`, actual };
  return answer.inputTokens === actual ? null : { step, expected: answer.inputTokens, actual };
}

function listEntries(entries: readonly Partial<Entry>[], nowMs: number): string[] {
  return entries
    .filter(({ expiresMs = 0 }) => expiresMs > nowMs)
    .map(
      ({ tokens, ttl, readyMs = 0, expiresMs = 0 }) =>
        `${tokens} tokens ${ttl} ready ${readyMs - nowMs} expires ${expiresMs - nowMs}`,
    )
    .toSorted();
}

interface Pending {
  step: number;
  answer: Answer;
  reply: Promise<Reply>;
  beginsMs: number;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One sequence on both sides. */
class Comparison {
  readonly #client: EmulatorClient;
  readonly #reference: ReferenceServer = new ReferenceServer();
  readonly #coverage: Coverage;
  #pending: Pending[] = [];

  constructor(client: EmulatorClient, coverage: Coverage) {
    this.#client = client;
    this.#coverage = coverage;
  }

  async takeStep(step: Step, index: number): Promise<Mismatch | null> {
    if (step.kind === 'advance') return this.#advance(step.ms);
    const text = typeof step.body === 'string' ? step.body : JSON.stringify(step.body);
    if (step.kind === 'count') {
      this.#coverage.counts += 1;
      const reply = await this.#client.send('/v1/messages/count_tokens', text, step.workspace, 0);
      return compareCount(index, this.#reference.count(parse(text)), reply);
    }
    const { workspace, beginAfterMs } = step;
    const answer = this.#reference.request({ body: parse(text), workspace, beginAfterMs });
    cover(this.#coverage, answer);
    const reply = this.#client.send('/v1/messages', text, workspace, beginAfterMs);
    if (beginAfterMs === 0 || !answer.accepted) return compareAnswer(index, answer, await reply);
    this.#pending.push({ step: index, answer, reply, beginsMs: this.#reference.nowMs + beginAfterMs });
    return this.#waitForArrival(index, reply);
  }

  /** Compares the entries, then lets everything in flight begin and compares that too. */
  async finish(step: number): Promise<Mismatch | null> {
    const mismatch = await this.#compareEntries(step);
    if (mismatch !== null) return mismatch;
    const lastMs = Math.max(...this.#pending.map(({ beginsMs }) => beginsMs));
    return this.#pending.length === 0 ? null : this.#advance(lastMs - this.#reference.nowMs);
  }

  /** Leaves nothing in flight behind, whatever has gone wrong. */
  async release(): Promise<void> {
    const lastMs = Math.max(this.#reference.nowMs, ...this.#pending.map(({ beginsMs }) => beginsMs));
    await this.#client.advance(lastMs - this.#reference.nowMs + 1);
    await Promise.allSettled(this.#pending.map(({ reply }) => reply));
  }

  /** The next step must not overtake this request, so wait until the emulator counts it as in flight. */
  async #waitForArrival(step: number, reply: Promise<Reply>): Promise<Mismatch | null> {
    const expected = this.#reference.inFlight();
    let settled: Reply | null = null;
    void reply.then(
      (value) => (settled = value),
      () => undefined,
    );
    for (let tries = 0; tries < 2_000; tries += 1) {
      const state = await this.#client.state();
      if (state['inFlight'] === expected) return null;
      if (settled !== null)
        return { step, expected: 'a response that has not begun', actual: pickUsage(settled) };
    }
    return { step, expected: `${expected} in flight`, actual: await this.#client.state() };
  }

  async #advance(ms: number): Promise<Mismatch | null> {
    await this.#client.advance(ms);
    this.#reference.advance(ms);
    const begun = this.#pending.filter(({ beginsMs }) => beginsMs <= this.#reference.nowMs);
    this.#pending = this.#pending.filter((pending) => !begun.includes(pending));
    for (const { step, answer, reply } of begun) {
      const mismatch = compareAnswer(step, answer, await reply);
      if (mismatch !== null) return mismatch;
    }
    return null;
  }

  async #compareEntries(step: number): Promise<Mismatch | null> {
    const state = await this.#client.state();
    const expected = listEntries(this.#reference.entries(), this.#reference.nowMs);
    const actual = listEntries(objectsIn(state['entries']), Number(state['nowMs']));
    return isSame(expected, actual) ? null : { step, expected, actual };
  }
}

/** Runs a sequence against a freshly reset emulator and the reference; null when both agree on everything. */
export async function compareSequence(
  client: EmulatorClient,
  steps: readonly Step[],
  coverage: Coverage,
): Promise<Mismatch | null> {
  await client.reset();
  const comparison = new Comparison(client, coverage);
  try {
    for (const [index, step] of steps.entries()) {
      const mismatch = await comparison.takeStep(step, index);
      if (mismatch !== null) return mismatch;
    }
    return await comparison.finish(steps.length);
  } finally {
    await comparison.release();
  }
}

/** Drops steps one at a time, last first, as long as some mismatch remains. */
export async function shrinkSequence(
  client: EmulatorClient,
  steps: readonly Step[],
): Promise<{ steps: Step[]; mismatch: Mismatch | null }> {
  let kept = [...steps];
  let mismatch = await compareSequence(client, kept, emptyCoverage());
  for (let index = kept.length - 1; index >= 0; index -= 1) {
    const candidate = kept.toSpliced(index, 1);
    const remaining = await compareSequence(client, candidate, emptyCoverage());
    if (remaining === null) continue;
    kept = candidate;
    mismatch = remaining;
  }
  return { steps: kept, mismatch };
}
