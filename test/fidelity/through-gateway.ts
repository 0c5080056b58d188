import { Agent } from 'node:http';
import type { GatewayOptions } from '../../src/gateway/index.ts';
import { startTestGateway, type CleanUp } from '../support/gateway.ts';
import { send, type Sent } from '../support/http-client.ts';
import { answerMessage, startRecordingUpstream, type SeenRequest } from '../support/upstream.ts';

/** Sends a body through a gateway and gives what its upstream received for it. */
export interface Passage {
  pass(body: Buffer, more?: Omit<Sent, 'body' | 'agent'>): Promise<SeenRequest>;
}

/** A gateway before an upstream that records. */
export async function startPassage(
  cleanUp: CleanUp,
  engine: GatewayOptions['engine'] = {},
): Promise<Passage> {
  const arrived = new Map<string, (seen: SeenRequest) => void>();
  const upstream = cleanUp.add(
    await startRecordingUpstream((response, seen) => {
      arrived.get(String(seen.headers['x-number']))?.(seen);
      // Kept nowhere: ten thousand bodies are too many.
      upstream.seen.length = 0;
      answerMessage(response);
    }),
  );
  const gateway = cleanUp.add(await startTestGateway(upstream.url, { engine }));
  const agent = new Agent({ keepAlive: true });
  cleanUp.add({ close: () => agent.destroy() });
  let number = 0;
  return {
    async pass(body, more = {}) {
      number += 1;
      const name = String(number);
      const received = new Promise<SeenRequest>((resolve) => arrived.set(name, resolve));
      const headers = ['x-number', name, 'x-api-key', 'k', ...(more.headers ?? [])];
      const answer = await send(gateway.url, { ...more, body, agent, headers });
      arrived.delete(name);
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.toString('utf8')}`);
      return received;
    },
  };
}

/** Runs a step for every number below `count`, a few at a time. */
export async function forEachNumber(count: number, step: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      await step(number);
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
}
