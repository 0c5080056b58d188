import type { JSX } from 'preact';

import { linkTo } from '../data/route.ts';
import type { MissRecord, RequestRecord } from '../data/types.ts';
import { formatBytes, formatCount, formatSecond, formatUsd, formatWord, usdOf } from '../format.ts';
import { Table } from './table.tsx';

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

/** Names as the API has them, which no word of ours may be made of. */
function Names(props: {
  readonly of: string;
  readonly before?: string;
  readonly after?: string;
}): JSX.Element {
  return (
    <>
      {props.before}
      <code>{props.of.replaceAll(',', ', ')}</code>
      {props.after}
    </>
  );
}

/** Where the first byte moved: the block, and which of its bytes; or what else was not as before. */
export function MovedPlace({ miss }: { readonly miss: MissRecord }): JSX.Element {
  const { path, byteRange, level, detail } = miss.evidence;
  if (miss.reason === 'model_changed' && detail !== null && detail !== 'cache_key')
    return <Names before="sent to " of={detail} after=" before" />;
  if (miss.reason === 'parameters_changed' && detail !== null)
    return <Names of={detail} {...(level !== null && { after: `, which is part of ${level}` })} />;
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

/** Requests that missed for a reason, as they are given, with the place where each differs from the one before. */
export function MissExamples(props: {
  readonly records: readonly RequestRecord[];
  readonly reason: string;
}): JSX.Element | null {
  const examples = examplesOf(props.records, props.reason);
  if (examples.length === 0) return null;
  return (
    <Table
      caption="The dearest of them, and the first byte that moved"
      isCaptionShown
      rows={examples}
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
