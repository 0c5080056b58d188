import { expect, it } from 'vitest';

import { cachewrightFetch } from '../../src/client/index.ts';
import { createSender } from '../support/sending.ts';
import { emptyCoverage, findFault } from './check-body.ts';
import { makeBody } from './hostile-bodies.ts';

const EFFORT = Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1);
const COUNT = Math.ceil(100 * EFFORT);
const FIRST_SEED = Number(process.env['CACHEWRIGHT_SEED'] ?? 20_261_122);
/** Each body comes more than once, so that its prefix is known to be used again. */
const TIMES = 3;

/** A body as text is sent as UTF-8, whatever it holds. */
const KINDS = [
  ['text', (body: Buffer) => body.toString('utf8')],
  ['bytes', (body: Buffer) => new Uint8Array(body)],
] as const;

it.each(KINDS)(
  `${COUNT} hostile bodies given as %s leave with markers put in and nothing else changed`,
  async (_kind, inKind) => {
    const sender = createSender();
    const fetch = cachewrightFetch({ fetch: sender.fetch });
    const coverage = emptyCoverage();
    for (let number = 0; number < COUNT * TIMES; number += 1) {
      const seed = FIRST_SEED + Math.floor(number / TIMES);
      const given = inKind(makeBody(seed));
      const init = { method: 'POST', headers: { 'x-api-key': `key-${seed}` }, body: given };
      await (await fetch('https://api.example/v1/messages', init)).text();
      const sent = sender.sent.at(-1)?.bytes ?? Buffer.alloc(0);
      expect({ seed, fault: findFault(Buffer.from(given), sent, coverage) }).toEqual({ seed, fault: null });
    }
    expect((await fetch.summary()).requests).toBe(COUNT * TIMES);
    expect(fetch.counters()).toMatchObject({ failedSteps: 0, failedAnalyses: 0, failedAccounts: 0 });
    expect(coverage.changed).toBeGreaterThan(COUNT >= 100 ? 0.2 * COUNT : -1);
  },
  60_000 + COUNT * TIMES * 50,
);
