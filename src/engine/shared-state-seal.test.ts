import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSealer, senderName } from './shared-state-seal.ts';

const numRuns = Math.ceil(50 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const sealer = createSealer(Buffer.alloc(32, 1));
const other = createSealer(Buffer.alloc(32, 2));

const batches = fc
  .record({
    number: fc.nat(),
    drainedMs: fc.double({ noNaN: true }),
    changes: fc.uint8Array({ maxLength: 200 }),
  })
  .map((fields) => ({ sender: senderName(), ...fields }));

describe('a sealed batch', () => {
  it('is opened as it was by whoever has the secret, and by nobody else', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const sealed = sealer.seal(batch);
        expect(createSealer(Buffer.alloc(32, 1)).open(sealed)).toEqual(batch);
        expect(other.open(sealed)).toBeNull();
      }),
      { numRuns },
    );
  });

  it('that was changed, cut or made up is none', () => {
    fc.assert(
      fc.property(batches, fc.nat(), fc.integer({ min: 1, max: 255 }), (batch, at, flip) => {
        const sealed = sealer.seal(batch);
        const place = at % sealed.length;
        expect(sealer.open(sealed.subarray(0, place))).toBeNull();
        expect(sealer.open(sealed.map((byte, index) => (index === place ? byte ^ flip : byte)))).toBeNull();
      }),
      { numRuns },
    );
    expect(sealer.open(new Uint8Array(100))).toBeNull();
  });

  it('shows nothing of what is in it, and is another every time', () => {
    const changes = Buffer.from('tail user|tool|3');
    const batch = { sender: senderName(), number: 1, drainedMs: 0, changes };
    const [first, second] = [Buffer.from(sealer.seal(batch)), Buffer.from(sealer.seal(batch))];
    expect(first.includes(changes)).toBe(false);
    expect(first.equals(second)).toBe(false);
  });

  it('is exchanged at a place that only the secret leads to', () => {
    expect(sealer.meetingPlace).toMatch(/^[\w-]{22}$/);
    expect(createSealer(Buffer.alloc(32, 1)).meetingPlace).toBe(sealer.meetingPlace);
    expect(other.meetingPlace).not.toBe(sealer.meetingPlace);
  });
});
