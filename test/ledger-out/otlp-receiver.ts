import { startUpstream } from '../support/upstream.ts';

/** A point as the receiver understood it. */
export interface ReceivedPoint {
  readonly labels: Readonly<Record<string, string>>;
  /** Of a sum or gauge; of a histogram its sum. */
  readonly value: number;
  /** Of a histogram; 0 of others. */
  readonly count: number;
}

/** One push, decoded. */
export interface ReceivedPush {
  readonly path: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly metrics: ReadonlyMap<string, readonly ReceivedPoint[]>;
}

/** A receiver of OTLP over HTTP in JSON, on the loopback. */
export interface OtlpReceiver {
  readonly url: string;
  /** The next push, or one that nobody has waited for yet; in order. */
  next(): Promise<ReceivedPush>;
  /** Pushes that have come, waited for or not. */
  readonly pushes: number;
  /** What it answers from now on. */
  answerWith(status: number): void;
  close(): Promise<void>;
}

interface WireAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface WirePoint {
  readonly attributes: readonly WireAttribute[];
  readonly asDouble?: number;
  readonly asInt?: number | string;
  readonly sum?: number;
  readonly count?: number | string;
}

interface WireMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly WirePoint[]; readonly aggregationTemporality: number };
  readonly gauge?: { readonly dataPoints: readonly WirePoint[] };
  readonly histogram?: { readonly dataPoints: readonly WirePoint[] };
}

function labelsOf(attributes: readonly WireAttribute[]): Readonly<Record<string, string>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? '']));
}

function pointOf({ attributes, asDouble, asInt, sum, count }: WirePoint): ReceivedPoint {
  return { labels: labelsOf(attributes), value: Number(asDouble ?? asInt ?? sum), count: Number(count ?? 0) };
}

function decode(path: string, body: string): ReceivedPush {
  const [resourceMetrics] = JSON.parse(body).resourceMetrics;
  const metrics: readonly WireMetric[] = resourceMetrics.scopeMetrics.flatMap(
    (scope: { metrics: readonly WireMetric[] }) => scope.metrics,
  );
  return {
    path,
    resource: labelsOf(resourceMetrics.resource.attributes),
    metrics: new Map(
      metrics.map(({ name, sum, gauge, histogram }) => [
        name,
        (sum ?? gauge ?? histogram)?.dataPoints.map(pointOf) ?? [],
      ]),
    ),
  };
}

/** Starts a receiver. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const pushes: ReceivedPush[] = [];
  const waiting: ((push: ReceivedPush) => void)[] = [];
  let status = 200;
  let count = 0;
  const server = await startUpstream((request, response) => {
    count += 1;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (status === 200) {
        const push = decode(request.url ?? '', Buffer.concat(chunks).toString());
        const waiter = waiting.shift();
        if (waiter) waiter(push);
        else pushes.push(push);
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  return {
    url: server.url,
    get pushes() {
      return count;
    },
    close: () => server.close(),
    answerWith: (given) => {
      status = given;
    },
    next: () =>
      new Promise((resolve) => {
        const ready = pushes.shift();
        if (ready) resolve(ready);
        else waiting.push(resolve);
      }),
  };
}
