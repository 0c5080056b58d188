import { startGateway, type GatewayOptions, type RunningGateway } from '../../src/gateway/index.ts';
import { watchLedger, type WatchedLedger } from './ledger.ts';

/** A gateway on free ports, with a ledger to wait for. */
export interface TestGateway extends RunningGateway {
  readonly url: string;
  readonly ledger: WatchedLedger;
}

/** Starts a gateway for a test. */
export async function startTestGateway(
  upstreamUrl: string,
  options: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const ledger = watchLedger();
  const free = { host: '127.0.0.1', port: 0 };
  const gateway = await startGateway({
    upstreamUrl,
    listen: free,
    adminListen: free,
    ...options,
    engine: { ledger, ...options.engine },
  });
  return { ...gateway, url: gateway.data.url, ledger };
}

/** Undoes what a test has started, last first. */
export class CleanUp {
  readonly #steps: (() => unknown)[] = [];

  /** Keeps something to close, and gives it back. */
  add<Thing extends { close(): unknown }>(thing: Thing): Thing {
    this.#steps.push(() => thing.close());
    return thing;
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }
}
