import { isObject, memberOf, type JsonObject } from './reference-json.ts';

const PATIENCE_MS = 20_000;

/** What came back for a request: status and, when accepted, the wire's `usage` or `{input_tokens}`. */
export interface Reply {
  status: number;
  body: unknown;
}

function usageFromStream(text: string): unknown {
  for (const line of text.split('\n')) {
    if (!line.startsWith('data:')) continue;
    const event: unknown = JSON.parse(line.slice('data:'.length));
    if (memberOf(event, 'type') === 'message_start')
      return { usage: memberOf(memberOf(event, 'message'), 'usage') };
  }
  return { usage: 'no message_start in the stream' };
}

/** Speaks to a running emulator over HTTP; knows nothing of how it works inside. */
export class EmulatorClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Sends a body to an endpoint; `beginAfterMs` above 0 delays the response's beginning in virtual time. */
  async send(path: string, body: string, workspace: string, beginAfterMs: number): Promise<Reply> {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'x-api-key': workspace,
      'anthropic-version': '2023-06-01',
    };
    if (beginAfterMs > 0) headers['x-emulator-begin-after-ms'] = String(beginAfterMs);
    const response = await fetch(this.#url + path, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await response.text();
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    return { status: response.status, body: isStream ? usageFromStream(text) : JSON.parse(text) };
  }

  /** Moves the manual clock. */
  async advance(ms: number): Promise<void> {
    await this.#control('/_emulator/clock', { advanceMs: ms });
  }

  /** Empties entries and script. */
  async reset(): Promise<void> {
    await this.#control('/_emulator/reset', {});
  }

  /** The emulator's own view of its entries. */
  async state(): Promise<JsonObject> {
    const response = await fetch(`${this.#url}/_emulator/entries`);
    const state: unknown = await response.json();
    if (!isObject(state)) throw new Error('entries is not an object');
    return state;
  }

  async #control(path: string, body: JsonObject): Promise<void> {
    const response = await fetch(this.#url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}
