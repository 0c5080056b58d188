import type { Level, RequestRecord } from './types.ts';

/** A request whose prompt was read, with what is known of its parts from those before it. */
export interface PlannedRequest {
  readonly record: RequestRecord;
  readonly parts: readonly PromptPart[];
}

/** A level of a prompt, and how often it was another than in the request before. */
export interface PromptPart {
  readonly level: Level;
  readonly name: string;
  readonly blocks: number;
  readonly bytes: number;
  readonly changes: number;
  /** Pairs of requests that were compared. */
  readonly compared: number;
}

const NAMES: Readonly<Record<Level, string>> = {
  tools: 'Tools',
  system: 'System prompt',
  messages: 'Conversation',
};

/** Requests of one program, as far as records tell: of one scope, model and tags. */
function programOf({ scope, model, tags }: RequestRecord): string {
  return [scope, model, ...tags].join('\n');
}

function hasChanged(level: Level, older: RequestRecord, newer: RequestRecord): boolean {
  if (level === 'tools') return older.shape?.toolsHash !== newer.shape?.toolsHash;
  if (level === 'system') return older.shape?.systemHash !== newer.shape?.systemHash;
  return newer.misses.some(({ reason }) => reason === 'messages_changed');
}

/**
 * The newest request of each program, newest first; how often its parts changed is counted among the records given.
 *
 * @param records Newest first.
 */
export function newestByProgram(records: readonly RequestRecord[]): readonly PlannedRequest[] {
  const read = records.filter(({ shape, plan }) => shape !== null && plan !== null);
  return [...Map.groupBy(read, programOf).values()].flatMap((all) => {
    const [record] = all;
    return record ? [planned(record, all)] : [];
  });
}

/** A request with the parts of its prompt, as they were among those of its program. */
export function planned(record: RequestRecord, all: readonly RequestRecord[]): PlannedRequest {
  const ofProgram = all.filter(({ shape }) => shape !== null);
  const parts = (['tools', 'system', 'messages'] as const).map((level) => ({
    level,
    name: NAMES[level],
    blocks: record.shape?.blocks[level] ?? 0,
    bytes: record.shape?.bytes[level] ?? 0,
    changes: ofProgram.filter((newer, index) => {
      const older = ofProgram[index + 1];
      return older !== undefined && hasChanged(level, older, newer);
    }).length,
    compared: Math.max(0, ofProgram.length - 1),
  }));
  return { record, parts: parts.filter(({ blocks }) => blocks > 0) };
}
