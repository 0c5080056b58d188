import { isObject, type JsonObject } from '../core/index.ts';
import { parseTimestamp } from '../runtime/index.ts';
import { readUsage, type BilledUsage } from '../wire/index.ts';
import type { History, LoggedCall, MissEvidence } from './logged-call.ts';

/** What is known at a line of a transcript of the history that leads to it. */
interface Place {
  /** The call that a next call would extend; null when there is none yet. */
  readonly callKey: string | null;
  readonly history: History;
  readonly eventMs: number | null;
  /** The first line of a sub-agent's conversation; null in the main one. */
  readonly sideRoot: string | null;
}

/** A call whose lines may not have ended. */
interface OpenCall {
  readonly call: LoggedCall;
  readonly outputTokens: number;
}

/**
 * Lines remembered for a file, so that the line a call answers can be found: only far older ones are forgotten, and
 * only a conversation rewound that far back is then told as one with an unknown history.
 */
const PLACES_MAX = 20_000;
/** Conversations of one file with a call whose lines may not have ended. */
const OPEN_CALLS_MAX = 64;
/** What Claude Code writes in place of a model for messages of its own, such as errors. */
const OWN_MESSAGES = '<synthetic>';

/** Does the value look like a line of a Claude Code transcript? */
export function isTranscriptLine(value: JsonObject): boolean {
  if (typeof value['type'] !== 'string') return false;
  return 'sessionId' in value || 'uuid' in value || 'leafUuid' in value;
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const timeOf = (value: unknown): number | null => (typeof value === 'string' ? parseTimestamp(value) : null);

const EVIDENCE: Readonly<Record<string, MissEvidence>> = {
  tools_changed: 'changed_tools',
  system_changed: 'changed_system',
  messages_changed: 'changed_messages',
  model_changed: 'changed_model',
};

/** The service's own word for a miss (spec 10.1), where the client asked for it. */
export function readDiagnostics(message: JsonObject): MissEvidence | null {
  const diagnostics = message['diagnostics'];
  const reason = isObject(diagnostics) ? diagnostics['cache_miss_reason'] : null;
  const type = isObject(reason) ? reason['type'] : null;
  return typeof type === 'string' ? (EVIDENCE[type] ?? null) : null;
}

/** What a line that is no call does to the history: a summary replaces it, clearing tool results edits it. */
function historyAfter(line: JsonObject, before: History): History {
  if (line['isCompactSummary'] === true || line['subtype'] === 'compact_boundary') return 'compacted';
  // What follows a summary is new anyway.
  if (line['subtype'] === 'microcompact_boundary' && before === 'extends') return 'edited';
  return before;
}

/**
 * Reads Claude Code transcripts, sub-agents included. A message is written as several lines while it streams, each
 * with the usage of the whole: they are one call. What a call extends is told by the lines' own links.
 *
 * @example for (const call of transcript.push(JSON.parse(line))) bill(call);
 */
export class TranscriptReader {
  readonly #path: string;
  readonly #places = new Map<string, Place>();
  /** By conversation. */
  readonly #open = new Map<string, OpenCall>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes a line; gives the calls that have ended by it. */
  push(line: JsonObject): readonly LoggedCall[] {
    const place = this.#placeBefore(line);
    const message = line['message'];
    const call =
      line['type'] === 'assistant' && isObject(message) ? this.#readCall(line, message, place) : null;
    const after: Place = call
      ? { ...place, callKey: call.key, history: 'extends', eventMs: call.readyMs }
      : { ...place, history: historyAfter(line, place.history), eventMs: timeOf(line['timestamp']) };
    this.#remember(textOf(line['uuid']), after);
    return call ? this.#openCall(call) : [];
  }

  /** Gives the calls whose lines had not ended, at the end of the file. */
  end(): readonly LoggedCall[] {
    const rest = [...this.#open.values()].map(finished);
    this.#open.clear();
    return rest;
  }

  #placeBefore(line: JsonObject): Place {
    const parent = textOf(line['parentUuid']) ?? textOf(line['logicalParentUuid']);
    const sideRoot = line['isSidechain'] === true ? textOf(line['uuid']) : null;
    if (parent === null) return { callKey: null, history: 'start', eventMs: null, sideRoot };
    const known = this.#places.get(parent);
    return known ?? { callKey: null, history: 'unknown', eventMs: null, sideRoot };
  }

  #remember(uuid: string | null, place: Place): void {
    if (uuid === null) return;
    this.#places.set(uuid, place);
    if (this.#places.size > PLACES_MAX) this.#places.delete(this.#places.keys().next().value ?? '');
  }

  #readCall(line: JsonObject, message: JsonObject, place: Place): LoggedCall | null {
    const model = textOf(message['model']);
    const usage = readUsage(message['usage']);
    const readyMs = timeOf(line['timestamp']) ?? place.eventMs;
    const id = textOf(message['id']);
    if (model === null || model === OWN_MESSAGES || !usage || readyMs === null || id === null) return null;
    const agent = textOf(line['agentId']) ?? place.sideRoot ?? '';
    return {
      format: 'transcript',
      key: `${id}\n${textOf(line['requestId']) ?? ''}`,
      conversation: `${textOf(line['sessionId']) ?? this.#path}\n${agent}`,
      atMs: Math.min(place.eventMs ?? readyMs, readyMs),
      readyMs,
      isDated: true,
      model,
      usage,
      history: place.history,
      extendsKey: place.callKey,
      clientVersion: textOf(line['version']),
      evidence: readDiagnostics(message),
      prompt: null,
      recorded: null,
    };
  }

  /** Later lines of one message repeat its usage; the last has the final count of output tokens. */
  #openCall(call: LoggedCall): readonly LoggedCall[] {
    const known = this.#open.get(call.conversation);
    const outputTokens = call.usage?.outputTokens ?? 0;
    if (known?.call.key === call.key) {
      const latest = withUsage(known.call, call.usage);
      this.#open.set(call.conversation, {
        call: latest,
        outputTokens: Math.max(known.outputTokens, outputTokens),
      });
      return [];
    }
    this.#open.delete(call.conversation);
    this.#open.set(call.conversation, { call, outputTokens });
    return known ? [finished(known)] : this.#spill();
  }

  #spill(): readonly LoggedCall[] {
    const [oldest] = this.#open;
    if (this.#open.size <= OPEN_CALLS_MAX || !oldest) return [];
    this.#open.delete(oldest[0]);
    return [finished(oldest[1])];
  }
}

function withUsage(call: LoggedCall, usage: BilledUsage | null): LoggedCall {
  return usage ? { ...call, usage } : call;
}

function finished({ call, outputTokens }: OpenCall): LoggedCall {
  return call.usage ? { ...call, usage: { ...call.usage, outputTokens } } : call;
}
