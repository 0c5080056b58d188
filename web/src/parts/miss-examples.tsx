import type { JSX } from 'preact';

import { linkTo } from '../data/route.ts';
import type { MissRecord, RequestRecord } from '../data/types.ts';
import { formatBytes, formatCount, formatSecond, formatUsd, formatWord, usdOf } from '../format.ts';
import { Table } from './table.tsx';

const SHOWN_MAX = 8;

interface Example {
  readonly key: string;
  readonly record: RequestRecord;
  readonly miss: MissRecord;
}

function examplesOf(records: readonly RequestRecord[], reason: string): readonly Example[] {
  return records.flatMap((record) =>
    record.misses
      .filter((miss) => miss.reason === reason)
      .map((miss, index) => ({ key: `${record.id} ${index}`, record, miss })),
  );
}

/** Where the first byte moved: the block, and which of its bytes. */
export function MovedPlace({ miss }: { readonly miss: MissRecord }): JSX.Element {
  const { path, byteRange, level, detail } = miss.evidence;
  if (path === null && detail === null) return <>{level ?? 'n/a'}</>;
  return (
    <>
      {path !== null && <code>{path}</code>}
      {byteRange && ` bytes ${formatCount(byteRange[0])}–${formatCount(byteRange[1])}`}
      {detail !== null && ` ${path === null ? '' : '· '}${formatWord(detail)}`}
      {byteRange && <span class="quiet"> ({formatBytes(byteRange[1] - byteRange[0])} differ)</span>}
    </>
  );
}

/** Requests that missed for a reason, with the place where they differ from the one before. */
export function MissExamples(props: {
  readonly records: readonly RequestRecord[];
  readonly reason: string;
  readonly caption: string;
  /** What was looked through, in words. */
  readonly among: string;
}): JSX.Element {
  const { records, reason, caption, among } = props;
  const examples = examplesOf(records, reason);
  if (examples.length === 0) {
    return <p class="note">None of the {among} missed for this reason.</p>;
  }
  return (
    <Table
      caption={caption}
      isCaptionShown
      rows={examples.slice(0, SHOWN_MAX)}
      keyOf={({ key }) => key}
      columns={[
        {
          name: 'When',
          show: ({ record }) => (
            <a href={linkTo('requests', { id: record.id })}>{formatSecond(record.atMs)}</a>
          ),
        },
        { name: 'First byte that moved', show: ({ miss }) => <MovedPlace miss={miss} /> },
        { name: 'Tokens', isNumber: true, show: ({ miss }) => formatCount(miss.tokens) },
        { name: 'Lost', isNumber: true, show: ({ miss }) => formatUsd(usdOf(miss.costPicoUsd)) },
        {
          name: 'Against',
          show: ({ record, miss: { evidence } }) =>
            evidence.previousId === null ? (
              'n/a'
            ) : (
              <a href={linkTo('requests', { id: record.id, with: evidence.previousId })}>Compare</a>
            ),
        },
      ]}
    />
  );
}
