import { Pool } from 'undici';

const CONNECTIONS = 32;

/** Connections that stay open from one round to the next. */
export function openConnections(url: string): Pool {
  return new Pool(url, { connections: CONNECTIONS });
}

/** What one round of steady load showed. */
export interface SteadyRound {
  /** From when a request was due until its answer had been read. */
  readonly latenciesMs: readonly number[];
  readonly failed: number;
}

const HEADERS = {
  'content-type': 'application/json',
  'x-api-key': 'sk-ant-bench',
  'anthropic-version': '2023-06-01',
};

/**
 * Sends requests at even times, whether or not earlier ones have been answered. Generators with a closed loop send what is due
 * in a second all at once, so that what they call the latency at a rate is the time to work through a queue.
 */
export async function runSteadyLoad(
  pool: Pool,
  bodies: readonly string[],
  perSecond: number,
  seconds: number,
): Promise<SteadyRound> {
  const latenciesMs: number[] = [];
  let failed = 0;
  const send = async (index: number, dueMs: number): Promise<void> => {
    try {
      const body = bodies[index % bodies.length] ?? '';
      const { statusCode, body: answer } = await pool.request({
        path: '/v1/messages',
        method: 'POST',
        headers: HEADERS,
        body,
      });
      await answer.arrayBuffer();
      if (statusCode !== 200) failed += 1;
      latenciesMs.push(performance.now() - dueMs);
    } catch {
      failed += 1;
    }
  };
  const sent: Promise<void>[] = [];
  const began = performance.now();
  const count = perSecond * seconds;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - began) * perSecond) / 1000) + 1);
      while (sent.length < due) sent.push(send(sent.length, began + (sent.length * 1000) / perSecond));
      if (sent.length < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  await Promise.all(sent);
  return { latenciesMs, failed };
}
