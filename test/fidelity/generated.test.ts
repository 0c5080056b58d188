import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CleanUp } from '../support/gateway.ts';
import { ForgetfulPlanner } from '../support/planner.ts';
import { emptyCoverage, findFault } from './check-body.ts';
import { makeBody } from './hostile-bodies.ts';
import { judgeMarkers } from './marker-judge.ts';
import { tokenDifference } from './same-request.ts';
import { forEachNumber, startPassage } from './through-gateway.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const COUNT = Math.ceil(EFFORT >= 20 ? Math.max(10_000, 200 * EFFORT) : 200 * EFFORT);
/** Body `i` has seed `FIRST_SEED + i`; set CACHEWRIGHT_SEED and a small effort to repeat one. */
const FIRST_SEED = Number(process.env['CACHEWRIGHT_SEED'] ?? 20_261_122);
const timeout = 60_000 + COUNT * 100;

const cleanUp = new CleanUp();
afterAll(() => cleanUp.run());

/** Names the seed, and leaves both bodies where one can look at them. */
function report(seed: number, fault: string, received: Buffer, sent: Buffer): never {
  const files = [
    ['received', received],
    ['sent', sent],
  ] as const;
  const places = files.map(([name, bytes]) => {
    const place = join(tmpdir(), `cachewright-fidelity-${seed}-${name}.json`);
    writeFileSync(place, bytes);
    return place;
  });
  throw new Error(`seed ${seed}: ${fault}\n${places.join('\n')}`);
}

describe(`${COUNT} bodies that nobody would write on purpose`, () => {
  it('leave with markers put in and nothing else changed', { timeout }, async () => {
    const passage = await startPassage(cleanUp, { planner: new ForgetfulPlanner() });
    const coverage = emptyCoverage();
    await forEachNumber(COUNT, async (number) => {
      const seed = FIRST_SEED + number;
      const body = makeBody(seed);
      const { body: sent } = await passage.pass(body);
      const fault = findFault(body, sent, coverage);
      if (fault !== null) report(seed, fault, body, sent);
    });
    if (COUNT < 200) return;
    // A generator whose bodies are never marked, or never refused, would prove nothing.
    expect(coverage.changed / COUNT).toBeGreaterThan(0.2);
    expect(coverage.invalid / COUNT).toBeGreaterThan(0.05);
    expect(coverage.clientMarked / COUNT).toBeGreaterThan(0.2);
    expect(coverage.added).toBeGreaterThan(coverage.changed);
    expect(coverage.added1h).toBeGreaterThan(0);
    expect(coverage.unsure / COUNT).toBeLessThan(0.2);
  });

  it(
    "leave with other markers and nothing else changed where the client's are overridden",
    { timeout },
    async () => {
      const passage = await startPassage(cleanUp, {
        placement: 'override',
        planner: new ForgetfulPlanner(),
      });
      await forEachNumber(Math.ceil(COUNT / 4), async (number) => {
        const seed = FIRST_SEED - 1 - number;
        const body = makeBody(seed);
        const { body: sent } = await passage.pass(body);
        const [before, after] = [judgeMarkers(body), judgeMarkers(sent)];
        const fault = tokenDifference(body, sent);
        if (fault !== null) report(seed, fault, body, sent);
        if (before.verdict === 'invalid' && !body.equals(sent))
          report(seed, 'a refused set was changed', body, sent);
        if (before.verdict === 'valid' && after.verdict !== 'valid')
          report(seed, `markers became ${after.verdict}`, body, sent);
      });
    },
  );

  it.each([
    ['observe', { mode: 'observe' }, []],
    ['off', { mode: 'off' }, []],
    ['observe, asked for by the request', {}, ['x-cachewright-mode', 'observe']],
    ['off, asked for by the request', {}, ['X-Cachewright-Mode', ' OFF ']],
  ] as const)('leave as they came: %s', { timeout }, async (_how, engine, headers) => {
    const passage = await startPassage(cleanUp, engine);
    await forEachNumber(Math.ceil(COUNT / 8), async (number) => {
      const body = makeBody(FIRST_SEED + number);
      const { body: sent } = await passage.pass(body, { headers });
      if (!body.equals(sent)) report(FIRST_SEED + number, 'the bytes were changed', body, sent);
    });
  });

  it('leave as they came wherever they are no request for a message', { timeout }, async () => {
    const passage = await startPassage(cleanUp);
    const places = [
      ['POST', '/v1/messages/count_tokens?beta=true'],
      ['POST', '/v1/messages/batches'],
      ['POST', '/v1//messages'],
      ['POST', '/v1/messages%3Fbeta=true'],
      ['POST', '/v1/messages/?beta=%20true&&a=b=c'],
      ['PUT', '/v1/messages'],
      ['DELETE', '/v1/messages?beta=true'],
      ['PATCH', '/any/where?q=%ff#not-cut'],
    ] as const;
    await forEachNumber(Math.ceil(COUNT / 8), async (number) => {
      const seed = FIRST_SEED + number;
      const [method, path] = places[number % places.length] ?? places[0];
      const body = makeBody(seed);
      const seen = await passage.pass(body, { method, path });
      expect([seed, seen.method, seen.path]).toEqual([seed, method, path]);
      if (!body.equals(seen.body)) report(seed, 'the bytes were changed', body, seen.body);
    });
  });
});
