import { describe, expect, it } from 'vitest';

import { createHoldings, type HeldRequest } from './holdings.ts';

function request(bytes: number): HeldRequest {
  return { path: '/', headers: Buffer.from('secret'), body: Buffer.alloc(bytes, 7), blockPath: [] };
}

const isWiped = ({ headers, body }: HeldRequest): boolean =>
  [...headers, ...body].every((byte) => byte === 0);

describe('what is held', () => {
  it('is overwritten when it is wiped, replaced, or has to make room', () => {
    const dropped: string[] = [];
    const holdings = createHoldings(1000, (key) => dropped.push(key));
    const [first, second] = [request(100), request(100)];
    holdings.hold('a', 's', first);
    holdings.hold('a', 's', second);
    expect([isWiped(first), isWiped(second)]).toEqual([true, false]);
    holdings.wipe('a');
    expect([isWiped(second), holdings.sizeBytes, holdings.find('a')]).toEqual([true, 0, null]);
    const many = Array.from({ length: 6 }, () => request(200));
    many.forEach((each, index) => holdings.hold(`m${index}`, 's', each));
    expect(dropped).toEqual(['m0', 'm1']);
    expect(many.map(isWiped)).toEqual([true, true, false, false, false, false]);
    expect(holdings.sizeBytes).toBe(4 * 206);
  });

  it('goes with its scope, and with all', () => {
    const holdings = createHoldings(10_000, () => undefined);
    const held = ['s', 't', 's'].map((scope, index) => {
      const each = request(10);
      holdings.hold(`k${index}`, scope, each);
      return each;
    });
    expect(holdings.wipeScope('s')).toEqual(['k0', 'k2']);
    expect(held.map(isWiped)).toEqual([true, false, true]);
    holdings.wipeAll();
    expect(holdings.sizeBytes).toBe(0);
  });

  it('is nothing that would take most of the room', () => {
    const holdings = createHoldings(1000, () => undefined);
    const large = request(500);
    expect([holdings.hold('a', 's', large), isWiped(large), holdings.sizeBytes]).toEqual([false, true, 0]);
  });
});
