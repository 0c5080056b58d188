import type { IncomingMessage } from 'node:http';
import { answerTo, open, type Sent } from '../support/http-client.ts';
import { longRequest } from '../support/messages.ts';

/** What a client has seen of a request when it is over. */
export interface Outcome {
  /** 0: no answer began. */
  readonly status: number;
  readonly statusText: string;
  /** Names and values in their order, without those of one connection and our id. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly ending: 'whole' | 'broken' | 'none';
}

/** Headers that belong to one connection, and the one that only the gateway sends. */
const NOT_COMPARED = new Set(['connection', 'keep-alive', 'transfer-encoding', 'x-cachewright-id']);

function comparable(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !NOT_COMPARED.has((rawHeaders[at - (at % 2)] ?? '').toLowerCase()));
}

/** Reads what comes of an answer, also when it breaks off. */
export async function watchAnswer(answer: IncomingMessage): Promise<Outcome> {
  const chunks: Buffer[] = [];
  answer.on('data', (chunk: Buffer) => chunks.push(chunk));
  answer.on('error', () => undefined);
  await new Promise((resolve) => answer.once('close', resolve));
  return {
    status: answer.statusCode ?? 0,
    statusText: answer.statusMessage ?? '',
    headers: comparable(answer.rawHeaders),
    body: Buffer.concat(chunks),
    ending: answer.complete ? 'whole' : 'broken',
  };
}

/** Sends a request worth marking and watches what becomes of it. */
export async function watchRequest(url: string, sent: Sent = {}): Promise<Outcome> {
  const body = sent.body ?? JSON.stringify(longRequest({ stream: true }));
  const outgoing = open(url, {
    ...sent,
    headers: [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(Buffer.byteLength(body)),
      ...(sent.headers ?? []),
    ],
  });
  const answered = answerTo(outgoing).catch(() => null);
  outgoing.on('error', () => undefined).end(body);
  const answer = await answered;
  if (answer) return watchAnswer(answer);
  return { status: 0, statusText: '', headers: [], body: Buffer.alloc(0), ending: 'none' };
}
