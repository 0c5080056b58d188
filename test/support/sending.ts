import { messageJson } from './messages.ts';

/** A request as it left the library. */
export interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  /** As it was handed to `fetch`. */
  readonly body: unknown;
  /** As it would go over the wire. */
  readonly bytes: Buffer;
}

/** Answers one request; the number counts from 0. */
export type Answer = (sent: Sent, number: number) => Response | Promise<Response>;

/** A `fetch` that answers by itself and keeps what it was asked to send. */
export interface RecordingSender {
  readonly fetch: typeof fetch;
  readonly sent: readonly Sent[];
}

/** A message as JSON, answered with 200. */
export function messageAnswer(): Response {
  return jsonAnswer(200, messageJson());
}

export function jsonAnswer(status: number, json: string): Response {
  return new Response(json, { status, headers: { 'content-type': 'application/json' } });
}

/** The API's error, as its answer. */
export function errorAnswer(status: number, type: string, message: string): Response {
  return jsonAnswer(status, JSON.stringify({ type: 'error', error: { type, message } }));
}

/** What the network does, without a network. */
export function createSender(answer: Answer = messageAnswer): RecordingSender {
  const sent: Sent[] = [];
  return {
    sent,
    async fetch(input, init) {
      const request = new Request(
        input,
        init?.body instanceof ReadableStream ? { ...init, duplex: 'half' } : init,
      );
      const { url, method, headers } = request;
      const bytes = Buffer.from(await request.arrayBuffer());
      const entry = { url, method, headers, body: init?.body, bytes };
      sent.push(entry);
      return answer(entry, sent.length - 1);
    },
  };
}
