import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeState, encodeState } from './learned-state-format.ts';

const numRuns = Math.ceil(30 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const SAVED_MS = 1_795_000_000_000;

const encode = (bytes: Uint8Array): Promise<Uint8Array> => encodeState({ bytes, savedMs: SAVED_MS });

/** Bytes that pack well, and bytes that do not. */
const stateBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 5000 }))
    .map(([fill, length]) => new Uint8Array(length).fill(fill)),
);

describe('saved state', () => {
  it('is read as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(stateBytes, async (bytes) => {
        const read = await decodeState(await encode(bytes));
        expect([...read.bytes]).toEqual([...bytes]);
        expect(read.savedMs).toBe(SAVED_MS);
      }),
      { numRuns },
    );
  });

  it('is packed where that helps, and costs 72 bytes where not', async () => {
    expect((await encode(new Uint8Array(100_000))).length).toBeLessThan(1000);
    expect(await encode(Uint8Array.from({ length: 16 }, (_, at) => at))).toHaveLength(72 + 16);
  });

  it('is refused when any part is missing, added or changed', async () => {
    await fc.assert(
      fc.asyncProperty(stateBytes, fc.nat(), fc.integer({ min: 1, max: 255 }), async (bytes, at, flip) => {
        const whole = await encode(bytes);
        const cut = whole.subarray(0, at % whole.length);
        await expect(decodeState(cut)).rejects.toThrow(/^is (cut off|not what Cachewright writes)$/);
        await expect(decodeState(Buffer.concat([whole, whole]))).rejects.toThrow('is damaged');
        const changed = whole.slice();
        const place = at % whole.length;
        changed[place] = (changed[place] ?? 0) ^ flip;
        await expect(decodeState(changed)).rejects.toMatchObject({ name: 'StateFormatError' });
      }),
      { numRuns },
    );
  });

  it('says what is the matter', async () => {
    const newer = Buffer.from(await encode(new Uint8Array(10)));
    newer.writeUInt32LE(2, 8);
    await expect(decodeState(newer)).rejects.toThrow('has format 2, and this version knows 1');
    await expect(decodeState(Buffer.from('SQLite format 3\0'))).rejects.toThrow(
      'is not what Cachewright writes',
    );
    await expect(decodeState(new Uint8Array())).rejects.toThrow('is not what Cachewright writes');
  });
});
