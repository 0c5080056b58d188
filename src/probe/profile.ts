import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
  return readFile(profilePath(dataDir, platform, model));
}

/** The profiles of a platform, for all models that were asked. */
export function readProfiles(dataDir: string, platform: string): readonly ProbeProfile[] {
  try {
    const folder = join(dataDir, 'profiles');
    const found = readdirSync(folder).flatMap((name) => readFile(join(folder, name)) ?? []);
    return found.filter((profile) => profile.platform === platform);
  } catch {
    return [];
  }
}

function readFile(path: string): ProbeProfile | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const isProfile = isObject(value) && value['version'] === 1 && Array.isArray(value['answers']);
    return isProfile ? (value as unknown as ProbeProfile) : null;
  } catch {
    return null;
  }
}

/**
 * The switches on which all profiles agree that are sure of them; the default where they contradict each other or none is
 * sure. `told` names the profiles' models by switch that is not the default.
 */
export function agreedQuestions(profiles: readonly ProbeProfile[]): {
  readonly open: OpenQuestions;
  readonly told: readonly string[];
} {
  const sure = profiles
    .flatMap(({ model, answers }) => answers.map((answer) => ({ ...answer, model })))
    .filter(({ certainty }) => certainty === 'repeated' || certainty === 'once');
  const names = Object.keys(defaultOpenQuestions) as (keyof OpenQuestions)[];
  const agreed = names.flatMap((name) => {
    const answers = sure.filter((answer) => answer.name === name);
    const values = new Set(answers.map(({ value }) => value));
    const [value] = values;
    if (values.size !== 1 || value === defaultOpenQuestions[name]) return [];
    return [{ name, value, models: answers.map(({ model }) => model) }];
  });
  const open = {
    ...defaultOpenQuestions,
    ...Object.fromEntries(agreed.map(({ name, value }) => [name, value])),
  };
  return {
    open,
    told: agreed.map(({ name, value, models }) => `${name} is ${value} (${models.join(', ')})`),
  };
}
