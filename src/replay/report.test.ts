import { expect, test } from 'vitest';

import { makeReplayData } from '../../test/browser/replay-data.ts';
import { renderReplayHtml, renderReplayPicture } from './report.ts';

const data = makeReplayData('trace.jsonl');

test('the page has the costs, the bound and a table beside each chart', async () => {
  const html = await renderReplayHtml(data, '1.2.3');
  expect(html.match(/<svg /g)).toHaveLength(6);
  expect(html.match(/<details>/g)).toHaveLength(3);
  expect(html).toContain('Replay of trace.jsonl: 29,547 requests, one price for all models');
  expect(html).toContain('<p class="label">Lower bound</p><p class="value plain">$2,119.34</p>');
  expect(html).toContain('cachewright+<wbr>keepalive+<wbr>gate: −84.5 % against $14,820.55');
  expect(html).toContain('Times between requests of one session are as recorded');
});

test('the cheapest policy of the cards is one that can be run', async () => {
  const html = await renderReplayHtml(data, '1.2.3');
  expect(html).toMatch(
    /Cheapest policy<\/p><p class="value gain">\$2,297\.19<\/p><p class="note">cachewright\+/,
  );
});

test('a policy that costs more than no caching is shown as a loss', async () => {
  const policies = data.policies.filter(({ name }) => name === 'keepalive-naive');
  const html = await renderReplayHtml({ ...data, policies }, '1.2.3');
  expect(html).toMatch(/class="value loss">\$20,230\.05<\/p><p class="note">keepalive-naive: \+36\.5 %/);
});

test('a trace without a second use, without a bound and without cost has no number that is none', async () => {
  const html = await renderReplayHtml(
    {
      ...data,
      noCacheUsd: 0,
      lowerBound: null,
      policies: data.policies.map((policy) => ({ ...policy, costRatio: 1, costUsd: 0, pingUsd: 0 })),
      reuse: { bins: [], firstTokens: 0 },
      costOverTime: { timesMs: [], policies: [] },
    },
    '1.2.3',
  );
  expect(html).toContain('No prefix was used twice in this trace');
  expect(html).not.toMatch(/NaN|Infinity|undefined/);
  expect(html.match(/<svg /g)).toHaveLength(2);
});

test('results per family have a table each', async () => {
  const family = {
    family: 'opus',
    requests: 12,
    noCacheUsd: 3,
    policies: data.policies,
    lowerBound: { costRatio: 0.5 },
  };
  const html = await renderReplayHtml({ ...data, families: [family] }, '1.2.3');
  expect(html).toContain('<h2>Only opus</h2>');
  expect(html).toMatch(/Policies on opus[\s\S]*clairvoyant[\s\S]*0\.29×/);
});

test('the picture is one SVG with the charts under each other', async () => {
  const svg = await renderReplayPicture(data);
  expect(svg.match(/<svg /g)).toHaveLength(4);
  expect(svg).toContain('What caching would have cost');
});
