import type { PlacementBuffer } from '../policy.ts';

/** Adds a breakpoint after those that are there; none where there is no prefix, or where the last one stands already. */
export function addBreakpoint(placements: PlacementBuffer, prefixId: number, ttl: number): void {
  const { count, prefixIds, ttls } = placements;
  if (prefixId < 0 || (count > 0 && prefixIds[count - 1] === prefixId)) return;
  prefixIds[count] = prefixId;
  ttls[count] = ttl;
  placements.count = count + 1;
}
