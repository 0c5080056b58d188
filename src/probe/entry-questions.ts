import type { Ttl } from '../core/index.ts';
import {
  bodyOf,
  cacheableText,
  fillerText,
  readTokensOf,
  sendMessage,
  textBlock,
  waitFor,
  writtenTokensOf,
} from './prompts.ts';
import type { Question, Reply, Script, ScriptContext, Step } from './types.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Tokens of what is put on top of a prefix: enough to tell the two apart. */
const TOP_WORDS = 200;

const always = (): null => null;

function* send(context: ScriptContext, blocks: readonly object[]): Generator<Step, Reply, Reply> {
  return yield* sendMessage(bodyOf(context, blocks));
}

/** A 1h entry on top of a 5m one, read when only the 1h one can live. */
function* askEntriesAre(context: ScriptContext): Script {
  const base = cacheableText(context, 'base');
  const top = fillerText(context, 'top', TOP_WORDS);
  yield* send(context, [textBlock(base, '5m')]);
  yield* waitFor(100 * SECOND_MS);
  const written = yield* send(context, [textBlock(base), textBlock(top, '1h')]);
  yield* waitFor(12 * MINUTE_MS);
  const read = readTokensOf(
    yield* send(context, [textBlock(base), textBlock(top, '1h'), textBlock('Then.')]),
  );
  const whole = readTokensOf(written) + writtenTokensOf(written);
  return {
    value: read > 0 ? 'self-contained' : 'layered',
    seen: `of ${whole} tokens ${read} were read after 12 minutes`,
  };
}

/** A 5m entry read under a 1h marker, and again when it has expired unless that made it a 1h one. */
function* askReadUpgradesTtl(context: ScriptContext): Script {
  const base = cacheableText(context, 'base');
  yield* send(context, [textBlock(base, '5m')]);
  yield* waitFor(MINUTE_MS);
  const under1h = readTokensOf(yield* send(context, [textBlock(base, '1h')]));
  yield* waitFor(12 * MINUTE_MS);
  const later = readTokensOf(yield* send(context, [textBlock(base, '5m')]));
  return { value: later > 0, seen: `read ${under1h} under 1h, ${later} twelve minutes later` };
}

/** Two entries on one path; only the longer is read, the shorter is asked for when it lives by that read alone. */
function* askReadRefreshes(context: ScriptContext): Script {
  const base = cacheableText(context, 'base');
  const top = fillerText(context, 'top', TOP_WORDS);
  yield* send(context, [textBlock(base, '5m'), textBlock(top, '5m')]);
  yield* waitFor(200 * SECOND_MS);
  const deep = readTokensOf(yield* send(context, [textBlock(base), textBlock(top, '5m')]));
  yield* waitFor(200 * SECOND_MS);
  const shallow = readTokensOf(yield* send(context, [textBlock(base, '5m'), textBlock('Otherwise.')]));
  return {
    value: shallow > 0 ? 'path' : 'hit',
    seen: `read ${deep} by the long one, then ${shallow} by the short one`,
  };
}

/** A marker below a hit where no entry is, and a request that only such an entry could serve. */
function* askRewritesBelowHit(context: ScriptContext): Script {
  const base = cacheableText(context, 'base');
  const top = fillerText(context, 'top', TOP_WORDS);
  yield* send(context, [textBlock(base), textBlock(top, '5m')]);
  yield* send(context, [textBlock(base, '5m'), textBlock(top, '5m')]);
  const read = readTokensOf(yield* send(context, [textBlock(base, '5m'), textBlock('Otherwise.')]));
  return { value: read > 0, seen: `read ${read} by the marker below the hit` };
}

interface Sighting {
  readonly ageMs: number;
  readonly isAlive: boolean;
}

/** Writes one entry for each age and asks for each once, when it is that old. */
function* observeAges(
  context: ScriptContext,
  ttl: Ttl,
  agesMs: readonly number[],
): Generator<Step, readonly Sighting[], Reply> {
  const writtenMs: number[] = [];
  for (const ageMs of agesMs) {
    const written = yield* send(context, [textBlock(cacheableText(context, `age-${ageMs}`), ttl)]);
    writtenMs.push(written.atMs);
  }
  const seen: Sighting[] = [];
  let passedMs = 0;
  for (const [index, ageMs] of agesMs.entries()) {
    yield* waitFor(ageMs - passedMs);
    passedMs = ageMs;
    const reply = yield* send(context, [textBlock(cacheableText(context, `age-${ageMs}`), ttl)]);
    seen.push({ ageMs: reply.atMs - (writtenMs[index] ?? 0), isAlive: readTokensOf(reply) > 0 });
  }
  return seen;
}

function describe(sightings: readonly Sighting[]): string {
  return sightings
    .map(({ ageMs, isAlive }) => `${Math.round(ageMs / SECOND_MS)} s ${isAlive ? 'alive' : 'gone'}`)
    .join(', ');
}

// Between these and the TTL the questions about lives look.
const EARLY_5M_MS = [90 * SECOND_MS, 200 * SECOND_MS];
const EARLY_1H_MS = [20 * MINUTE_MS];

/** Entries younger than their TTL: the youngest that is gone says how soon eviction comes; null when all live. */
function* askEarlyEviction(context: ScriptContext): Script {
  const short = yield* observeAges(context, '5m', EARLY_5M_MS);
  const long = yield* observeAges(context, '1h', EARLY_1H_MS);
  const gone = [...short, ...long].filter(({ isAlive }) => !isAlive).map(({ ageMs }) => ageMs);
  return {
    value: gone.length > 0 ? Math.min(...gone) : null,
    seen: `5m: ${describe(short)}; 1h: ${describe(long)}`,
  };
}

/** The greatest age at which an entry was still read, in ms; 0 when it never was. */
function* askLife(context: ScriptContext, ttl: Ttl, agesMs: readonly number[]): Script {
  const seen = yield* observeAges(context, ttl, agesMs);
  const alive = seen
    .filter(({ isAlive }) => isAlive)
    .map(({ ageMs }) => Math.round(ageMs / SECOND_MS) * SECOND_MS);
  return { value: Math.max(0, ...alive), seen: describe(seen) };
}

/** What happens to entries in time; the order is the one in which answers matter. */
export const ENTRY_QUESTIONS: readonly Question[] = [
  {
    name: 'entriesAre',
    title: 'can a 1h entry be read when the 5m entry below it has expired',
    refusal: always,
    script: askEntriesAre,
  },
  {
    name: 'readUpgradesTtl',
    title: 'does reading a 5m entry under a 1h marker make it a 1h entry',
    refusal: always,
    script: askReadUpgradesTtl,
  },
  {
    name: 'readRefreshes',
    title: 'does a read renew the shorter entries on its path',
    refusal: always,
    script: askReadRefreshes,
  },
  {
    name: 'rewritesBelowHit',
    title: 'does a marker below the hit create an entry',
    refusal: always,
    script: askRewritesBelowHit,
  },
  {
    name: 'life5mMs',
    title: 'how long a 5m entry lives in fact',
    refusal: always,
    script: (context) =>
      askLife(
        context,
        '5m',
        [290, 310, 330].map((seconds) => seconds * SECOND_MS),
      ),
  },
  {
    name: 'life1hMs',
    title: 'how long a 1h entry lives in fact',
    refusal: always,
    script: (context) =>
      askLife(
        context,
        '1h',
        [59, 61].map((minutes) => minutes * MINUTE_MS),
      ),
  },
  {
    name: 'earlyEvictionMs',
    title: 'are entries dropped although their TTL holds',
    refusal: always,
    script: askEarlyEviction,
  },
];
