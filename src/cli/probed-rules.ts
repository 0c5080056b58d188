import { defaultCacheRules, scaleTtls, type CacheRules } from '../core/index.ts';
import { agreedQuestions, readProfiles } from '../probe/index.ts';

/** What says which profiles count. */
export interface ProbedFlags {
  readonly upstream: string;
  readonly dataDir: string;
  readonly ttlScale: number;
}

/** The rules of the cache, with what `probe` has found out about the upstream where no source says it. */
export function probedRules({ upstream, dataDir, ttlScale }: ProbedFlags): CacheRules {
  const host = URL.canParse(upstream) ? new URL(upstream).host : null;
  const profiles = host === null ? [] : readProfiles(dataDir, host);
  const { open, told } = agreedQuestions(profiles);
  if (told.length > 0) process.stderr.write(`As probed: ${told.join('; ')}.\n`);
  return scaleTtls({ ...defaultCacheRules, open }, ttlScale);
}
