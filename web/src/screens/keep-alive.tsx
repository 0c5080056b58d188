import type { JSX } from 'preact';

import type { KeepAlive, PingTotals } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';
import { formatCount, formatNumberOf, formatSecond, formatUsd, formatWord, NOT_KNOWN } from '../format.ts';
import {
  Empty,
  Section,
  ShareTile,
  Signed,
  Tile,
  Tiles,
  toneOf,
  Trouble,
  Waiting,
} from '../parts/blocks.tsx';
import { Table } from '../parts/table.tsx';

const EVERY_MS = 10_000;

/** What pings cost and saved as two bars of one scale. */
function CostAndSaved({ totals }: { readonly totals: PingTotals }): JSX.Element {
  const largest = Math.max(totals.costUsd, totals.savedUsd, Number.MIN_VALUE);
  const bars = [
    ['Saved by pings that were used', totals.savedUsd, 'read'],
    ['Cost of all pings', totals.costUsd, 'uncached'],
  ] as const;
  return (
    <ul class="bars">
      {bars.map(([name, usd, look]) => (
        <li key={name}>
          <span>{name}</span>
          <strong>{formatUsd(usd)}</strong>
          <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class={`fill-${look}`} width={Math.max(0, (100 * usd) / largest)} height="4" />
          </svg>
        </li>
      ))}
    </ul>
  );
}

function Verdict({ totals, isReal }: { readonly totals: PingTotals; readonly isReal: boolean }): JSX.Element {
  const words = isReal ? 'net, since the gateway was started' : 'net, had the pings been sent';
  return (
    <Section title={isReal ? 'Pings that were sent' : 'Pings that were only weighed, not sent'}>
      <p class="headline-number">
        <strong class={toneOf(totals.netUsd)}>{formatUsd(totals.netUsd)}</strong>
        <span>{words}</span>
      </p>
      <CostAndSaved totals={totals} />
      <Tiles>
        <Tile name="Pings" value={formatCount(totals.pings)} />
        <ShareTile
          name="Used by a later request"
          numerator={totals.used}
          denominator={totals.pings}
          of="pings"
        />
      </Tiles>
    </Section>
  );
}

/** Nobody has asked for its entry yet, and it lives: what it saves is not known. */
function isOpen({ status, isUsed }: KeepAlive['pings'][number]): boolean {
  return status === 200 && isUsed === null;
}

function Pings({ pings }: { readonly pings: KeepAlive['pings'] }): JSX.Element {
  const verdict = (isUsed: boolean | null): string => {
    if (isUsed === null) return 'not known yet';
    return isUsed ? 'used' : 'not used';
  };
  return (
    <Section title="Newest pings">
      <Table
        caption="Newest pings"
        rows={pings}
        keyOf={({ id }) => id}
        columns={[
          { name: 'When', show: ({ atMs }) => formatSecond(atMs) },
          { name: 'Model', show: ({ model }) => model },
          {
            name: 'Outcome',
            show: ({ isUsed, status }) => (status === 200 ? verdict(isUsed) : `failed: ${status}`),
          },
          { name: 'Cost', isNumber: true, show: ({ costUsd }) => formatUsd(costUsd) },
          {
            name: 'Saved',
            isNumber: true,
            show: (ping) => formatUsd(isOpen(ping) ? null : ping.savedUsd),
          },
          {
            name: 'Net',
            isNumber: true,
            show: (ping) => (isOpen(ping) ? NOT_KNOWN : <Signed usd={ping.netUsd} />),
          },
        ]}
      />
    </Section>
  );
}

function State({ value }: { readonly value: KeepAlive }): JSX.Element {
  const reasons = Object.entries(value.letGo).filter(([, count]) => count > 0);
  return (
    <Section title="What it is doing">
      <Tiles>
        <Tile name="State" value={value.state} />
        <Tile name="Entries kept now" value={formatCount(value.kept)} />
        <Tile
          name="Failed pings"
          value={formatCount(value.failures)}
          tone={value.failures > 0 ? 'loss' : 'plain'}
        />
      </Tiles>
      {value.note !== null && <p class="sentence">{value.note}.</p>}
      {reasons.length > 0 && (
        <p>
          Entries let go:{' '}
          {reasons.map(([reason, count]) => `${formatWord(reason)} ${formatCount(count)}`).join(', ')}.
        </p>
      )}
    </Section>
  );
}

function Nothing({ value }: { readonly value: KeepAlive }): JSX.Element {
  if (value.state === 'off') {
    return (
      <Empty title="Keep-alive is off">
        <p>
          It sends a small request shortly before a long prefix expires, where what is learned of your traffic
          says that this costs less than writing the prefix again. To see what it would do, without sending
          anything:
        </p>
        <pre>npx cachewright serve --keep-alive observe</pre>
      </Empty>
    );
  }
  return (
    <Empty title="No ping was worth it yet">
      <p>
        Keep-alive is in state “{value.state}” and {formatNumberOf(value.kept, 'entry is', 'entries are')}{' '}
        being watched. It pings only long prefixes that are likely to be asked for again after a pause.
      </p>
    </Empty>
  );
}

/** Does keep-alive pay? */
export function KeepAliveScreen(): JSX.Element {
  const { value, problem } = usePolled('keep-alive', askFor<KeepAlive>('/api/v1/keep-alive'), EVERY_MS);
  if (!value) return <Waiting problem={problem} />;
  const { totals, observed, pings } = value;
  const isEmpty = totals.pings === 0 && observed.pings === 0;
  return (
    <>
      <Trouble problem={problem} />
      {isEmpty && <Nothing value={value} />}
      {totals.pings > 0 && <Verdict totals={totals} isReal />}
      {observed.pings > 0 && <Verdict totals={observed} isReal={false} />}
      {(!isEmpty || value.state !== 'off') && <State value={value} />}
      {pings.length > 0 && <Pings pings={pings} />}
    </>
  );
}
