// What caching would save, from requests that were made: break-evens from the gaps between them. Nothing is sent.
import { checkProjection, optimizer, type MeasuredRequest } from 'cachewright/planner';

const advisor = optimizer({ random: Math.random });
const MINUTE_MS = 60_000;
const fromMs = Date.UTC(2026, 10, 2);

/** A request with 8,000 tokens that all of its family share, and a question of 200. */
const ask = (family: string, atMs: number): MeasuredRequest => ({
  family,
  model: 'claude-sonnet-4-5',
  atMs,
  chain: {
    partition: 'workspace',
    prefixIds: [family, `${family} at ${atMs}`],
    cumulativeTokens: [8_000, 8_200],
    positions: [0, 1],
  },
  places: [
    { name: 'system-end', blockIndex: 0 },
    { name: 'tail', blockIndex: 1 },
  ],
});

// Two days: every 12 minutes, ten in five minutes every other hour, and a report twice a day.
for (let turn = 0; turn < 240; turn += 1) {
  const burst = Math.floor(turn / 10);
  advisor.record(ask('steady', fromMs + turn * 12 * MINUTE_MS));
  advisor.record(ask('bursts', fromMs + burst * 120 * MINUTE_MS + (turn % 10) * 30_000));
  if (turn % 60 === 0) advisor.record(ask('report', fromMs + turn * 12 * MINUTE_MS));
}

const advice = advisor.advise();
for (const { family, breakpoints, month } of advice) {
  const set = breakpoints.map(({ place, ttl }) => `${ttl} at ${place}`).join(', ') || 'do not cache';
  const { usd = 0, lowUsd, highUsd } = month?.saving ?? {};
  console.log(`${family}: ${set}, saves $${usd.toFixed(2)} a month`);
  console.log(`  nine tenths of such months: $${lowUsd?.toFixed(2)} to $${highUsd?.toFixed(2)}`);
}
console.log(advice[0]?.places[0]?.why);

// A day later: what was billed since.
const billed = {
  uncachedTokens: 200,
  readTokens: 8_000,
  write5mTokens: 0,
  write1hTokens: 0,
  outputTokens: 300,
};
const requests = Array.from({ length: 120 }, (_, turn) => ({ atMs: fromMs + turn * 12 * MINUTE_MS, billed }));
const steady = advice.find(({ family }) => family === 'steady');
if (steady)
  console.log(checkProjection(steady, { fromMs, toMs: fromMs + 1_440 * MINUTE_MS, requests }).sentence);
