/**
 * A gateway whose first level has room for nothing, so that every hit comes from Redis. Prints its port.
 *
 *     node bench/responses/store-gateway.ts UPSTREAM REDIS_URL
 */
import { createResponseTier } from '../../src/engine/index.ts';
import { startGateway } from '../../src/gateway/index.ts';
import { openRedisCache } from '../../src/store/index.ts';

const [upstreamUrl = '', redisUrl = ''] = process.argv.slice(2);
const free = { host: '127.0.0.1', port: 0 };
/** Longer than a busy machine may need: how long requests wait for a store is for the tests of faults. */
const WAIT_MS = 2_000;
const store = await openRedisCache({ url: redisUrl, name: 'bench', timeoutMs: WAIT_MS });
const responses = createResponseTier({
  isOn: true,
  secret: 'the secret of the benchmark',
  store,
  ttlMs: 3_600_000,
  storeWaitMs: WAIT_MS,
  memoryBytesMax: 1,
});
const gateway = await startGateway({ upstreamUrl, listen: free, adminListen: free, responses });
process.stdout.write(`${gateway.data.port}\n`);
