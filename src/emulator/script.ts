import { z } from 'zod';

import type { JsonObject } from '../core/index.ts';
import { errorTypeFor, type ApiError } from './errors.ts';

const SCRIPTED_USAGES = ['as-if-evicted', 'hour-as-5m'] as const;

/** How a request may be billed otherwise than asked. */
export type ScriptedUsage = (typeof SCRIPTED_USAGES)[number];

/** What the emulator is told to answer next; members may be combined. */
export interface ScriptEntry {
  readonly text?: string | undefined;
  readonly content?: readonly JsonObject[] | undefined;
  readonly stop_reason?: string | undefined;
  /** What a compaction writes down; null: it fails. */
  readonly summary?: string | null | undefined;
  /** An error answer with this status. */
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly message?: string | undefined;
  readonly retryAfterS?: number | undefined;
  /** Ends the connection after this many bytes of the body. */
  readonly cutAfterBytes?: number | undefined;
  /** Waits: before a JSON answer, after the first event of a stream. */
  readonly stallMs?: number | undefined;
  /** Bills otherwise than asked: as if no entry of this prompt were left, or five minutes for what was to live an hour. */
  readonly usage?: ScriptedUsage | undefined;
}

const contentBlock: z.ZodType<JsonObject> = z.looseObject({ type: z.string() });

/** One entry of the queue that `POST /_emulator/script` fills. */
const scriptEntry: z.ZodType<ScriptEntry> = z.strictObject({
  text: z.string().optional(),
  content: z.array(contentBlock).optional(),
  stop_reason: z.string().optional(),
  summary: z.string().nullable().optional(),
  status: z.number().int().min(400).max(599).optional(),
  error: z.string().optional(),
  message: z.string().optional(),
  retryAfterS: z.number().nonnegative().optional(),
  cutAfterBytes: z.number().int().nonnegative().optional(),
  stallMs: z.number().nonnegative().optional(),
  usage: z.enum(SCRIPTED_USAGES).optional(),
});

/** Longest queue of scripted answers. */
const QUEUE_MAX = 100_000;

/** A queue of scripted answers, taken in order. */
export interface ScriptQueue {
  readonly size: number;
  /** Appends one entry or an array of them; gives a sentence when they are malformed. */
  append(value: unknown): string | null;
  take(): ScriptEntry | null;
  clear(): void;
}

export function createScriptQueue(): ScriptQueue {
  let queue: ScriptEntry[] = [];
  return {
    get size() {
      return queue.length;
    },
    append(value) {
      const parsed = z.array(scriptEntry).safeParse(Array.isArray(value) ? value : [value]);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        return `script ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`;
      }
      if (queue.length + parsed.data.length > QUEUE_MAX)
        return `the script queue holds at most ${QUEUE_MAX} entries`;
      queue.push(...parsed.data);
      return null;
    },
    take: () => queue.shift() ?? null,
    clear: () => {
      queue = [];
    },
  };
}

/** The error that an entry scripts; null when it scripts an answer. */
export function scriptedError(entry: ScriptEntry): ApiError | null {
  if (entry.status === undefined) return null;
  const type = entry.error ?? errorTypeFor(entry.status);
  return {
    status: entry.status,
    type,
    message: entry.message ?? `scripted ${type}`,
    ...(entry.retryAfterS === undefined ? {} : { retryAfterS: entry.retryAfterS }),
  };
}
