import {
  Agent,
  request,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';

/** What a test sends; headers as a flat list of names and values, so that order and spelling are its own. */
export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: Uint8Array | string;
  readonly agent?: Agent;
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** Begins a request: the caller writes the body and ends it. */
export function open(
  url: string,
  { method = 'POST', path = '/v1/messages', headers = [], agent }: Sent = {},
): ClientRequest {
  const target = new URL(url);
  const host = headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
    ? []
    : ['Host', target.host];
  return request({
    host: target.hostname,
    port: target.port,
    method,
    path,
    headers: [...host, ...headers],
    agent: agent ?? new Agent({ keepAlive: false }),
  });
}

/** The answer's head; its body is still to come. */
export function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
}

/** The body that is left of an answer; rejects when it breaks off. */
export async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Sends a whole request and reads the whole answer. */
export async function send(url: string, sent: Sent = {}): Promise<Answer> {
  const length = sent.body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(sent.body))];
  const outgoing = open(url, { ...sent, headers: [...(sent.headers ?? []), ...length] });
  const answered = answerTo(outgoing);
  outgoing.end(sent.body);
  const answer = await answered;
  const body = await bodyOf(answer);
  return { status: answer.statusCode ?? 0, headers: answer.headers, rawHeaders: answer.rawHeaders, body };
}

/** Sends a value as JSON, a string as it is. */
export function sendJson(url: string, value: unknown, sent: Sent = {}): Promise<Answer> {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  return send(url, { ...sent, headers: ['Content-Type', 'application/json', ...(sent.headers ?? [])], body });
}

/** Reads a JSON document of the admin listener. */
export async function getJson(
  url: string,
  path: string,
  headers: readonly string[] = [],
): Promise<{ status: number; value: ReturnType<typeof JSON.parse> }> {
  const { status, body } = await send(url, { method: 'GET', path, headers });
  return { status, value: JSON.parse(body.toString('utf8')) };
}
