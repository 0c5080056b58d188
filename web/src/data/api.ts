import { signal, type Signal } from '@preact/signals';

const TOKEN_KEY = 'cachewright-admin-token';

/** An answer that is none: a sentence for people. */
class ApiError extends Error {
  override readonly name = 'ApiError' as const;
}

/** Whether the listener asked for a token that we do not have, and whether it refused one. */
export const asksForToken: Signal<'no' | 'first' | 'refused'> = signal('no');

/** Keeps the token as long as the tab is open, and nowhere else. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
  asksForToken.value = 'no';
}

async function sentenceOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const isTold = typeof body === 'object' && body !== null && 'error' in body;
  return isTold ? String(body.error) : `the gateway answered ${response.status}`;
}

/**
 * Asks the admin listener.
 *
 * @throws ApiError when it does not answer, or with a refusal.
 */
async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { headers, ...(signal && { signal }) }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new ApiError('the gateway does not answer; what is shown may be old');
  });
  if (response.ok) return response;
  if (response.status === 401) asksForToken.value = token === null ? 'first' : 'refused';
  throw new ApiError(await sentenceOf(response));
}

/**
 * Reads a document of the admin listener.
 *
 * @throws ApiError when it does not answer with one.
 */
export async function getJson<Value>(path: string, signal?: AbortSignal): Promise<Value> {
  const response = await ask(path, signal);
  return (await response.json()) as Value;
}
