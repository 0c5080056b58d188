import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { InvalidArgumentError, Option, type Command } from 'commander';

import {
  BODIES_FILE,
  checkBodyPatterns,
  defaultBodyLimits,
  openBodies,
  type Bodies,
} from '../ledger/index.ts';
import { UsageError } from './errors.ts';

/** What says whether bodies of requests are kept, how long, and how much of them. */
export interface BodyFlags {
  /** Days; absent or 'off': not at all. */
  readonly keepBodies?: number | 'off';
  readonly keepBodiesKib: number;
  readonly keepBodiesMib: number;
  readonly keepBodiesMax: number;
  /** Regular expressions of what else is taken out. */
  readonly keepBodiesRedact?: readonly string[];
  readonly ledgerDays: number;
  readonly dataDir: string;
}

/** Days that bodies are kept where none are said. */
const DAYS = 3;

const KIB = 1_024;

/** `--check`: can the patterns be understood? */
export async function checkBodies({ keepBodiesRedact = [] }: BodyFlags): Promise<void> {
  await checkBodyPatterns(keepBodiesRedact).catch((error: unknown) => {
    throw error instanceof RangeError ? new UsageError(`--keep-bodies-redact: ${error.message}`) : error;
  });
}

/**
 * Bodies as the flags want them; null where there are none. What was kept before is shown and removed in its time, also by
 * a gateway that keeps no more.
 */
export async function openServeBodies(
  flags: BodyFlags,
  tell: (sentence: string) => void,
): Promise<Bodies | null> {
  const { keepBodies = 'off', ledgerDays, dataDir } = flags;
  const isKeeping = keepBodies !== 'off';
  if (!isKeeping && !existsSync(join(dataDir, BODIES_FILE))) return null;
  await checkBodies(flags);
  return openBodies(dataDir, {
    isKeeping,
    // A record that is gone has nothing to look up bodies by.
    days: Math.min(isKeeping ? keepBodies : DAYS, ledgerDays),
    bodyBytes: flags.keepBodiesKib * KIB,
    allBytes: flags.keepBodiesMib * KIB * KIB,
    requests: flags.keepBodiesMax,
    patterns: flags.keepBodiesRedact ?? [],
    tell,
  });
}

function parseWhole(max: number): (text: string) => number {
  return (text) => {
    const whole = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (whole > 0 && whole <= max) return whole;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}

function parseDays(text: string): number | 'off' {
  return text === 'off' ? text : parseWhole(99_999)(text);
}

function addPattern(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** Adds the options that `BodyFlags` come from. */
export function addBodyOptions(command: Command): void {
  const limit = (name: string, sense: string, preset: number, max: number, env: string): void =>
    void command.addOption(
      new Option(`--${name} <number>`, sense).default(preset).env(env).argParser(parseWhole(max)),
    );
  command.addOption(
    new Option(
      '--keep-bodies [days]',
      `keep what requests and answers say, without credentials, for so many days (${DAYS}) and never longer than records; off without it`,
    )
      .preset(String(DAYS))
      .env('CACHEWRIGHT_KEEP_BODIES')
      .argParser(parseDays),
  );
  const { bodyBytes, allBytes, requests } = defaultBodyLimits;
  limit(
    'keep-bodies-kib',
    'KiB that are kept of one body',
    bodyBytes / KIB,
    8_192,
    'CACHEWRIGHT_KEEP_BODIES_KIB',
  );
  limit(
    'keep-bodies-mib',
    'MiB that all of them take; the oldest go first',
    allBytes / KIB / KIB,
    1e6,
    'CACHEWRIGHT_KEEP_BODIES_MIB',
  );
  limit('keep-bodies-max', 'requests of which they are kept', requests, 1e8, 'CACHEWRIGHT_KEEP_BODIES_MAX');
  command.addOption(
    new Option(
      '--keep-bodies-redact <pattern>',
      'regular expression of what else is taken out of them; may be given again',
    ).argParser(addPattern),
  );
}
