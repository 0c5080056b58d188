import { createHash } from 'node:crypto';

import { escapeBreakable, escapeText } from './escape.ts';
import { PAGE_STYLE } from './page-style.ts';
import { renderSection, type Section } from './section.ts';

/** One number at the top of a page. */
export interface SummaryCard {
  readonly label: string;
  readonly value: string;
  /** What the number is made of, such as numerator and denominator. */
  readonly note?: string;
  readonly tone?: 'gain' | 'loss' | 'plain';
}

/** A report as data: every text is plain text and is escaped. */
export interface Page {
  readonly title: string;
  readonly subtitle: string;
  readonly cards: readonly SummaryCard[];
  readonly sections: readonly Section[];
  /** Under what the numbers hold, one sentence each. */
  readonly assumptions: readonly string[];
  /** The last line: what made the page. */
  readonly madeBy: string;
}

function renderCard({ label, value, note, tone = 'plain' }: SummaryCard): string {
  const noteHtml = note === undefined ? '' : `<p class="note">${escapeBreakable(note)}</p>`;
  return `<li class="card"><p class="label">${escapeText(label)}</p><p class="value ${tone}">${escapeText(value)}</p>${noteHtml}</li>`;
}

function renderCards(cards: readonly SummaryCard[]): string {
  if (cards.length === 0) return '';
  return `<ul class="cards" aria-label="Summary">\n${cards.map(renderCard).join('\n')}\n</ul>`;
}

function renderFooter({ assumptions, madeBy }: Page): string {
  const items = assumptions.map((sentence) => `<li>${escapeText(sentence)}</li>`).join('\n');
  const list = items === '' ? '' : `<h2>What these numbers assume</h2>\n<ul>\n${items}\n</ul>\n`;
  return `<footer>\n${list}<p>${escapeText(madeBy)}</p>\n</footer>`;
}

/**
 * A report as one HTML file that needs nothing else: no network (its content security policy forbids all), no script,
 * light or dark as the reader's system is, for phones, screens and paper.
 *
 * @example
 * renderHtmlPage({ title: 'Replay', subtitle: 'a.jsonl', cards: [], sections: [], assumptions: [], madeBy: 'cachewright' })
 */
export function renderHtmlPage(page: Page): string {
  const styleHash = createHash('sha256').update(PAGE_STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeText(page.title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeText(page.title)}</h1>
<p class="subtitle">${escapeText(page.subtitle)}</p>
</header>
<main>
${renderCards(page.cards)}
${page.sections.map(renderSection).join('\n')}
</main>
${renderFooter(page)}
</body>
</html>
`;
}
