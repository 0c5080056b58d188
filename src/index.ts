/**
 * Cachewright as a library: the parts are also importable one by one from their subpaths.
 */
export { startEmulator } from './emulator/index.ts';
export { analyseRequest, createEngine } from './engine/index.ts';
export { startGateway } from './gateway/index.ts';
