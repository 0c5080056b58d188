import { describeStoreContract } from '../../test/support/store-contract.ts';
import { createMemoryStore } from './memory-store.ts';

describeStoreContract('memory', async (limits) => {
  let nowMs = 1_000_000;
  const store = createMemoryStore({ limits, clock: { nowMs: () => nowMs } });
  return { store, advance: (ms) => (nowMs += ms), dispose: () => store.close() };
});
