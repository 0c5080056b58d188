import type { JSX } from 'preact';

import { linkTo } from '../data/route.ts';
import type { Alert, AlertList, IntegrityReport, Ready } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';
import { formatCount, formatNumberOf, formatSecond, formatWord } from '../format.ts';
import { Empty, Section, ShareTile, Tile, Tiles, Trouble, Waiting } from '../parts/blocks.tsx';
import { Table } from '../parts/table.tsx';

const EVERY_MS = 10_000;
const SHOWN_MAX = 50;

function capitalise(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function Firing({ firing }: { readonly firing: readonly Alert[] }): JSX.Element {
  if (firing.length === 0) {
    return (
      <Section title="Nothing is wrong">
        <p>
          Hit ratio, cost per request, errors and bills are watched, each against what is usual for its model
          and scope. What turns bad is shown here.
        </p>
      </Section>
    );
  }
  return (
    <Section title={`${formatNumberOf(firing.length, 'thing is', 'things are')} bad now`}>
      <ul class="firing">
        {firing.map((alert) => (
          <li key={`${alert.rule} ${alert.sentence}`} class="problem">
            <strong>{capitalise(alert.sentence)}</strong>{' '}
            <span class="quiet">
              Since {formatSecond(alert.atMs)} · rule {alert.rule} · {formatNumberOf(alert.samples, 'sample')}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function History({ alerts }: { readonly alerts: readonly Alert[] }): JSX.Element | null {
  if (alerts.length === 0) return null;
  return (
    <Section title="What was told">
      <Table
        caption="What was told, newest first"
        rows={alerts}
        keyOf={({ rule, atMs, sentence }) => `${rule} ${atMs} ${sentence}`}
        columns={[
          { name: 'When', show: ({ atMs }) => formatSecond(atMs) },
          {
            name: 'State',
            show: ({ state }) => (
              <span class={state === 'firing' ? 'loss' : 'gain'}>
                {state === 'firing' ? 'bad' : 'good again'}
              </span>
            ),
          },
          { name: 'What', show: ({ sentence }) => capitalise(sentence) },
          { name: 'Rule', show: ({ rule }) => rule },
        ]}
      />
    </Section>
  );
}

function Integrity({ report }: { readonly report: IntegrityReport }): JSX.Element {
  const unexplained = report.counts.reduce((sum, count) => sum + count.unexplained, 0);
  return (
    <Section title="Do bills fit the model of the cache?">
      <Tiles>
        <ShareTile name="Bills that fit" numerator={report.fitting} denominator={report.checked} of="bills" />
        <Tile name="Unexplained" value={formatCount(unexplained)} tone={unexplained > 0 ? 'loss' : 'plain'} />
      </Tiles>
      {report.counts.length > 0 && (
        <Table
          caption="Differences by kind"
          isCaptionShown
          rows={report.counts}
          keyOf={({ code }) => code}
          columns={[
            { name: 'Kind', show: ({ code }) => formatWord(code) },
            { name: 'Requests', isNumber: true, show: ({ requests }) => formatCount(requests) },
            { name: 'Unexplained', isNumber: true, show: (count) => formatCount(count.unexplained) },
          ]}
        />
      )}
      {report.findings.length > 0 && (
        <Table
          caption="Newest differences"
          isCaptionShown
          rows={report.findings}
          keyOf={({ requestId, code }) => `${requestId} ${code}`}
          columns={[
            {
              name: 'When',
              show: ({ requestId, atMs }) => (
                <a href={linkTo('requests', { id: requestId })}>{formatSecond(atMs)}</a>
              ),
            },
            { name: 'What', show: ({ sentence }) => capitalise(sentence) },
            { name: 'Cause', show: ({ cause }) => formatWord(cause) },
            { name: 'Expected', isNumber: true, show: ({ expectedTokens }) => formatCount(expectedTokens) },
            { name: 'Billed', isNumber: true, show: ({ billedTokens }) => formatCount(billedTokens) },
          ]}
        />
      )}
    </Section>
  );
}

function Health({ ready }: { readonly ready: Ready }): JSX.Element {
  const { problem, waiting, dropped } = ready.ledger;
  const counters = Object.entries(ready.counters);
  return (
    <Section
      title="Is Cachewright itself well?"
      note="None of this ever fails a request; it can cost a record or a saving."
    >
      {problem !== null && <p class="problem">{problem}</p>}
      <Tiles>
        <Tile name="Records waiting" value={formatCount(waiting)} />
        <Tile name="Records lost" value={formatCount(dropped)} tone={dropped > 0 ? 'loss' : 'plain'} />
        {counters.map(([name, count]) => (
          <Tile
            key={name}
            name={capitalise(name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`))}
            value={formatCount(count)}
            tone={count > 0 ? 'loss' : 'plain'}
          />
        ))}
      </Tiles>
    </Section>
  );
}

/** Is anything wrong? */
export function WatchScreen(): JSX.Element {
  const alerts = usePolled('alerts', askFor<AlertList>(`/api/v1/alerts?limit=${SHOWN_MAX}`), EVERY_MS);
  const integrity = usePolled(
    'integrity',
    askFor<IntegrityReport>(`/api/v1/integrity?limit=${SHOWN_MAX}`),
    EVERY_MS,
  );
  const ready = usePolled('ready', askFor<Ready>('/readyz'), EVERY_MS);
  const problem = alerts.problem ?? integrity.problem ?? ready.problem;
  if (!alerts.value || !integrity.value) return <Waiting problem={problem} />;
  const isIdle = integrity.value.checked === 0 && alerts.value.alerts.length === 0;
  return (
    <>
      <Trouble problem={problem} />
      {isIdle ? (
        <Empty title="Nothing to judge yet">
          <p>
            Every bill is held against what the model of the cache says, and every series of requests against
            what is usual for it. Both begin with the first requests after the gateway was started, so send
            some through it; alerts need a few quarters of an hour of them.
          </p>
        </Empty>
      ) : (
        <>
          <Firing firing={alerts.value.firing} />
          <History alerts={alerts.value.alerts} />
          <Integrity report={integrity.value} />
        </>
      )}
      {ready.value && <Health ready={ready.value} />}
    </>
  );
}
