import { z } from 'zod';

import type { Level, Ttl } from '../core/index.ts';
import type { ByteChange } from './compare-bytes.ts';

/** One version of a content, from when to when it was current. */
export interface VersionRecord {
  /** Full SHA-256 of the bytes, in hexadecimal. */
  readonly version: string;
  readonly form: 'text' | 'json';
  /** ms since 1970 UTC. */
  readonly sinceMs: number;
  /** null while it is the current one. */
  readonly untilMs: number | null;
  readonly sizeBytes: number;
  readonly source: string | null;
  /** What made it of the version before; null for the first, and where that one was no longer there. */
  readonly change: ByteChange | null;
}

/** All that is kept of a content besides its bytes. */
export interface ContentRecord {
  readonly schema: 1;
  readonly source: string | null;
  /** null: it never ages. */
  readonly maxAgeMs: number | null;
  readonly firstSeenMs: number;
  /** When the source was last known to have these bytes. */
  readonly validatedMs: number;
  readonly changes: number;
  /** Oldest first; the last one is current. */
  readonly history: readonly VersionRecord[];
}

/** A layer of a prompt's last request. */
export interface LayerRecord {
  readonly name: string;
  readonly level: Level;
  /** Content and version that it had; null where it is not registered. */
  readonly content: { readonly name: string; readonly version: string } | null;
  /** Tokens of the prompt up to and including it. */
  readonly prefixTokens: number;
  readonly prefixId: string;
  /** TTL of the breakpoint at its end; null without one. */
  readonly ttl: Ttl | null;
}

/** An entry of the cache that a request of this prompt has written, as far as the model knows. */
export interface EntryRecord {
  readonly prefixId: string;
  readonly partition: string;
  readonly tokens: number;
  readonly ttl: Ttl;
  readonly readyMs: number;
  readonly expiresMs: number;
  readonly usedMs: number;
  readonly restsOn: string | null;
  /** The layer at whose end it lies. */
  readonly layer: string;
  /** Which of the prompt's `stacks` it was made of. */
  readonly stack: number;
}

/** A content that a prompt was made of, and as what. */
export interface Dependence {
  readonly content: string;
  readonly layer: string;
  readonly level: Level;
  readonly usedMs: number;
}

/** Requests, older ones counting less; `rate.ts` reads it. */
export interface RequestRate {
  readonly weight: number;
  readonly atMs: number;
  readonly sinceMs: number;
}

/** All that is kept of a prompt: nothing of its text. */
export interface PromptRecord {
  readonly schema: 1;
  readonly model: string;
  readonly usedMs: number;
  readonly rate: RequestRate;
  /** What was last planned with, so that a plan does not change with every measurement. */
  readonly plannedPerHour: number | null;
  readonly plannedIntervalMs: Readonly<Record<string, number>>;
  /** In prompt order. */
  readonly layers: readonly LayerRecord[];
  readonly dependsOn: readonly Dependence[];
  /** Versions by content, of which entries were made. */
  readonly stacks: readonly Readonly<Record<string, string>>[];
  readonly entries: readonly EntryRecord[];
  /** Until when an entry may live that was dropped to stay within limits. */
  readonly droppedUntilMs: number;
}

const time = z.number().nonnegative();
const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[\da-f]{64}$/);
const level = z.enum(['tools', 'system', 'messages']);
const ttl = z.enum(['5m', '1h']);

const byteChange: z.ZodType<ByteChange> = z.object({
  startByte: count,
  endByte: count,
  newEndByte: count,
  before: z.string(),
  after: z.string(),
});

const versionRecord: z.ZodType<VersionRecord> = z.object({
  version: sha256,
  form: z.enum(['text', 'json']),
  sinceMs: time,
  untilMs: time.nullable(),
  sizeBytes: count,
  source: z.string().nullable(),
  change: byteChange.nullable(),
});

const contentRecord: z.ZodType<ContentRecord> = z.object({
  schema: z.literal(1),
  source: z.string().nullable(),
  maxAgeMs: z.number().positive().nullable(),
  firstSeenMs: time,
  validatedMs: time,
  changes: count,
  history: z.array(versionRecord).min(1),
});

const layerRecord: z.ZodType<LayerRecord> = z.object({
  name: z.string(),
  level,
  content: z.object({ name: z.string(), version: sha256 }).nullable(),
  prefixTokens: count,
  prefixId: z.string(),
  ttl: ttl.nullable(),
});

const entryRecord: z.ZodType<EntryRecord> = z.object({
  prefixId: z.string(),
  partition: z.string(),
  tokens: count,
  ttl,
  readyMs: time,
  expiresMs: time,
  usedMs: time,
  restsOn: z.string().nullable(),
  layer: z.string(),
  stack: count,
});

const promptRecord: z.ZodType<PromptRecord> = z.object({
  schema: z.literal(1),
  model: z.string(),
  usedMs: time,
  rate: z.object({ weight: z.number().nonnegative(), atMs: time, sinceMs: time }),
  plannedPerHour: z.number().nonnegative().nullable(),
  plannedIntervalMs: z.record(z.string(), z.number().positive()),
  layers: z.array(layerRecord),
  dependsOn: z.array(z.object({ content: z.string(), layer: z.string(), level, usedMs: time })),
  stacks: z.array(z.record(z.string(), sha256)),
  entries: z.array(entryRecord),
  droppedUntilMs: time,
});

export function readContentRecord(json: unknown): ContentRecord | null {
  return contentRecord.safeParse(json).data ?? null;
}

export function readPromptRecord(json: unknown): PromptRecord | null {
  return promptRecord.safeParse(json).data ?? null;
}

/** The version that holds now. */
export function currentVersion(record: ContentRecord): VersionRecord {
  const current = record.history.at(-1);
  if (!current) throw new RangeError('a content without a version');
  return current;
}
