import type { JSX } from 'preact';

import type { Answers } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';
import { formatBytes, formatCount, formatDuration, formatShare, formatUsd, formatWord } from '../format.ts';
import { Empty, Section, ShareTile, Tile, Tiles, toneOf, Trouble, Waiting } from '../parts/blocks.tsx';
import { Table } from '../parts/table.tsx';

const EVERY_MS = 10_000;

function Outcomes({ value }: { readonly value: Answers }): JSX.Element {
  const bypassed = Object.values(value.bypassed).reduce((sum, count) => sum + count, 0);
  const rows = [
    ['Answered from memory', value.hits.memory],
    ['Answered from the store', value.hits.store],
    ['Waited for the same request under way', value.collapsed],
    ['Not known yet, so asked', value.misses],
    ['Passed by', bypassed],
  ] as const;
  return (
    <Section title="What became of the requests">
      <Table
        caption="What became of the requests"
        rows={rows}
        keyOf={([name]) => name}
        columns={[
          { name: 'Outcome', show: ([name]) => name },
          { name: 'Requests', isNumber: true, show: ([, count]) => formatCount(count) },
          {
            name: `Share of ${formatCount(value.requests)}`,
            isNumber: true,
            show: ([, count]) => formatShare(count, value.requests),
          },
        ]}
      />
    </Section>
  );
}

function Reasons(props: {
  readonly title: string;
  readonly counts: Readonly<Record<string, number>>;
}): JSX.Element | null {
  const rows = Object.entries(props.counts)
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one);
  if (rows.length === 0) return null;
  return (
    <Section title={props.title}>
      <Table
        caption={props.title}
        rows={rows}
        keyOf={([reason]) => reason}
        columns={[
          { name: 'Reason', show: ([reason]) => formatWord(reason) },
          { name: 'Requests', isNumber: true, show: ([, count]) => formatCount(count) },
        ]}
      />
    </Section>
  );
}

function Kept({ value: { memory, store, stored } }: { readonly value: Answers }): JSX.Element {
  return (
    <Section title="What is kept">
      <Tiles>
        <Tile
          name="In memory"
          value={formatCount(memory.entries)}
          detail={`answers, ${formatBytes(memory.bytes)}`}
        />
        <Tile name="Stored since the start" value={formatCount(stored)} />
        <Tile
          name="Store"
          value={store.kind ?? 'none'}
          detail={
            store.kind === null
              ? 'this process only'
              : `${formatCount(store.failures)} of ${formatCount(store.calls)} calls failed`
          }
          tone={store.isFailing ? 'loss' : 'plain'}
        />
      </Tiles>
    </Section>
  );
}

/** What do exact answers save? */
export function AnswersScreen(): JSX.Element {
  const { value, problem } = usePolled('responses', askFor<Answers>('/api/v1/responses'), EVERY_MS);
  if (!value) return <Waiting problem={problem} />;
  if (value.requests === 0) {
    return (
      <Empty title={value.isOn ? 'No request could be answered from here yet' : 'Exact answers are off'}>
        <p>
          A request that was answered before, the same in everything that matters, need not be sent at all:
          the whole answer is kept for the caller who got it.
        </p>
        <p>One request asks for it with a header, here for ten minutes:</p>
        <pre>x-cachewright-response-cache: 600</pre>
      </Empty>
    );
  }
  const answered = value.hits.memory + value.hits.store + value.collapsed;
  return (
    <>
      <Trouble problem={problem} />
      <div class="panel">
        <p class="headline-number">
          <strong class={toneOf(value.savedUsd)}>{formatUsd(value.savedUsd)}</strong>
          <span>saved by answers that were not asked for again, since the gateway was started</span>
        </p>
        <Tiles>
          <ShareTile
            name="Answered without asking"
            numerator={answered}
            denominator={value.requests}
            of="requests"
          />
          <Tile name="Waiting spared" value={formatDuration(value.savedMs)} />
          <Tile
            name="Not priced"
            value={formatCount(value.unpriced)}
            detail="hits of which nobody can tell what they saved"
          />
        </Tiles>
      </div>
      <Outcomes value={value} />
      <Reasons title="Why requests were passed by" counts={value.bypassed} />
      <Reasons title="Why answers were not kept" counts={value.notStored} />
      <Kept value={value} />
    </>
  );
}
