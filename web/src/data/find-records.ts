import { ask } from './api.ts';
import type { RequestRecord } from './types.ts';

/** Records that are read at the most, so that a busy hour does not fill the browser. */
const READ_MAX = 5_000;
/** Records that are remembered after they were found. */
const KEPT_MAX = 500;

/** What was found, and how far was looked. */
export interface FoundRecords {
  readonly found: readonly RequestRecord[];
  readonly read: number;
}

const kept = new Map<string, RequestRecord>();

function keep(record: RequestRecord): void {
  kept.set(record.id, record);
  const [oldest] = kept.keys();
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
}

/** A record that was found before. */
export function foundRecord(id: string): RequestRecord | undefined {
  return kept.get(id);
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
      if (done || value === undefined) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    await reader?.cancel();
  }
}

/**
 * Looks for records, oldest first, and remembers them with those that they are compared with. The answer is read only as
 * far as is needed.
 *
 * @param query Time and filters as `/api/v1/export` takes them.
 */
export async function findRecords(
  query: string,
  isWanted: (record: RequestRecord) => boolean,
  limit: number,
): Promise<FoundRecords> {
  const read = new Map<string, RequestRecord>();
  const found: RequestRecord[] = [];
  for await (const line of linesOf(await ask(`/api/v1/export?format=jsonl&${query}`))) {
    const record = JSON.parse(line) as RequestRecord;
    read.set(record.id, record);
    if (isWanted(record)) found.push(record);
    if (found.length >= limit || read.size >= READ_MAX) break;
  }
  const compared = found.flatMap(({ misses }) =>
    misses.flatMap(({ evidence }) => read.get(evidence.previousId ?? '') ?? []),
  );
  for (const record of [...compared, ...found]) keep(record);
  return { found, read: read.size };
}
