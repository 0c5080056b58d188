import type { JsonObject } from '../../core/index.ts';
import { amountMember, countMember, idsMember, RecordProblem } from './record-fields.ts';
import { guessTimeToFirstTokenMs, type RecordReader } from './record-reader.ts';
import type { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX } from './trace.ts';

const BLOCK_TOKENS = 512;

/** Whether a record is a request of the Mooncake traces. */
export function isMooncakeRecord(record: JsonObject): boolean {
  return 'hash_ids' in record && 'input_length' in record && 'timestamp' in record;
}

/**
 * Reads the Mooncake form: `{"timestamp": ms, "input_length", "output_length", "hash_ids": [...]}`, one id a block of 512
 * tokens, the last of which may be incomplete and then shares nothing. There are no layers, no conversations and no
 * models in it.
 */
export function createMooncakeReader(builder: TraceBuilder): RecordReader {
  return {
    format: 'mooncake',
    hasLookbackLimit: false,
    startsAtZero: false,
    read(record, file) {
      const startMs = amountMember(record, 'timestamp');
      const inputTokens = countMember(record, 'input_length');
      const outputTokens = countMember(record, 'output_length');
      const ids = idsMember(record, 'hash_ids');
      const blocks = Math.ceil(inputTokens / BLOCK_TOKENS);
      if (ids.length !== blocks) {
        throw new RecordProblem(
          `${ids.length} hash ids for ${inputTokens} tokens, where blocks of ${BLOCK_TOKENS} make ${blocks}`,
        );
      }
      const wholeBlocks = Math.floor(inputTokens / BLOCK_TOKENS);
      let end = builder.root(`${file}`);
      for (const id of ids.slice(0, wholeBlocks)) end = builder.intern(end, id, BLOCK_TOKENS);
      builder.add({
        startMs,
        timeToFirstTokenMs: guessTimeToFirstTokenMs(inputTokens),
        prefixId: wholeBlocks > 0 ? end : NO_PREFIX,
        tailTokens: inputTokens - wholeBlocks * BLOCK_TOKENS,
        outputTokens,
        model: builder.model(''),
      });
    },
  };
}
