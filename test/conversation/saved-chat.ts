import { checkpointer, type Checkpointer } from '../../src/conversation/index.ts';
import type { RequestParts } from '../../src/planner/index.ts';
import { sha256Text } from '../../src/runtime/index.ts';
import { openPostgresStore, openRedisStore, openSqliteStore, type Store } from '../../src/store/index.ts';
import type { EmulatedMessage } from './emulated.ts';

export const MODEL = 'claude-sonnet-5-5';

/** What a saved chat of this number has before its messages: some are too short to be cached. */
export function promptOf(number: number): {
  readonly model: string;
  readonly maxTokens: number;
  readonly system: string;
} {
  const system = `Chat ${number}. `.repeat(number % 5 === 4 ? 3 : 300);
  return { model: MODEL, maxTokens: 64, system };
}

/** A store at the URL of a Postgres database or of a Redis server, or in a file. */
export function openPlace(place: string): Promise<Store> {
  if (place.startsWith('postgres:')) return openPostgresStore({ url: place, timeoutMs: 30_000 });
  if (place.startsWith('redis:')) return openRedisStore({ url: place, timeoutMs: 30_000 });
  return openSqliteStore({ file: place });
}

export function digest(messages: readonly object[]): string {
  return sha256Text(JSON.stringify(messages));
}

/** Every third chat is encrypted. */
export function savedOn(store: Store, number: number, nowMs: () => number): Checkpointer {
  const key = number % 3 === 0 ? { encryptionKey: new Uint8Array(32).fill(7) } : {};
  return checkpointer({ store, clock: { nowMs }, ...key });
}

/** Sends to an emulator at a URL. */
export function senderTo(url: string): (body: RequestParts) => Promise<EmulatedMessage> {
  return async (body) => {
    const headers = { 'content-type': 'application/json', 'x-api-key': 'test' };
    const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(await answer.text());
    return (await answer.json()) as EmulatedMessage;
  };
}
