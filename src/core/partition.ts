import type { OpenQuestions } from './cache/rules.ts';
import type { PlatformRules } from './catalogue/platforms.ts';

/** Everything about a request that may separate its cache from another's (spec 8, 15). */
export interface PartitionFacts {
  readonly organization: string;
  readonly workspace: string;
  readonly modelId: string;
  readonly isBatch: boolean;
  readonly inferenceGeo: string | null;
  readonly betas: readonly string[];
}

/** Names the cache that a request reads and writes: isolation of the platform, model, open switches. */
export function partitionOf(facts: PartitionFacts, platform: PlatformRules, open: OpenQuestions): string {
  return JSON.stringify([
    facts.organization,
    platform.isolation === 'workspace' ? facts.workspace : '',
    facts.modelId,
    open.batchSharesEntries ? false : facts.isBatch,
    open.geographyInKey ? facts.inferenceGeo : null,
    open.betaHeadersInKey ? facts.betas.toSorted() : [],
  ]);
}
