import { useEffect, useState } from 'preact/hooks';

import { getJson } from './api.ts';

/** What was read last, and what is wrong now. */
export interface Polled<Value> {
  /** null until the first answer. */
  readonly value: Value | null;
  readonly problem: string | null;
}

/** Gives what is to be shown; it is called again and again. */
export type Ask<Value> = (signal: AbortSignal) => Promise<Value>;

const BACK_OFF_MAX_MS = 120_000;

/** Asks for one document. */
export function askFor<Value>(path: string): Ask<Value> {
  return (signal) => getJson<Value>(path, signal);
}

/**
 * Asks now and every so often while the tab can be seen, less often while it fails. A document that is asked for while
 * the tab is hidden is read by nobody, so nothing is asked then; when it comes back, it is asked for at once.
 */
function pollWhileVisible<Value>(
  ask: Ask<Value>,
  everyMs: number,
  tell: (polled: Partial<Polled<Value>>) => void,
): () => void {
  const ending = new AbortController();
  let failures = 0;
  let timer = 0;
  let isAsking = false;
  const next = async (): Promise<void> => {
    // The tab was hidden and shown again meanwhile: the call under way goes on, and no second round begins.
    if (isAsking) return;
    isAsking = true;
    try {
      const value = await ask(ending.signal);
      if (ending.signal.aborted) return;
      tell({ value, problem: null });
      failures = 0;
    } catch (error) {
      if (ending.signal.aborted) return;
      failures += 1;
      tell({ problem: error instanceof Error ? error.message : 'it could not be read' });
    } finally {
      isAsking = false;
    }
    if (document.hidden || ending.signal.aborted) return;
    timer = setTimeout(() => void next(), Math.min(everyMs * 2 ** failures, BACK_OFF_MAX_MS));
  };
  const onVisibility = (): void => {
    clearTimeout(timer);
    if (!document.hidden) void next();
  };
  document.addEventListener('visibilitychange', onVisibility);
  void next();
  return () => {
    ending.abort();
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisibility);
  };
}

/**
 * Keeps a document fresh while a screen shows it.
 *
 * @param key What is asked for: with another key the old value goes at once.
 * @example const summary = usePolled('summary', askFor<Summary>('/api/v1/summary'), 5_000);
 */
export function usePolled<Value>(key: string, ask: Ask<Value>, everyMs: number): Polled<Value> {
  const [state, setState] = useState<Polled<Value> & { readonly key: string }>({
    key,
    value: null,
    problem: null,
  });
  useEffect(
    () =>
      pollWhileVisible(ask, everyMs, (news) =>
        setState((old) => ({ value: old.key === key ? old.value : null, problem: null, ...news, key })),
      ),
    [key, everyMs],
  );
  return state.key === key ? state : { value: null, problem: null };
}
