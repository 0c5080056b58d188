import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageJson } from './messages.ts';

/** A request as it reached the upstream. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Answers one request. */
export type Answerer = (response: ServerResponse, seen: SeenRequest) => void;

/** An upstream that runs in this process. */
export interface TestUpstream {
  readonly url: string;
  close(): Promise<void>;
}

/** An upstream that keeps what it was sent. */
export interface RecordingUpstream extends TestUpstream {
  readonly seen: SeenRequest[];
}

/** Starts an upstream that does with a request what the test wants, body unread. */
export async function startUpstream(listener: RequestListener): Promise<TestUpstream> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A message, as JSON. */
export function answerMessage(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(messageJson());
}

/** Starts an upstream that reads requests whole, keeps them, and answers. */
export async function startRecordingUpstream(answer: Answerer = answerMessage): Promise<RecordingUpstream> {
  const seen: SeenRequest[] = [];
  const upstream = await startUpstream((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', rawHeaders, headers } = request;
      const entry = { method, path, rawHeaders, headers, body: Buffer.concat(chunks) };
      seen.push(entry);
      answer(response, entry);
    });
  });
  return { ...upstream, seen };
}
