import { expect, it } from 'vitest';

import { hasRedis, startRedis } from '../../../test/support/redis-server.ts';
import { openRedisCache } from '../index.ts';

const PATIENT_MS = 10_000;

it.runIf(hasRedis)('values come as they were written, whatever their length, many at a time', async () => {
  const server = await startRedis();
  const cache = await openRedisCache({ url: server.url, timeoutMs: PATIENT_MS });
  try {
    const lengths = [0, 1, 4_000, 65_530, 65_536, 70_000, 262_140, 262_144, 300_000, 2_000_000];
    const values = lengths.map((length, index) =>
      Buffer.from(Array.from({ length }, (_, at) => (at * 31 + index) % 251)),
    );
    await Promise.all(values.map((value, index) => cache.put(`k${index}`, value, 60_000)));
    const first = await Promise.all(values.map((_, index) => cache.get(`k${index}`)));
    // What comes later does not write over what came before.
    await Promise.all(values.map((_, index) => cache.get(`k${values.length - 1 - index}`)));
    for (const [index, value] of values.entries())
      expect(Buffer.compare(first[index] ?? Buffer.from('none'), value)).toBe(0);
  } finally {
    await cache.close();
    await server.close();
  }
});
