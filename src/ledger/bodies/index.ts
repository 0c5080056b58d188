/** Bodies of requests and answers, kept for people to look at; nothing of it happens unless it is asked for. */
import type { Bodies, BodyLimits } from './bodies.ts';

export type {
  Bodies,
  BodiesHealth,
  BodyChoice,
  BodyLimits,
  BodyWatch,
  KeptBodies,
  KeptBody,
} from './bodies.ts';

/** What is kept, and for how long; every member has a default. */
export interface BodyOptions extends Partial<BodyLimits> {
  /** false: what is there is shown and removed in time, and nothing is added. @default true */
  readonly isKeeping?: boolean;
  /** Days that bodies are kept. @default 3 */
  readonly days?: number;
  /** Regular expressions, without slashes and flags, of what is to be taken out besides credentials. @default none */
  readonly patterns?: readonly string[];
  /** Takes a sentence for people when bodies cannot be kept, and when they can again. */
  readonly tell?: (sentence: string) => void;
}

/** Name of the file of bodies in a data folder. */
export const BODIES_FILE = 'bodies.db';

const DAY_MS = 86_400_000;
const DAYS = 3;

/** What is kept at the most, where nothing else is said. */
export const defaultBodyLimits: BodyLimits = {
  bodyBytes: 256 * 1024,
  allBytes: 512 * 1024 * 1024,
  requests: 20_000,
};

/**
 * Judges patterns before anything is opened with them.
 *
 * @throws RangeError, with a sentence, for what is no regular expression, or matches where there is nothing.
 */
export async function checkBodyPatterns(patterns: readonly string[]): Promise<void> {
  const { compilePatterns } = await import('./patterns.ts');
  compilePatterns(patterns);
}

/**
 * Opens the bodies of a data folder; the database is loaded by this call. Credentials are taken out of them before they are
 * stored, files in base64 are replaced by their length and hash, and each has its day on which it is removed.
 *
 * @example cachewrightFetch({ bodies: await openBodies('/var/lib/my-app', { days: 1 }) })
 * @throws RangeError for patterns that are none; LedgerError `LEDGER_FOREIGN` when the file is of another program, or of a
 *   newer version.
 */
export async function openBodies(dataDir: string, options: BodyOptions = {}): Promise<Bodies> {
  const [{ BodyStore }, { systemClock, systemTimers }, path] = await Promise.all([
    import('./body-store.ts'),
    import('../../runtime/index.ts'),
    import('node:path'),
  ]);
  const { isKeeping = true, days = DAYS, patterns = [], tell = () => undefined } = options;
  const { bodyBytes, allBytes, requests } = { ...defaultBodyLimits, ...options };
  await checkBodyPatterns(patterns);
  const limits = { bodyBytes, allBytes, requests };
  const settings = { file: path.join(dataDir, BODIES_FILE), keptMs: days * DAY_MS, limits, patterns };
  return BodyStore.open({ ...settings, isKeeping, tell }, { clock: systemClock, timers: systemTimers });
}
