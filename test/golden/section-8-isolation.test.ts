import { describe, expect, it } from 'vitest';
import { PLATFORMS, type PlatformId } from '../../src/core/catalogue/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createService, NEWER, turns, type Sending } from './helpers.ts';

const BODY = turns(10, [10]);

/** Does a request sent the second way read what one sent the first way wrote? */
function shares(
  [first, firstBody]: readonly [Sending, JsonObject?],
  [second, secondBody]: readonly [Sending, JsonObject?],
): boolean {
  const service = createService();
  service.send(firstBody ?? BODY, 0, first);
  return service.send(secondBody ?? BODY, 1, second).outcome.readTokens > 0;
}

const PER_WORKSPACE: readonly PlatformId[] = ['claude-api', 'claude-on-aws', 'foundry'];
const PER_ORGANIZATION: readonly PlatformId[] = ['bedrock', 'google-cloud'];

describe('8 isolation', () => {
  it.each([...PER_WORKSPACE, ...PER_ORGANIZATION])('8: never across organisations: %s', (id) => {
    const platform = PLATFORMS[id];
    expect(shares([{ platform, organization: 'a' }], [{ platform, organization: 'b' }])).toBe(false);
    expect(shares([{ platform }], [{ platform }])).toBe(true);
  });

  it.each(PER_WORKSPACE)('8: per workspace on %s', (id) => {
    const platform = PLATFORMS[id];
    expect(shares([{ platform, workspace: 'a' }], [{ platform, workspace: 'b' }])).toBe(false);
  });

  it.each(PER_ORGANIZATION)('8: per organisation on %s', (id) => {
    const platform = PLATFORMS[id];
    expect(shares([{ platform, workspace: 'a' }], [{ platform, workspace: 'b' }])).toBe(true);
  });

  it('8: names that only look joined stay apart', () => {
    expect(shares([{ organization: 'a', workspace: 'b' }], [{ organization: 'a","b', workspace: '' }])).toBe(
      false,
    );
  });

  it('8: per model, whatever its platform calls it', () => {
    expect(shares([{}], [{}, { ...BODY, model: 'claude-fable-5-2' }])).toBe(false);
    const dated = turns(50, [50], 'claude-opus-4-5-20251101');
    const plain = turns(50, [50], 'claude-opus-4-5');
    expect(shares([{}, dated], [{}, plain])).toBe(true);
  });

  it('8: per speed', () => {
    const fast = { ...BODY, speed: 'fast' };
    expect(shares([{}], [{}, fast])).toBe(false);
    expect(shares([{}, fast], [{}, fast])).toBe(true);
  });

  it('8: each effort is its own cache of messages', () => {
    const effort = (level: string): JsonObject => ({
      ...BODY,
      model: NEWER,
      output_config: { effort: level },
    });
    expect(shares([{}, effort('low')], [{}, effort('high')])).toBe(false);
    expect(shares([{}, effort('low')], [{}, effort('low')])).toBe(true);
  });

  it('8, 15: batch and other requests share, in both directions', () => {
    expect(shares([{ isBatch: true }], [{ isBatch: false }])).toBe(true);
    expect(shares([{ isBatch: false }], [{ isBatch: true }])).toBe(true);
  });

  it('8, 15: geography and beta headers separate nothing', () => {
    expect(shares([{}], [{}, { ...BODY, inference_geo: 'us' }])).toBe(true);
    expect(shares([{ betas: ['a'] }], [{ betas: ['b'] }])).toBe(true);
  });
});
