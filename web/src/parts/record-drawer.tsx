import type { JSX } from 'preact';

import { factsOf } from '../data/record-facts.ts';
import { linkTo, setParams } from '../data/route.ts';
import type { RequestRecord } from '../data/types.ts';
import { formatCount, formatSecond, formatUsd, formatWord, usdOf } from '../format.ts';
import { adviceFor } from '../data/miss-reasons.ts';
import { BodyDifference } from './body-difference.tsx';
import { Drawer } from './drawer.tsx';
import { MovedPlace } from './miss-examples.tsx';
import { PartsBar, tokenParts } from './parts-bar.tsx';
import { Table } from './table.tsx';

function close(): void {
  setParams({ id: null, with: null });
}

function Misses({ record }: { readonly record: RequestRecord }): JSX.Element | null {
  if (record.misses.length === 0) return null;
  return (
    <ul class="findings">
      {record.misses.map((miss, index) => (
        <li key={index}>
          <p>
            <strong class="loss">{formatUsd(usdOf(miss.costPicoUsd))}</strong> {formatWord(miss.reason)},{' '}
            {formatCount(miss.tokens)} tokens: <MovedPlace miss={miss} />
          </p>
          <p class="quiet">{adviceFor(miss.reason).meaning}</p>
          {miss.evidence.previousId !== null && (
            <p>
              <a href={linkTo('requests', { id: record.id, with: miss.evidence.previousId })}>
                Compare with the request before
              </a>
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

/** All that is known of one request. */
export function RecordDrawer({ record }: { readonly record: RequestRecord }): JSX.Element {
  return (
    <Drawer title={`Request of ${formatSecond(record.atMs)}`} onClose={close}>
      {record.usage && <PartsBar parts={tokenParts(record.usage)} unit="tokens" />}
      <Misses record={record} />
      <Table
        caption="What the record says"
        rows={factsOf(record)}
        keyOf={({ name }) => name}
        columns={[
          { name: 'What', show: ({ name }) => name },
          { name: 'Value', show: ({ text }) => text },
        ]}
      />
      {record.plan && record.shape && (
        <p>
          <a href={linkTo('plan', { id: record.id })}>Show its plan</a>
        </p>
      )}
      <details class="numbers">
        <summary>The record as JSON</summary>
        <pre>{JSON.stringify(record, null, 2)}</pre>
      </details>
    </Drawer>
  );
}

/** What of the prompt differs, in its order: what stands first decides about all behind it. */
function describeDifference(one: RequestRecord, other: RequestRecord): string {
  if (one.scope !== other.scope) return 'They are of different scopes, which share no cache.';
  if (one.model !== other.model) return 'They went to different models, which share no cache.';
  if (!one.shape || !other.shape) return 'Of one of them the body was not read.';
  if (one.shape.toolsHash !== other.shape.toolsHash)
    return 'The tools differ. They stand first, so nothing behind them can be shared.';
  if (one.shape.systemHash !== other.shape.systemHash)
    return 'The tools are the same, and the system prompt differs: only the tools can be shared.';
  if (one.shape.settingsHash !== other.shape.settingsHash)
    return 'Tools and system prompt are the same, and a setting that is part of the prompt differs.';
  const blocks = [one, other].map(({ shape }) => formatCount(shape?.blocks.messages ?? null));
  return `Tools, system prompt and settings are the same: what differs is in the conversation, of ${blocks.join(' blocks and then of ')}.`;
}

/** Two requests side by side, the older one left. */
export function CompareDrawer(props: {
  readonly one: RequestRecord;
  readonly other: RequestRecord;
}): JSX.Element {
  // Of one moment, the one that is compared with another came after it.
  const [older, newer] =
    props.one.atMs < props.other.atMs ? [props.one, props.other] : [props.other, props.one];
  const after = factsOf(newer);
  const rows = factsOf(older).map((fact, index) => {
    const newText = after[index]?.text ?? '';
    return { ...fact, newText, isDifferent: !fact.isOwn && fact.text !== newText };
  });
  const moved = newer.misses.filter(({ evidence }) => evidence.previousId === older.id);
  return (
    <Drawer title="Two requests" onClose={close}>
      <p>{describeDifference(older, newer)}</p>
      {moved.map((miss, index) => (
        <p key={index}>
          The newer one lost <strong class="loss">{formatUsd(usdOf(miss.costPicoUsd))}</strong> to it:{' '}
          {formatWord(miss.reason)}, {miss.evidence.path !== null && 'first at '}
          <MovedPlace miss={miss} />.
        </p>
      ))}
      <BodyDifference olderId={older.id} newerId={newer.id} />
      <Table
        caption="What two records say"
        rows={rows}
        keyOf={({ name }) => name}
        classOf={({ isDifferent }) => (isDifferent ? 'differs' : '')}
        columns={[
          { name: 'What', show: ({ name }) => name },
          { name: 'Older', show: ({ text }) => text },
          { name: 'Newer', show: ({ newText }) => newText },
          {
            name: 'Same?',
            show: ({ isOwn, isDifferent }) => {
              if (isOwn) return '';
              return isDifferent ? 'differs' : 'same';
            },
          },
        ]}
      />
    </Drawer>
  );
}
