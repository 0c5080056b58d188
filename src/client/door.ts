import {
  createEngine,
  keepStateOf,
  MODES,
  type Engine,
  type EngineCounters,
  type EngineOptions,
  type StateOptions,
} from '../engine/index.ts';

import { createSpanNotepad, type SpanNotepad, type SpanNotes } from './span.ts';

type Ledger = EngineOptions['ledger'];

/** What both doors take; every member has a default. */
export type CachewrightOptions = DoorOptions & (Partial<EngineOptions> | SharedEngine);

/** Settings of the door itself. */
export interface DoorOptions {
  /** Bodies past this are sent on unread. @default 33554432 (32 MiB) */
  readonly bodyBytesMax?: number;
  /** Keeps what is learned in a store, for the next process; of doors that share an engine, for one. @default it ends with the process */
  readonly state?: StateOptions;
  /**
   * What is noted on the active OpenTelemetry span: cost and savings, and the usage where no instrumentation notes it.
   * @default 'cache_write'
   */
  readonly span?: SpanNotes;
}

/** An engine that exists already: doors that share one share its ledger and what it knows of the cache. */
export interface SharedEngine {
  readonly engine: Engine;
}

/** What went wrong with our own part; the requests themselves went through all the same. */
export interface DoorCounters extends EngineCounters {
  /** Steps of ours that failed outside the engine's own. */
  readonly failedSteps: number;
}

/** What both doors offer beside passing requests on. */
export interface Door {
  readonly engine: Engine;
  /**
   * What the requests cost and what was saved, as `GET /api/v1/summary` of the gateway answers.
   *
   * @example (await door.summary()).savedUsd.noCaching
   */
  summary(filter?: Parameters<Ledger['summary']>[0]): Promise<Awaited<ReturnType<Ledger['summary']>>>;
  /** One record per HTTP try, newest first; `before` is the id of a record, and a filter narrows. */
  records(
    limit: number,
    before?: string,
    filter?: Parameters<Ledger['list']>[2],
  ): Promise<Awaited<ReturnType<Ledger['list']>>>;
  counters(): DoorCounters;
  /**
   * What keeps requests from being read from the cache, and what to do about it, the dearest first; holds no text of a prompt.
   *
   * @example door.findings().map(({ code, path, sentence }) => `${code} ${path}: ${sentence}`)
   */
  findings(): ReturnType<Engine['findings']>;
  /** Resolves when what an earlier process learned is loaded, or cannot be; requests before that are planned without. */
  ready(): Promise<void>;
  /** Saves what was learned since, where it is kept in a store, and ends keeping it; requests may still come. */
  close(): Promise<void>;
}

/** What the way of a request needs of its door. */
export interface DoorWork {
  readonly engine: Engine;
  readonly bodyBytesMax: number;
  readonly notepad: SpanNotepad;
  /** Runs a step of ours: where it fails, that is counted, and the request goes on with `otherwise`. */
  attempt<Result>(run: () => Result, otherwise: Result): Result;
}

const BODY_BYTES_MAX = 32 * 1024 * 1024;

function engineOf(options: Partial<EngineOptions> | SharedEngine): Engine {
  if ('engine' in options) return options.engine;
  const { mode } = options;
  if (mode !== undefined && !MODES.includes(mode)) {
    throw new RangeError(`mode is one of ${MODES.join(', ')}, and not ${JSON.stringify(mode)}`);
  }
  return createEngine(options);
}

/**
 * The common part of both doors: an engine, and what is shown of it.
 *
 * @throws RangeError when `mode` is no mode.
 */
export function createDoor({
  bodyBytesMax = BODY_BYTES_MAX,
  state,
  span = 'cache_write',
  ...options
}: CachewrightOptions): {
  readonly door: Door;
  readonly work: DoorWork;
} {
  const engine = engineOf(options);
  const { ledger } = engine.options;
  const kept = state ? keepStateOf(engine, state) : null;
  let failedSteps = 0;
  const attempt = <Result>(run: () => Result, otherwise: Result): Result => {
    try {
      return run();
    } catch {
      failedSteps += 1;
      return otherwise;
    }
  };
  return {
    door: {
      engine,
      summary: async (filter) => ledger.summary(filter),
      records: async (limit, before, filter) => ledger.list(limit, before, filter),
      counters: () => ({ ...engine.counters, failedSteps }),
      findings: () => engine.findings(),
      ready: async () => void (await kept),
      close: async () => (await kept)?.close(),
    },
    work: { engine, bodyBytesMax, attempt, notepad: createSpanNotepad(span) },
  };
}
