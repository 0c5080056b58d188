import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { defaultOpenQuestions, isObject, type OpenQuestions } from '../core/index.ts';
import type { AnswerValue, QuestionName } from './types.ts';

/** How sure an answer is: asked more than once with one result, once, with results that contradict, or not at all. */
export type Certainty = 'repeated' | 'once' | 'unsure' | 'not-asked';

/** The answer to one question. */
export interface ProbeAnswer {
  readonly name: QuestionName;
  /** null also where no answer was found: `certainty` tells. */
  readonly value: AnswerValue;
  readonly certainty: Certainty;
  /** What each run saw, or why it could not ask. */
  readonly seen: readonly string[];
}

/** What a platform does with one model's cache. */
export interface ProbeProfile {
  readonly version: 1;
  /** Host of the service. */
  readonly platform: string;
  readonly model: string;
  /** RFC 3339. */
  readonly measuredAt: string;
  readonly answers: readonly ProbeAnswer[];
}

function profilePath(dataDir: string, platform: string, model: string): string {
  const name = `${platform}--${model}`.replaceAll(/[^\w.-]+/g, '_');
  return join(dataDir, 'profiles', `${name}.json`);
}

/** Keeps a profile in the data folder, in place of an older one; answers the file. */
export function writeProfile(dataDir: string, profile: ProbeProfile): string {
  const path = profilePath(dataDir, profile.platform, profile.model);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, path);
  return path;
}

/** The profile of a platform (its host) and a model; null where there is none that can be read. */
export function readProfile(dataDir: string, platform: string, model: string): ProbeProfile | null {
  try {
    const value: unknown = JSON.parse(readFileSync(profilePath(dataDir, platform, model), 'utf8'));
    const isProfile = isObject(value) && value['version'] === 1 && Array.isArray(value['answers']);
    return isProfile ? (value as unknown as ProbeProfile) : null;
  } catch {
    return null;
  }
}

/**
 * The switches of `core` as a profile has them: answers that are sure, defaults for the rest.
 *
 * @example openQuestionsOf(profile).entriesAre
 */
export function openQuestionsOf(profile: ProbeProfile): OpenQuestions {
  const known = profile.answers.filter(
    ({ name, certainty }) =>
      name in defaultOpenQuestions && (certainty === 'repeated' || certainty === 'once'),
  );
  return { ...defaultOpenQuestions, ...Object.fromEntries(known.map(({ name, value }) => [name, value])) };
}
