import type { Send, UpstreamAnswer } from '../../src/responses/index.ts';
import { messageEvents, messageJson } from '../support/messages.ts';

/** One request that came to the upstream, and what is to be answered. */
export interface Asked {
  readonly body: Record<string, unknown>;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly number: number;
}

export type Answerer = (asked: Asked) => UpstreamAnswer | Promise<UpstreamAnswer>;

/** An upstream within the test. */
export interface TestUpstream {
  readonly send: Send;
  readonly asked: readonly Asked[];
}

async function* chunksOf(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

export function jsonAnswer(json: string = messageJson(), status = 200): UpstreamAnswer {
  return { status, headers: { 'Content-Type': 'application/json' }, body: chunksOf([json]) };
}

export function sseAnswer(events: readonly string[] = messageEvents()): UpstreamAnswer {
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: chunksOf(events) };
}

/** A message whose text says which it is. */
function numbered(number: number): string {
  return messageJson().replace('Fine.', `Answer ${number}.`);
}

export function numberedEvents(number: number): readonly string[] {
  return messageEvents().map((event) => event.replace('Fine.', `Answer ${number}.`));
}

/** Answers in the form that is asked for, each answer with its number. */
export function plainAnswer({ body, number }: Asked): UpstreamAnswer {
  return body['stream'] === true ? sseAnswer(numberedEvents(number)) : jsonAnswer(numbered(number));
}

export function createUpstream(answer: Answerer = plainAnswer): TestUpstream {
  const asked: Asked[] = [];
  return {
    asked,
    async send(body, headers, signal) {
      const json = JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString()) as Record<
        string,
        unknown
      >;
      const entry = { body: json, headers, signal, number: asked.length + 1 };
      asked.push(entry);
      return answer(entry);
    },
  };
}

/** A request that is eligible. */
export function request(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    model: 'claude-opus-5-5',
    max_tokens: 64,
    temperature: 0,
    messages: [{ role: 'user', content: 'How are you?' }],
    ...more,
  });
}

export const HEADERS: Readonly<Record<string, string>> = {
  'x-api-key': 'sk-test',
  'anthropic-version': '2023-06-01',
};

export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** A long answer that is of one number alone. */
export function answerText(number: number): string {
  return messageJson().replace('Fine.', `${number} `.repeat(4_000 + 100 * number));
}
