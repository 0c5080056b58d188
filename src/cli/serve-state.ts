import { join } from 'node:path';

import { Option, type Command } from 'commander';

import {
  keepLearnedState,
  shareLearnedState,
  type LearnedState,
  type SharedLearning,
} from '../engine/index.ts';
import { systemClock, systemTimers } from '../runtime/index.ts';
import { openRedisFeed, openStateFile, reachRedis, type ChangeFeed } from '../store/index.ts';
import { readInstallationSecret, readSharedSecret } from './data-dir.ts';
import { CommandError, UsageError } from './errors.ts';
import { parseFactor } from './options.ts';

/** What says where state is kept, and with whom it is shared. */
export interface StateFlags {
  readonly dataDir: string;
  readonly secretFile?: string;
  /** Seconds. */
  readonly stateEvery: number;
  /** May hold a password: it is never printed. */
  readonly redis?: string;
}

/** State that is kept, and shared where there is somebody to share it with. */
export interface ServeState {
  /** Saves and tells what is left. */
  close(): Promise<void>;
}

/** Name of the file in the data folder. */
const STATE_FILE = 'learned-state.bin';

function tell(sentence: string): void {
  process.stderr.write(`cachewright: ${sentence}\n`);
}

/** The secret of the fleet, or of this installation. */
export function readSecret({ dataDir, secretFile }: StateFlags): Uint8Array {
  if (secretFile !== undefined) return readSharedSecret(secretFile);
  const { secret, warning } = readInstallationSecret(dataDir);
  if (warning !== null) tell(warning);
  return secret;
}

/** An error about the URL of `--redis` as one of usage; the URL itself is not shown. */
function asUsage(error: unknown): unknown {
  return error instanceof RangeError ? new UsageError(`--redis: ${error.message}`) : error;
}

/** `--check`: does Redis answer, where there is one? */
export async function checkRedis({ redis }: StateFlags): Promise<void> {
  if (redis === undefined) return;
  const failure = await reachRedis(redis).catch((error: unknown) => {
    throw asUsage(error);
  });
  if (failure !== null) throw new CommandError(failure);
}

async function openFeed(url: string, name: string): Promise<ChangeFeed> {
  try {
    return await openRedisFeed({ url, name });
  } catch (error) {
    throw asUsage(error);
  }
}

/** Loads what was learned before, keeps it from now on, and shares it through Redis where there is one. */
export async function openServeState(
  state: LearnedState & SharedLearning,
  secret: Uint8Array,
  { dataDir, stateEvery, redis }: StateFlags,
): Promise<ServeState> {
  const common = { state, clock: systemClock, timers: systemTimers, tell };
  const place = await openStateFile(join(dataDir, STATE_FILE));
  const kept = await keepLearnedState({ ...common, place, everyMs: stateEvery * 1000 });
  if (redis === undefined) return kept;
  const { loadedFromMs: knownUntilMs } = kept;
  const shared = await shareLearnedState({
    ...common,
    secret,
    knownUntilMs,
    openFeed: (name) => openFeed(redis, name),
  });
  return {
    async close() {
      await shared.close();
      await kept.close();
    },
  };
}

/** Adds the options that `StateFlags` come from. */
export function addStateOptions(command: Command, defaultDataDir: string): void {
  command
    .addOption(
      new Option(
        '--data-dir <folder>',
        'where state is kept: the secret of this installation, what was learned',
      )
        .default(defaultDataDir)
        .env('CACHEWRIGHT_DATA_DIR'),
    )
    .addOption(
      new Option('--state-every <seconds>', 'how often what was learned is saved')
        .default(60)
        .env('CACHEWRIGHT_STATE_EVERY')
        .argParser(parseFactor),
    )
    .addOption(
      new Option(
        '--redis <url>',
        'what the gateways on this server share: what is learned, the gate, keep-alive, kept answers',
      ).env('CACHEWRIGHT_REDIS'),
    )
    .addOption(
      new Option('--secret-file <file>', 'the secret that all gateways of a fleet have in common').env(
        'CACHEWRIGHT_SECRET_FILE',
      ),
    );
}
