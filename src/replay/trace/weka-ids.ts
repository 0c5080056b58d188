import type { JsonObject } from '../../core/index.ts';
import { countMember, idsMember, listMember, RecordProblem } from './record-fields.ts';

/** The block ids of one request after the other, each written as a change to the one before. */
export class RunningIds {
  #ids: number[] = [];

  /** Ids of the latest request; changes with the next. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  /**
   * Goes on to a request: `p` ids of the one before and then the runs `h = [[first, length], ...]`, or all of them as
   * `hash_ids`. Gives how many ids at the start are certainly those of the request before.
   *
   * @throws RecordProblem
   */
  advance(request: JsonObject): number {
    if (Array.isArray(request['hash_ids'])) {
      this.#ids = [...idsMember(request, 'hash_ids')];
      return 0;
    }
    const kept = countMember(request, 'p');
    if (kept > this.#ids.length) {
      throw new RecordProblem(`'p' is ${kept}, and the request before has ${this.#ids.length} ids`);
    }
    this.#ids.length = kept;
    for (const run of listMember(request, 'h')) this.#append(run);
    return kept;
  }

  #append(run: unknown): void {
    const [first, length] = Array.isArray(run) ? (run as unknown[]) : [];
    if (!Number.isSafeInteger(first) || !isRunLength(length)) {
      throw new RecordProblem(`'h' holds ${JSON.stringify(run)}, not [first id, length]`);
    }
    for (let offset = 0; offset < length; offset += 1) this.#ids.push((first as number) + offset);
  }
}

/** More ids than a prompt of a thousand million tokens has: such a length is damage, and would fill the memory. */
const RUN_LENGTH_MAX = 2 ** 24;

function isRunLength(length: unknown): length is number {
  return Number.isSafeInteger(length) && (length as number) >= 0 && (length as number) <= RUN_LENGTH_MAX;
}
