import { rmSync } from 'node:fs';

import { isCorruption } from '../../store/sqlite/open-database.ts';
import type { BodyChoice, BodyLimits, KeptBodies, RawBodies } from './bodies.ts';
import { BodyFile, type BodyRow } from './body-file.ts';
import { openBodyDatabase } from './body-schema.ts';
import { compilePatterns, runWithin } from './patterns.ts';
import { redactBody } from './redact-body.ts';
import type { FindMore } from './redact-json.ts';

/** What decides what is kept, for how long, and how much of it. */
export interface BodySettings {
  readonly keptMs: number;
  readonly limits: BodyLimits;
  /** Regular expressions of what else is not to be kept. */
  readonly patterns: readonly string[];
}

/** What became of bodies that were given to be stored. */
export interface BodyResult {
  /** Requests whose bodies are not kept, for what is in them could not be judged in time. */
  readonly refused: number;
  /** The file was damaged: it was removed, and a new one begun. */
  readonly isNew: boolean;
}

/** How long one body may be searched, in ms: by far longer than any needs, unless a pattern was made a trap of. */
const SEARCH_MS_MAX = 5_000;

/** Takes out what is not to be kept, and stores the rest; reading it again too. */
export class BodyWriter {
  readonly #path: string;
  readonly #settings: BodySettings;
  readonly #findMore: FindMore;
  readonly #searchMsMax: number;
  readonly #open: typeof openBodyDatabase;
  #file: BodyFile | null = null;

  /**
   * @param limits How long a search may take, and how the file is opened, where a test wants it otherwise.
   * @throws RangeError for patterns that are none.
   */
  constructor(
    path: string,
    settings: BodySettings,
    {
      searchMsMax = SEARCH_MS_MAX,
      open = openBodyDatabase,
    }: { readonly searchMsMax?: number; readonly open?: typeof openBodyDatabase } = {},
  ) {
    this.#open = open;
    this.#path = path;
    this.#settings = settings;
    this.#searchMsMax = searchMsMax;
    this.#findMore = compilePatterns(settings.patterns);
  }

  /** @throws LedgerError `LEDGER_FOREIGN`; any other error when the file cannot be had now. */
  open(): BodyResult {
    const { isNew } = this.#guard(() => undefined);
    return { refused: 0, isNew };
  }

  add(bodies: readonly RawBodies[]): BodyResult {
    const rows = bodies.map((each) => this.#redact(each)).filter((row) => row !== null);
    const { isNew } = this.#guard((file) => file.add(rows));
    return { refused: bodies.length - rows.length, isNew };
  }

  find(id: string, nowMs: number): KeptBodies | null {
    return this.#guard((file) => file.find(id, nowMs)).result;
  }

  remove(choice: BodyChoice): number {
    return this.#guard((file) => file.remove(choice)).result;
  }

  expire(nowMs: number): void {
    this.#guard((file) => file.expire(nowMs));
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #redact({ id, atMs, scope, tags, request, answer }: RawBodies): BodyRow | null {
    const { keptMs, limits } = this.#settings;
    try {
      return runWithin(this.#searchMsMax, () => ({
        id,
        atMs,
        expiresMs: atMs + keptMs,
        scope,
        tags,
        request: redactBody(request, limits.bodyBytes, this.#findMore),
        answer: answer && {
          ...redactBody(answer, limits.bodyBytes, this.#findMore),
          status: answer.status,
        },
      }));
    } catch {
      // Rather nothing than something that was not looked through.
      return null;
    }
  }

  /** A damaged file is not moved aside: bodies must not lie about where nobody removes them. */
  #guard<Result>(work: (file: BodyFile) => Result): { readonly result: Result; readonly isNew: boolean } {
    try {
      return { result: work(this.#opened()), isNew: false };
    } catch (error) {
      this.#forget();
      if (!isCorruption(error)) throw error;
      for (const ending of ['', '-wal', '-shm']) rmSync(`${this.#path}${ending}`, { force: true });
      return { result: work(this.#opened()), isNew: true };
    }
  }

  #opened(): BodyFile {
    this.#file ??= new BodyFile(this.#open(this.#path), this.#settings.limits);
    return this.#file;
  }

  #forget(): void {
    try {
      this.close();
    } catch {
      this.#file = null;
    }
  }
}
