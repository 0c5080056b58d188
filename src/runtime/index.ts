export {
  formatTime,
  parseTimestamp,
  systemClock,
  systemTimers,
  type CancelTimer,
  type Clock,
  type Timers,
} from './clock.ts';
export { sha256Bytes, sha256Text } from './hash.ts';
export { isLoopbackHost, refuseForeign } from './host-guard.ts';
export {
  BodyTooLargeError,
  ListenError,
  readRequestBody,
  startServer,
  type ListenOptions,
  type RunningServer,
} from './http-server.ts';
export { createLogger, LOG_LEVELS, type LogLevel, type Logger } from './logger.ts';
export { hasTracing } from './tracing.ts';
export { afterPatience, type Time } from './patience.ts';
export { afterTurn } from './turn.ts';
export { createId, createTimedId, secretBytes, seededRandom, systemRandom, type Random } from './random.ts';
