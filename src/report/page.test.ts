import { createHash } from 'node:crypto';

import { expect, test } from 'vitest';

import { escapeBreakable, escapeText } from './escape.ts';
import { renderHtmlPage, type Page } from './page.ts';

const HOSTILE = `</style><script>alert("1")</script><img src=x onerror='a'>&amp;\u0000\ud800`;

const page: Page = {
  title: HOSTILE,
  subtitle: HOSTILE,
  cards: [{ label: HOSTILE, value: HOSTILE, note: HOSTILE, tone: 'loss' }],
  sections: [
    { kind: 'text', heading: HOSTILE, intro: HOSTILE, paragraphs: [HOSTILE] },
    { kind: 'key-value', heading: HOSTILE, pairs: [[HOSTILE, HOSTILE]] },
    {
      kind: 'table',
      heading: HOSTILE,
      table: {
        caption: HOSTILE,
        columns: [{ title: HOSTILE }, { title: HOSTILE, isNumber: true }],
        rows: [[HOSTILE, HOSTILE]],
      },
    },
    {
      kind: 'chart',
      heading: HOSTILE,
      drawn: { drawings: null, whyNot: HOSTILE },
      table: { caption: HOSTILE, columns: [{ title: HOSTILE }], rows: [[HOSTILE]] },
    },
  ],
  assumptions: [HOSTILE],
  madeBy: HOSTILE,
};

test('every text is escaped', () => {
  const html = renderHtmlPage(page);
  expect(html).not.toMatch(/<script|<img/);
  expect(html).not.toContain('\u0000');
  expect(html).not.toMatch(/\p{Cs}/u);
  expect(html.match(/<\/style>/g)).toHaveLength(1);
  const texts = html.split(escapeText(HOSTILE)).length - 1;
  const breakable = html.split(escapeBreakable(HOSTILE)).length - 1;
  // Every place of the page above, the label of the cell included; long names and notes may break.
  expect(texts + breakable).toBe(26);
});

test('nothing can be loaded or run, and the style is allowed by its bytes', () => {
  const html = renderHtmlPage({ ...page, sections: [] });
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(html).toContain(
    `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
  );
  expect(html).not.toMatch(/<[^>]* (?:src|href|style)=|url\(|@import/);
});

test('numbers stand at the right and rows have headings', () => {
  const html = renderHtmlPage({
    ...page,
    sections: [
      {
        kind: 'table',
        heading: 'Costs',
        table: {
          caption: 'By policy.',
          columns: [{ title: 'Policy' }, { title: 'Cost', isNumber: true }],
          rows: [['cachewright+keepalive', '$1.00']],
        },
      },
    ],
  });
  expect(html).toContain('<th scope="row" role="rowheader">cachewright+<wbr>keepalive</th>');
  expect(html).toContain('<td role="cell" class="number" data-label="Cost">$1.00</td>');
});
