import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { findRecords, type FoundRecords } from '../data/find-records.ts';
import { queryWithin } from '../data/range.ts';
import { formatMinute, formatWord } from '../format.ts';
import { MissExamples } from './miss-examples.tsx';

const EXAMPLES = 8;

type Search = FoundRecords | 'not yet' | 'under way' | 'failed';

/** Examples of a reason from when it cost most, which may be long ago: looked for when somebody asks. */
export function DearestTime(props: {
  readonly reason: string;
  readonly fromMs: number;
  readonly bucketMs: number;
}): JSX.Element {
  const { reason, fromMs, bucketMs } = props;
  const [search, setSearch] = useState<Search>('not yet');
  const look = async (): Promise<void> => {
    setSearch('under way');
    const isWanted = ({ misses }: { readonly misses: readonly { readonly reason: string }[] }): boolean =>
      misses.some((miss) => miss.reason === reason);
    const finding = findRecords(queryWithin(fromMs, fromMs + bucketMs), isWanted, EXAMPLES);
    setSearch(await finding.catch(() => 'failed' as const));
  };
  if (typeof search === 'object') {
    const caption = `From ${formatMinute(fromMs)} on, when ${formatWord(reason)} cost most`;
    return (
      <MissExamples
        caption={caption}
        records={search.found}
        reason={reason}
        among={`${search.read} requests from then on`}
      />
    );
  }
  return (
    <div class="row">
      <button type="button" disabled={search === 'under way'} onClick={() => void look()}>
        Show examples of {formatMinute(fromMs)}, when it cost most
      </button>
      {search === 'failed' && <span role="status">They could not be read.</span>}
    </div>
  );
}
