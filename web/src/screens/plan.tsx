import type { JSX } from 'preact';

import { newestByProgram, planned, type PlannedRequest } from '../data/applications.ts';
import { useNowMs } from '../data/clock.ts';
import { route, setParams } from '../data/route.ts';
import type { Plan, RequestRecord } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';
import { useRecords } from '../data/use-records.ts';
import { formatDuration, formatSecond, formatWord } from '../format.ts';
import { Empty, Section, Trouble, Waiting } from '../parts/blocks.tsx';
import { PartsBar, tokenParts } from '../parts/parts-bar.tsx';
import { PromptPicture } from '../parts/prompt-picture.tsx';
import { Table } from '../parts/table.tsx';

const EVERY_MS = 10_000;
const LOOKED_THROUGH = 200;
const TTL_MS: Readonly<Record<string, number>> = { '5m': 300_000, '1h': 3_600_000 };

/** How long an entry has yet to live that this request wrote: a later read would have renewed it. */
function Left({ record, ttl }: { readonly record: RequestRecord; readonly ttl: string }): JSX.Element {
  const nowMs = useNowMs(1_000);
  const leftMs = record.atMs + (record.firstByteMs ?? 0) + (TTL_MS[ttl] ?? 0) - nowMs;
  if (leftMs <= 0) return <span class="quiet">over, unless read since</span>;
  return <strong>{formatDuration(Math.ceil(leftMs / 1_000) * 1_000)}</strong>;
}

function Markers({ record, plan }: { readonly record: RequestRecord; readonly plan: Plan }): JSX.Element {
  if (plan.added.length === 0) return <p>No marker was added to this request.</p>;
  return (
    <Table
      caption={plan.isApplied ? 'Markers that were added' : 'Markers that would have been added'}
      isCaptionShown
      rows={plan.added.map((marker, index) => ({ ...marker, number: index + 1 }))}
      keyOf={({ number }) => number}
      columns={[
        { name: 'No.', show: ({ number }) => number },
        {
          name: 'Where',
          show: ({ place, path }) => (
            <>
              {formatWord(place)} <code class="quiet">{path}</code>
            </>
          ),
        },
        { name: 'Lives', show: ({ ttl }) => ttl },
        { name: 'Left', show: ({ ttl }) => (plan.isApplied ? <Left record={record} ttl={ttl} /> : 'n/a') },
        { name: 'Why', show: ({ reason }) => reason },
      ]}
    />
  );
}

function Declined({ plan }: { readonly plan: Plan }): JSX.Element | null {
  if (plan.declined.length === 0) return null;
  return (
    <Table
      caption="Places that were left alone"
      isCaptionShown
      rows={plan.declined.map((place, index) => ({ ...place, key: index }))}
      keyOf={({ key }) => key}
      columns={[
        { name: 'Where', show: ({ place }) => formatWord(place) },
        { name: 'Why', show: ({ reason }) => reason },
      ]}
    />
  );
}

function labelOf({ atMs, model, tags, scope }: RequestRecord): string {
  return [model, tags.join(', ') || `scope ${scope.slice(0, 6)}`, formatSecond(atMs)].join(' · ');
}

function Shown({ record, parts }: PlannedRequest): JSX.Element {
  const plan = record.plan ?? { added: [], declined: [], isApplied: false };
  return (
    <>
      <Section
        title="The prompt"
        note="Drawn by its length, from its beginning. What changes seldom should stand in front; a change makes everything behind it new."
      >
        <PromptPicture parts={parts} markers={plan.added} />
        {record.usage && (
          <>
            <h3>What was paid for it</h3>
            <PartsBar parts={tokenParts(record.usage)} unit="tokens" />
          </>
        )}
      </Section>
      <Section
        title="The plan"
        note={
          plan.isApplied
            ? 'Markers that the client set itself stay as they are and are not listed.'
            : `Not put into the request: mode is ${record.mode}.`
        }
      >
        <Markers record={record} plan={plan} />
        <Declined plan={plan} />
      </Section>
    </>
  );
}

function inputBytes({ parts }: PlannedRequest): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The request that is named; otherwise that of the program with the longest prompt, whose plan matters most. */
function chosenOf(
  named: RequestRecord | undefined,
  records: readonly RequestRecord[],
  newest: readonly PlannedRequest[],
): PlannedRequest | undefined {
  if (!named) return newest.toSorted((one, other) => inputBytes(other) - inputBytes(one))[0];
  const { id, scope, model, atMs } = named;
  const known = newest.find(({ record }) => record.id === id);
  const before = records.filter(
    (each) => each.scope === scope && each.model === model && each.atMs <= atMs && each.id !== id,
  );
  return known ?? planned(named, [named, ...before]);
}

/** What is my plan? */
export function PlanScreen(): JSX.Element {
  const path = `/api/v1/requests?limit=${LOOKED_THROUGH}`;
  const { value, problem } = usePolled(
    path,
    askFor<{ readonly requests: readonly RequestRecord[] }>(path),
    EVERY_MS,
  );
  const { id } = route.value.params;
  const named = useRecords(value && id !== undefined ? [id] : [], value?.requests ?? []);
  if (!value || !named) return <Waiting problem={problem} />;
  const newest = newestByProgram(value.requests);
  const chosen = chosenOf(named[0], value.requests, newest);
  if (!chosen) {
    return (
      <Empty title="No plan yet">
        <p>
          A plan is made for every request to <code>/v1/messages</code> whose body can be read, in mode
          optimize or observe. Send one through the gateway, and it is drawn here.
        </p>
      </Empty>
    );
  }
  const isListed = newest.some(({ record }) => record.id === chosen.record.id);
  const options = isListed ? newest : [chosen, ...newest];
  return (
    <>
      <Trouble problem={problem} />
      {id !== undefined && named.length === 0 && (
        <p class="problem" role="status">
          The request that was asked for is not kept, or not any more: another is shown.
        </p>
      )}
      <div class="filters">
        <label class="field">
          Newest request of
          <select value={chosen.record.id} onChange={(event) => setParams({ id: event.currentTarget.value })}>
            {options.map(({ record }) => (
              <option key={record.id} value={record.id}>
                {labelOf(record)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Shown {...chosen} />
    </>
  );
}
