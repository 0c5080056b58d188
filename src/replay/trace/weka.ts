import { stringMember, type JsonObject } from '../../core/index.ts';
import { amountMember, countMember, objectsMember, optionalAmount, RecordProblem } from './record-fields.ts';
import { guessTimeToFirstTokenMs, type RecordReader } from './record-reader.ts';
import type { RequestRow } from './request-table.ts';
import type { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX, STOP_KINDS, type StopKind } from './trace.ts';
import { RunningIds } from './weka-ids.ts';

/** Tokens of a block of ours: several of the source's, for fewer prefixes at the same figures. */
const BLOCK_TOKENS = 256;

/** Sessions have no time of day; they are put so far apart that no entry outlives the pause. */
const SESSION_PAUSE_SECONDS = 7200;

/** Answer time where the source does not tell it. */
const API_SECONDS = 3;

/** Whether a record is a session of the WEKA traces, compact or not. */
export function isWekaRecord(record: JsonObject): boolean {
  return Array.isArray(record['requests']) && 'block_size' in record && 'tool_tokens' in record;
}

/** What all requests of one conversation have in common. */
interface Thread {
  /** ms from the start of the trace. */
  readonly startMs: number;
  /** Ids of the source that make one block of ours. */
  readonly idsPerBlock: number;
  readonly blockTokens: number;
  readonly toolsTokens: number;
  readonly systemTokens: number;
  /** Names the ids of a model: they are local to a session, if the source says no other. */
  rootOf(model: string): number;
  readonly session: number;
  readonly conversation: number;
}

function readTimeToFirstTokenMs(request: JsonObject, inputTokens: number): number {
  const recorded = optionalAmount(request, 'ttft');
  if (recorded !== null) return 1000 * recorded;
  const apiMs = 1000 * (optionalAmount(request, 'api_time') || API_SECONDS);
  return Math.min(apiMs, guessTimeToFirstTokenMs(inputTokens));
}

function readStop(request: JsonObject): StopKind {
  return STOP_KINDS.find((stop) => stop === request['stop']) ?? 'other';
}

function isToolTurn(request: JsonObject): boolean {
  const types = request['input_types'];
  return Array.isArray(types) && types.includes('tool_result');
}

/** Reads the requests of one conversation: keeps the path of the latest, since most of it comes again. */
class ThreadReader {
  readonly #builder: TraceBuilder;
  readonly #thread: Thread;
  readonly #running = new RunningIds();
  #path: number[] = [];
  #model: string | null = null;

  constructor(builder: TraceBuilder, thread: Thread) {
    this.#builder = builder;
    this.#thread = thread;
  }

  read(request: JsonObject): RequestRow {
    const { blockTokens, startMs, toolsTokens, systemTokens, session, conversation } = this.#thread;
    const model = stringMember(request, 'model') ?? '';
    const inputTokens = countMember(request, 'in');
    this.#follow(request, model);
    const tailTokens = inputTokens - this.#path.length * blockTokens;
    if (tailTokens < 0) {
      throw new RecordProblem(`${this.#running.ids.length} block ids are more than ${inputTokens} tokens`);
    }
    return {
      startMs: Math.round(startMs + 1000 * amountMember(request, 't')),
      timeToFirstTokenMs: readTimeToFirstTokenMs(request, inputTokens),
      prefixId: this.#path.at(-1) ?? NO_PREFIX,
      tailTokens,
      outputTokens: optionalAmount(request, 'out') ?? 0,
      toolsEnd: this.#endAt(toolsTokens),
      systemEnd: this.#endAt(toolsTokens + systemTokens),
      conversation,
      application: session,
      model: this.#builder.model(model),
      kind: isToolTurn(request) ? 'tool' : 'user',
      stop: readStop(request),
    };
  }

  /** Makes the path that of a request. */
  #follow(request: JsonObject, model: string): void {
    const { idsPerBlock, blockTokens } = this.#thread;
    const keptIds = this.#running.advance(request);
    const { ids } = this.#running;
    const keptBlocks = model === this.#model ? Math.floor(keptIds / idsPerBlock) : 0;
    this.#model = model;
    this.#path.length = Math.min(this.#path.length, keptBlocks);
    let end = this.#path.at(-1) ?? this.#thread.rootOf(model);
    for (let next = this.#path.length; next < Math.floor(ids.length / idsPerBlock); next += 1) {
      // An id stands for all that comes before it too, so the last one names the block.
      end = this.#builder.intern(end, ids[(next + 1) * idsPerBlock - 1] ?? 0, blockTokens);
      this.#path.push(end);
    }
  }

  #endAt(tokens: number): number {
    return this.#path[Math.floor(tokens / this.#thread.blockTokens) - 1] ?? NO_PREFIX;
  }
}

/**
 * Reads the WEKA form of Claude Code sessions, one a line, compact (`p` and `h`) or with `hash_ids`. Sessions start 7,200 s
 * apart in the order of the file. Four ids of 64 tokens are one block of 256; an incomplete rest is tail. Prefixes
 * are shared within a session and a model; a sub-agent is a conversation with tools and system of its own.
 */
export function createWekaReader(builder: TraceBuilder): RecordReader {
  let sessions = 0;
  let conversations = 0;

  function readThread(requests: readonly JsonObject[], thread: Thread): readonly RequestRow[] {
    const reader = new ThreadReader(builder, thread);
    return requests.flatMap((request) => {
      if (request['type'] !== 'subagent') return [reader.read(request)];
      conversations += 1;
      return readThread(objectsMember(request, 'requests'), {
        ...thread,
        startMs: thread.startMs + 1000 * amountMember(request, 't'),
        toolsTokens: countMember(request, 'tool_tokens'),
        systemTokens: countMember(request, 'system_tokens'),
        conversation: conversations - 1,
      });
    });
  }

  return {
    format: 'weka',
    hasLookbackLimit: false,
    startsAtZero: false,
    read(record, file) {
      const session = sessions;
      sessions += 1;
      conversations += 1;
      const idTokens = countMember(record, 'block_size');
      if (idTokens === 0) throw new RecordProblem("'block_size' is 0");
      const idsPerBlock = Math.max(1, Math.floor(BLOCK_TOKENS / idTokens));
      const scope = record['hash_id_scope'] === 'global' ? `${file}` : `${file}/${session}`;
      const rows = readThread(objectsMember(record, 'requests'), {
        startMs: 1000 * SESSION_PAUSE_SECONDS * session,
        idsPerBlock,
        blockTokens: idsPerBlock * idTokens,
        toolsTokens: countMember(record, 'tool_tokens'),
        systemTokens: countMember(record, 'system_tokens'),
        rootOf: (model) => builder.root(`${scope}/${model}`),
        session,
        conversation: conversations - 1,
      });
      for (const row of rows) builder.add(row);
    },
  };
}
