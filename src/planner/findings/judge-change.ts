import type { RequestChange } from './compare-requests.ts';
import { headLengthOf, tokensUpTo, type WatchedRequest } from './watched-request.ts';

/** Fewer tokens are not worth a finding. */
const LOST_TOKENS_MIN = 64;
/** Nor is a smaller share of the prompt. */
const LOST_SHARE_MIN = 0.05;
/** So much of what follows must be the same for two different texts to be taken for one that changed. */
const SAME_SHARE_MIN = 0.5;
/** The same where whole blocks are others: pieces that are put together anew each time have some in common by chance. */
const OTHER_SHARE_MIN = 0.8;

/** Is it worth a finding that so many tokens could have been read? */
export function isMuch(lostTokens: number, request: WatchedRequest): boolean {
  const total = tokensUpTo(request, request.blocks.length - 1);
  return lostTokens >= LOST_TOKENS_MIN && lostTokens >= total * LOST_SHARE_MIN;
}

/**
 * Is it a culprit: does so much of what both requests have stand behind the change that it would be read, were the change
 * not there? Requests that are simply about something else share nothing behind the place where they part.
 */
export function isCulprit(change: RequestChange, request: WatchedRequest): boolean {
  const total = tokensUpTo(request, request.blocks.length - 1);
  const before = tokensUpTo(request, change.index - 1);
  const { lostTokens } = change;
  if (!isMuch(lostTokens, request)) return false;
  if (before + lostTokens < request.minCacheableTokens) return false;
  if (change.isMechanical) return true;
  const headLength = headLengthOf(request);
  const end = change.index < headLength ? tokensUpTo(request, headLength - 1) : total;
  const isOther = change.code === 'system-changed' || change.code === 'messages-changed';
  return lostTokens >= (end - before) * (isOther ? OTHER_SHARE_MIN : SAME_SHARE_MIN);
}
