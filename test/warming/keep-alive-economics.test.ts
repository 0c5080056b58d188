import { afterEach, expect, it } from 'vitest';

import { LearnedPlanner } from '../../src/planner/index.ts';
import { CleanUp } from '../support/gateway.ts';
import type { Usage } from './emulated.ts';
import { startKept } from './kept.ts';

const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;

it('what a planner has learned pings what comes again too late, and stops where nobody comes', async () => {
  const planner = new LearnedPlanner({ keepsAlive: true });
  const kept = cleanUp.add(
    await startKept({ decide: null, keptTtls: ['1h'], leadMs: 2 * MINUTE_MS }, { planner }),
  );
  const usages: Usage[] = [];
  for (let visit = 0; visit < 12; visit += 1) {
    const body = { messages: [{ role: 'user', content: `q${visit}` }] };
    usages.push(await kept.ask('a', { ttl: '1h', body }));
    await kept.advance(80 * MINUTE_MS, MINUTE_MS);
  }
  expect(usages.slice(1).every((usage) => usage.cache_read_input_tokens === 5000)).toBe(true);
  const { sent } = kept.keeper.totals();
  expect(sent).toMatchObject({ pings: 12, used: 11 });
  expect(sent.netPicoUsd > 0n).toBe(true);
  await kept.advance(3 * DAY_MS, MINUTE_MS);
  expect(kept.keeper.counts()).toMatchObject({ kept: 0, heldBytes: 0 });
  expect(kept.keeper.totals().sent.pings).toBeLessThan(40);
});
