import type { JsonObject } from '../../core/index.ts';
import type { Trace } from './trace.ts';

/** Turns records of one form into requests of one trace. */
export interface RecordReader {
  readonly format: Trace['format'];
  readonly hasLookbackLimit: boolean;
  readonly startsAtZero: boolean;
  /**
   * Adds the requests of one record: all of them, or none when it throws.
   *
   * @param file number of the file, from 0: what its ids name is its own
   * @throws RecordProblem for a record that cannot be used
   */
  read(record: JsonObject, file: number): void;
}

/** Time to first token where the source does not tell it: a second, and 60,000 tokens of prompt a second. */
export function guessTimeToFirstTokenMs(inputTokens: number): number {
  return 1000 + inputTokens / 60;
}
