import { useEffect, useState } from 'preact/hooks';

import { getJson } from './api.ts';
import type { RequestRecord } from './types.ts';
import { usePolled, type Ask } from './use-polled.ts';

/** A record does not change. */
const EVERY_MS = 600_000;

interface Page {
  readonly requests: readonly RequestRecord[];
}

/** The records of these ids that are kept, in their order; null while they are read. Those at hand are not asked for. */
export function useRecords(
  ids: readonly string[],
  atHand: readonly RequestRecord[],
): readonly RequestRecord[] | null {
  // What is shown stays, also when it is not among those at hand any more.
  const [shown, setShown] = useState<readonly RequestRecord[]>([]);
  const known = new Map([...shown, ...atHand].map((record) => [record.id, record]));
  const missing = ids.filter((id) => !known.has(id));
  const ask: Ask<readonly RequestRecord[]> = async (signal) => {
    const paths = missing.map(
      (id) => `/api/v1/requests?${new URLSearchParams({ id, limit: '1' }).toString()}`,
    );
    const pages = await Promise.all(paths.map((path) => getJson<Page>(path, signal)));
    return pages.flatMap(({ requests }) => requests);
  };
  const { value } = usePolled(missing.join(' '), ask, EVERY_MS);
  const isRead = missing.length === 0 || value !== null;
  for (const record of value ?? []) known.set(record.id, record);
  const found = isRead ? ids.flatMap((id) => known.get(id) ?? []) : null;
  useEffect(() => {
    if (found) setShown(found);
  }, [found?.map(({ id }) => id).join(' ')]);
  return found;
}
