import { connect, type Socket } from 'node:net';

/** What one round of load showed. */
export interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not the ones wanted. */
  readonly failed: number;
}

/** What every answer must be. */
export interface Wanted {
  readonly bodyBytes: number;
  /** Part of the head of every answer, in lower case. */
  readonly headPart: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** Requests as they go over the wire. */
export function wireRequests(bodies: readonly string[]): readonly Buffer[] {
  return bodies.map((body) =>
    Buffer.from(
      [
        'POST /v1/messages HTTP/1.1',
        'host: 127.0.0.1',
        'content-type: application/json',
        'x-api-key: sk-ant-bench',
        'anthropic-version: 2023-06-01',
        'user-agent: bench',
        'accept: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
        '',
        body,
      ].join('\r\n'),
    ),
  );
}

/** One connection that sends its next request when its last one is answered; as little work an answer as can be. */
class Connection {
  readonly #socket: Socket;
  readonly #wanted: Wanted;
  readonly #onAnswer: (isWanted: boolean) => void;
  #head: Buffer = Buffer.alloc(0);
  /** Bytes of the body that are still to come; null before the end of the head. */
  #left: number | null = null;
  #isWanted = false;

  constructor(port: number, wanted: Wanted, onAnswer: (isWanted: boolean) => void) {
    this.#wanted = wanted;
    this.#onAnswer = onAnswer;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => onAnswer(false));
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bodyBytes = chunk.length;
    if (this.#left === null) {
      const gathered = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
      const end = gathered.indexOf(HEAD_END);
      this.#head = gathered;
      if (end < 0) return;
      const head = gathered.toString('latin1', 0, end).toLowerCase();
      const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? Number.NaN);
      const { bodyBytes: wantedBytes, headPart } = this.#wanted;
      this.#isWanted = head.startsWith('http/1.1 200') && head.includes(headPart) && length === wantedBytes;
      // What comes in chunks has no place in this benchmark: it fails, and its connection is of no more use.
      this.#left = length;
      bodyBytes = gathered.length - end - HEAD_END.length;
    }
    this.#left -= bodyBytes;
    if (this.#left > 0) return;
    this.#left = null;
    this.#head = Buffer.alloc(0);
    this.#onAnswer(this.#isWanted);
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Closed loop over so many connections, for so many seconds. */
export function runRound(
  port: number,
  requests: readonly Buffer[],
  wanted: Wanted,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<Round> {
  return new Promise((resolve) => {
    const timesMs: number[] = [];
    const open: Connection[] = [];
    let next = 0;
    let failed = 0;
    const from = performance.now();
    const untilMs = from + seconds * 1000;
    const finish = (): void => {
      for (const connection of open) connection.close();
      const sorted = timesMs.toSorted((a, b) => a - b);
      const tookS = (performance.now() - from) / 1000;
      const requestsPerSecond = sorted.length / tookS;
      resolve({ requestsPerSecond, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), failed });
    };
    const startOne = (): void => {
      let sentMs = 0;
      const send = (): void => {
        sentMs = performance.now();
        connection.send(requests[(next += 1) % requests.length] ?? Buffer.alloc(0));
      };
      const connection: Connection = new Connection(port, wanted, (isWanted) => {
        const nowMs = performance.now();
        if (isWanted) timesMs.push(nowMs - sentMs);
        else failed += 1;
        if (nowMs < untilMs && failed < 100) return send();
        return finish();
      });
      open.push(connection);
      send();
    };
    for (let index = 0; index < connections; index += 1) startOne();
  });
}
