import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { askList, listKey } from '../data/range.ts';
import { route, setParams } from '../data/route.ts';
import type { RequestRecord } from '../data/types.ts';
import { usePolled } from '../data/use-polled.ts';
import { useRecords } from '../data/use-records.ts';
import { formatCount, formatDuration, formatSecond, formatShare, formatUsd, formatWord } from '../format.ts';
import { Section, Trouble, Waiting } from '../parts/blocks.tsx';
import { Filters } from '../parts/filters.tsx';
import { PartsBar, tokenParts } from '../parts/parts-bar.tsx';
import { CompareDrawer, RecordDrawer } from '../parts/record-drawer.tsx';
import { RequestFilters } from '../parts/request-filters.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { NoRequests } from './saving.tsx';

interface Page {
  readonly requests: readonly RequestRecord[];
}

const PAGE = 25;
const FIRST_EVERY_MS = 10_000;
/** What is older does not change. */
const LATER_EVERY_MS = 600_000;

function Opened({ page }: { readonly page: readonly RequestRecord[] }): JSX.Element | null {
  const { id, with: other } = route.value.params;
  const ids = [...new Set([id, other].filter((each) => each !== undefined))];
  const records = useRecords(ids, page);
  if (ids.length === 0 || !records) return null;
  const [first, second] = records;
  if (!first || records.length < ids.length) {
    return (
      <p class="problem" role="status">
        {ids.length > 1 ? 'One of these records' : 'This record'} is not kept, or not any more.
      </p>
    );
  }
  const key = ids.join(' ');
  return second ? (
    <CompareDrawer key={key} one={first} other={second} />
  ) : (
    <RecordDrawer key={key} record={first} />
  );
}

function showStatus({ status, responses }: RequestRecord): JSX.Element {
  if (responses?.outcome === 'hit' || responses?.outcome === 'collapsed')
    return <span class="gain">kept answer</span>;
  if (status === 0) return <span class="loss">no answer</span>;
  return <span class={status >= 400 ? 'loss' : ''}>{status}</span>;
}

function showInput({ usage }: RequestRecord): JSX.Element {
  if (!usage) return <>n/a</>;
  const { readTokens, write5mTokens, write1hTokens, uncachedTokens } = usage;
  const input = readTokens + write5mTokens + write1hTokens + uncachedTokens;
  return (
    <div class="input-cell">
      <PartsBar parts={tokenParts(usage)} unit="tokens" isBare />
      <span class="quiet">
        {formatShare(readTokens, input)}: {formatCount(readTokens)} of {formatCount(input)}
      </span>
    </div>
  );
}

function columnsOf(picked: readonly string[], pick: (id: string) => void): readonly Column<RequestRecord>[] {
  return [
    {
      name: 'When',
      show: ({ id, atMs }) => (
        <button type="button" class="link" title={id} onClick={() => setParams({ id, with: null })}>
          {formatSecond(atMs)}
        </button>
      ),
    },
    { name: 'Billed', isNumber: true, show: ({ costUsd }) => formatUsd(costUsd) },
    { name: 'Input read', show: showInput },
    {
      name: 'Missed',
      show: ({ misses }) =>
        [...new Set(misses.map(({ reason }) => formatWord(reason)))].join(', ') || '\u2013',
    },
    { name: 'Status', show: showStatus },
    { name: 'Model', show: ({ model }) => <span class="unbroken">{model || 'n/a'}</span> },
    { name: 'Took', isNumber: true, show: ({ totalMs }) => formatDuration(totalMs) },
    {
      name: 'Pick',
      show: ({ id, atMs }) => (
        <input
          type="checkbox"
          aria-label={`Pick the request of ${formatSecond(atMs)} to compare`}
          checked={picked.includes(id)}
          onChange={() => pick(id)}
        />
      ),
    },
  ];
}

function Paging({ page }: { readonly page: readonly RequestRecord[] }): JSX.Element {
  const isFirst = route.value.params['before'] === undefined;
  const last = page.at(-1);
  return (
    <div class="row">
      <button type="button" disabled={isFirst} onClick={() => setParams({ before: null })}>
        Newest
      </button>
      <button
        type="button"
        disabled={!last || page.length < PAGE}
        onClick={() => setParams({ before: last?.id ?? null })}
      >
        Older
      </button>
    </div>
  );
}

function List({ page }: { readonly page: readonly RequestRecord[] }): JSX.Element {
  const [picked, setPicked] = useState<readonly string[]>([]);
  const pick = (id: string): void =>
    setPicked((old) => (old.includes(id) ? old.filter((each) => each !== id) : [...old, id].slice(-2)));
  const [first, second] = picked;
  return (
    <Section title="Newest first" note="Open one by its time, or pick two and compare them.">
      <div class="row">
        <button
          type="button"
          disabled={first === undefined || second === undefined}
          onClick={() => setParams({ id: first ?? null, with: second ?? null })}
        >
          Compare {picked.length} of 2
        </button>
      </div>
      <Table
        caption="Requests, newest first"
        rows={page}
        keyOf={({ id }) => id}
        columns={columnsOf(picked, pick)}
      />
      <Paging page={page} />
    </Section>
  );
}

/** What was asked? */
export function RequestsScreen(): JSX.Element {
  const { before } = route.value.params;
  const everyMs = before === undefined ? FIRST_EVERY_MS : LATER_EVERY_MS;
  const ask = askList<Page>({ limit: String(PAGE), ...(before !== undefined && { before }) });
  const { value, problem } = usePolled(`${listKey()} ${before ?? ''}`, ask, everyMs);
  const isEmpty = value?.requests.length === 0 && before === undefined;
  return (
    <>
      <Filters>
        <RequestFilters />
      </Filters>
      {value ? <Trouble problem={problem} /> : <Waiting problem={problem} />}
      {isEmpty && <NoRequests />}
      {value && !isEmpty && <List page={value.requests} />}
      {value && <Opened page={value.requests} />}
    </>
  );
}
