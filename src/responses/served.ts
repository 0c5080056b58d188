import type { Served } from './options.ts';
import type { AnswerForm } from './request.ts';
import type { HeaderMap } from './scope.ts';

/** What is said of an answer that the upstream gives. */
export const BY_UPSTREAM: Omit<Served, 'kind' | 'reason' | 'key' | 'scope' | 'model'> = {
  tier: 'upstream',
  ageMs: null,
  freshForMs: null,
  isStored: null,
  savedPicoUsd: null,
  savedMs: null,
};

/** What is said of a request that is passed on. */
export function bypassed(reason: string): Served {
  return { ...BY_UPSTREAM, kind: 'bypass', reason, key: null, scope: null, model: null, isStored: false };
}

export function contentType(form: AnswerForm): HeaderMap {
  return { 'content-type': form === 'sse' ? 'text/event-stream; charset=utf-8' : 'application/json' };
}
