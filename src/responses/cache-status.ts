import type { Served } from './options.ts';

/** One member of the header `cache-status` (RFC 9211) that says who answered. */
export function cacheStatus(served: Served): string {
  const { kind, tier, reason, freshForMs, savedPicoUsd, isStored } = served;
  if (kind === 'bypass') return `cachewright; fwd=bypass; detail=${reason ?? 'other'}`;
  if (kind === 'collapsed') return 'cachewright; collapsed';
  if (kind === 'miss') return `cachewright; fwd=miss${isStored === true ? '; stored' : ''}`;
  const ttl = Math.floor((freshForMs ?? 0) / 1000);
  const saved = savedPicoUsd === null ? '' : `; saved-picousd=${savedPicoUsd}`;
  return `cachewright; hit; ttl=${ttl}; detail=${kind === 'stale' ? 'stale-' : ''}${tier}${saved}`;
}
