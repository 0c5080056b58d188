import type { Clock, Timers } from '../runtime/index.ts';
import { encodeContent, type Content } from './content.ts';

/** Gets content from its source. */
export type LoadContent = (options: { readonly signal: AbortSignal }) => Promise<Content> | Content;

/** What came of asking the source. */
export type Loaded =
  | { readonly kind: 'loaded'; readonly content: Content }
  | { readonly kind: 'failed'; readonly message: string }
  /** It failed a short while ago and is not asked again yet. */
  | { readonly kind: 'postponed' };

export interface LoaderOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** A source that has not answered by then has failed. */
  readonly loadTimeoutMs: number;
  /** How long a source that failed is left alone. */
  readonly reloadRetryMs: number;
}

/** Asks sources. */
export interface Loader {
  /** Many calls for one name at a time are one call of the source. Never rejects. */
  load(name: string, source: LoadContent): Promise<Loaded>;
}

/** Names whose failure is remembered; the oldest are forgotten, which costs one try too many. */
const FAILURES_MAX = 10_000;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function createLoader({ clock, timers, loadTimeoutMs, reloadRetryMs }: LoaderOptions): Loader {
  const running = new Map<string, Promise<Loaded>>();
  const retryMs = new Map<string, number>();

  const ask = async (source: LoadContent): Promise<Loaded> => {
    const abort = new AbortController();
    const { signal } = abort;
    const cancel = timers.after(loadTimeoutMs, () =>
      abort.abort(new Error(`no answer within ${loadTimeoutMs} ms`)),
    );
    try {
      const late = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
      const content = await Promise.race([source({ signal }), late]);
      // Whatever cannot be sent is no content.
      encodeContent(content);
      return { kind: 'loaded', content };
    } catch (error) {
      return { kind: 'failed', message: messageOf(error) };
    } finally {
      cancel();
    }
  };

  const askOnce = async (name: string, source: LoadContent): Promise<Loaded> => {
    const loaded = await ask(source);
    running.delete(name);
    retryMs.delete(name);
    if (loaded.kind === 'failed') retryMs.set(name, clock.nowMs() + reloadRetryMs);
    if (retryMs.size > FAILURES_MAX) retryMs.delete(retryMs.keys().next().value ?? '');
    return loaded;
  };

  return {
    async load(name, source) {
      const known = running.get(name);
      if (known) return known;
      if (clock.nowMs() < (retryMs.get(name) ?? 0)) return { kind: 'postponed' };
      const asked = askOnce(name, source);
      running.set(name, asked);
      return asked;
    },
  };
}
