/**
 * Cachewright as a library: the parts are also importable one by one from their subpaths. Importing this loads no
 * server: the gateway and the emulator are loaded when they are started.
 */
import type { startEmulator as StartEmulator } from './emulator/index.ts';
import type { startGateway as StartGateway } from './gateway/index.ts';

export {
  cachewright,
  cachewrightFetch,
  type CachewrightFetch,
  type CachewrightFetchOptions,
  type CachewrightMiddleware,
  type CachewrightOptions,
} from './client/index.ts';
export { analyseRequest, createEngine } from './engine/index.ts';

/** Starts an emulator of the API; see `cachewright/emulator`. */
export const startEmulator: typeof StartEmulator = async (...given) =>
  (await import('./emulator/index.ts')).startEmulator(...given);

/** Starts a gateway; see `cachewright/gateway`. */
export const startGateway: typeof StartGateway = async (...given) =>
  (await import('./gateway/index.ts')).startGateway(...given);
