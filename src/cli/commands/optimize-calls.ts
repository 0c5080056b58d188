import { dirname } from 'node:path';

import { resolveModel } from '../../core/index.ts';
import {
  describeFileError,
  findLogs,
  readCalls,
  UnreadableFileError,
  type LoggedCall,
} from '../../logs/index.ts';
import {
  measurePrompt,
  measureReads,
  measureUsage,
  type BilledTime,
  type MeasuredRequest,
  type UsageCall,
} from '../../planner/index.ts';

/** What makes calls one family: their file, the folder that it is in, or nothing. */
export type FamilyBy = 'file' | 'folder' | 'all';

/** The calls of one family, oldest first. */
export interface CallFamily {
  readonly name: string;
  readonly calls: readonly LoggedCall[];
  /** Older ones that were too many to keep. */
  readonly leftOut: number;
}

/** What logs came to. */
export interface GatheredCalls {
  readonly families: readonly CallFamily[];
  readonly files: number;
  readonly calls: number;
  /** Files of which something, or everything, could not be read, in words. */
  readonly notes: readonly { readonly path: string; readonly note: string }[];
  /** Those of them that gave nothing at all. */
  readonly unreadable: readonly string[];
}

/** Calls kept of one family, twice what the optimiser looks at. */
const CALLS_MAX = 10_000;

/** Collects the newest calls of a family, each once. */
class FamilyCalls {
  #calls: LoggedCall[] = [];
  #leftOut = 0;

  add(call: LoggedCall): void {
    this.#calls.push(call);
    if (this.#calls.length >= 2 * CALLS_MAX) this.#settle();
  }

  end(name: string): CallFamily {
    this.#settle();
    return { name, calls: this.#calls, leftOut: this.#leftOut };
  }

  #settle(): void {
    const once = new Map<string, LoggedCall>();
    for (const call of this.#calls) if (!once.has(call.key)) once.set(call.key, call);
    const ordered = [...once.values()].toSorted((a, b) => a.atMs - b.atMs);
    this.#leftOut += Math.max(0, ordered.length - CALLS_MAX);
    this.#calls = ordered.slice(-CALLS_MAX);
  }
}

function familyOf(path: string, by: FamilyBy): string {
  if (by === 'all') return 'all';
  return by === 'file' ? path : dirname(path);
}

/** A call of which the log holds neither its usage nor its prompt says nothing. */
const isTelling = ({ usage, prompt }: LoggedCall): boolean => usage !== null || prompt !== null;

/** Reads a file's calls into a family; gives what was wrong with it, and whether anything was read. */
async function readFile(
  path: string,
  dayMs: number,
  family: FamilyCalls,
): Promise<{ readonly note: string | null; readonly isRead: boolean }> {
  const { calls, reading } = readCalls(path, { dayMs });
  try {
    for await (const call of calls) if (isTelling(call)) family.add(call);
  } catch (error) {
    const note = error instanceof UnreadableFileError ? error.message : describeFileError(error);
    return { note, isRead: reading.knownLines > 0 };
  }
  const { lines, knownLines, badLines } = reading;
  if (knownLines === 0) return { note: 'holds no log of calls', isRead: false };
  return { note: badLines > 0 ? `${badLines} of ${lines} lines passed over` : null, isRead: true };
}

/** Reads logs of any known form into families, one file after the other. */
export async function gatherCalls(
  paths: readonly string[],
  { by, dayMs }: { readonly by: FamilyBy; readonly dayMs: number },
): Promise<GatheredCalls> {
  const { files, problems } = await findLogs(paths);
  const notes = problems.map(({ path, problem }) => ({ path, note: problem }));
  const unreadable = problems.map(({ path }) => path);
  const collected = new Map<string, FamilyCalls>();
  for (const path of files) {
    const name = familyOf(path, by);
    const family = collected.get(name) ?? new FamilyCalls();
    collected.set(name, family);
    const { note, isRead } = await readFile(path, dayMs, family);
    if (note !== null) notes.push({ path, note });
    if (!isRead) unreadable.push(path);
  }
  const families = [...collected]
    .map(([name, family]) => family.end(name))
    .filter(({ calls }) => calls.length > 0);
  const count = families.reduce((sum, { calls, leftOut }) => sum + calls.length + leftOut, 0);
  return { families, files: files.length, calls: count, notes, unreadable };
}

/** Calls of which only the usage is known, as the optimiser reads them. */
function usageOf(name: string, calls: readonly LoggedCall[]): readonly UsageCall[] {
  return calls.flatMap(({ prompt, usage: billed, conversation, model, atMs, readyMs }) =>
    prompt === null && billed !== null ? [{ family: name, conversation, model, atMs, readyMs, billed }] : [],
  );
}

/** The gateway's records do not say which conversation a call is of. */
const namesNoConversation = ({ format }: LoggedCall): boolean => format === 'gateway';

/**
 * The calls as the optimiser takes them: with the ends of tools and system where the log holds the request; else with
 * the tail, and what it shares with others of its conversation, or what was read where the log names none.
 */
export function measureCalls({ name, calls }: CallFamily): readonly MeasuredRequest[] {
  const prompts = calls.flatMap(({ prompt, usage: billed, atMs, readyMs }) => {
    if (prompt === null) return [];
    const partition = `${prompt.chain.partition}\n${prompt.cache}`;
    return [
      measurePrompt(prompt.prompt, { ...prompt.chain, partition }, { family: name, atMs, readyMs, billed }),
    ];
  });
  const talks = calls.filter((call) => !namesNoConversation(call));
  const measured = [
    ...prompts,
    ...measureUsage(usageOf(name, talks)),
    ...measureReads(usageOf(name, calls.filter(namesNoConversation))),
  ];
  return measured.toSorted((a, b) => a.atMs - b.atMs);
}

/** What was billed for a family and model after a time; null where nothing was. */
export function billedSince(
  { calls, leftOut }: CallFamily,
  modelId: string,
  sinceMs: number,
): BilledTime | null {
  const oldestMs = calls[0]?.atMs ?? sinceMs;
  const fromMs = leftOut > 0 ? Math.max(sinceMs, oldestMs) : sinceMs;
  const requests = calls.flatMap(({ model, atMs, usage }) =>
    usage !== null && atMs > fromMs && resolveModel(model).facts.id === modelId
      ? [{ atMs, billed: usage }]
      : [],
  );
  const toMs = calls.at(-1)?.atMs ?? fromMs;
  return requests.length === 0 ? null : { fromMs, toMs, requests };
}
