import type { Engine, Keeper } from '../engine/index.ts';
import type { Alerts } from '../ledger/index.ts';

/** Windows are looked at as often, also while nobody asks. */
const TICK_MS = 60_000;

/** Tells alerts that time passes, and what keep-alive has cost and saved. Gives what ends it. */
export function watchAlerts(watch: Alerts, engine: Engine, keeper: Pick<Keeper, 'totals'>): () => void {
  const { clock, timers } = engine.options;
  let cancel = (): void => undefined;
  let knownCostPicoUsd = 0n;
  const tick = (): void => {
    const nowMs = clock.nowMs();
    const { costPicoUsd, netPicoUsd } = keeper.totals().sent;
    watch.keepAlive(nowMs, netPicoUsd);
    watch.spend(nowMs, costPicoUsd - knownCostPicoUsd);
    knownCostPicoUsd = costPicoUsd;
    watch.tick(nowMs);
    cancel = timers.after(TICK_MS, tick, true);
  };
  cancel = timers.after(TICK_MS, tick, true);
  return () => cancel();
}
