import type { DrawnChart } from './drawn-chart.ts';
import { escapeBreakable, escapeText } from './escape.ts';

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right, in figures of equal width. */
  readonly isNumber?: boolean;
}

/** A table; the first cell of a row is its heading. */
export interface TableData {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

interface SectionHead {
  readonly heading: string;
  /** What to see in it, in a sentence or two. */
  readonly intro?: string;
}

/** A part of a page. */
export type Section = SectionHead &
  (
    | { readonly kind: 'text'; readonly paragraphs: readonly string[] }
    | { readonly kind: 'table'; readonly table: TableData }
    | { readonly kind: 'chart'; readonly drawn: DrawnChart; readonly table: TableData }
    | { readonly kind: 'key-value'; readonly pairs: readonly (readonly [key: string, value: string])[] }
  );

/** Wider ones turn into cards on a phone. */
const MOST_NARROW_COLUMNS = 3;

function renderCell(text: string, column: Column | undefined, isRowHead: boolean): string {
  const className = column?.isNumber ? ' class="number"' : '';
  const label = ` data-label="${escapeText(column?.title ?? '')}"`;
  // Roles are said again: laid out as cards, a table would lose them.
  return isRowHead
    ? `<th scope="row" role="rowheader"${className}>${escapeBreakable(text)}</th>`
    : `<td role="cell"${className}${label}>${escapeText(text)}</td>`;
}

function renderTable({ caption, columns, rows }: TableData): string {
  const head = columns
    .map(
      ({ title, isNumber }) =>
        `<th scope="col" role="columnheader"${isNumber ? ' class="number"' : ''}>${escapeText(title)}</th>`,
    )
    .join('');
  const body = rows.map((row) => {
    const cells = row.map((text, index) => renderCell(text, columns[index], index === 0));
    return `<tr role="row">${cells.join('')}</tr>`;
  });
  const className = columns.length > MOST_NARROW_COLUMNS ? 'wide-table' : 'slim-table';
  return `<table role="table" class="${className}">
<caption>${escapeText(caption)}</caption>
<thead role="rowgroup"><tr role="row">${head}</tr></thead>
<tbody role="rowgroup">
${body.join('\n')}
</tbody>
</table>`;
}

function renderChart({ drawings, whyNot }: DrawnChart, table: TableData): string {
  const numbers = renderTable(table);
  if (drawings === null) return `<p class="missing">${escapeText(whyNot ?? '')}</p>\n${numbers}`;
  return `<figure>
<div class="wide">${drawings.wide}</div>
<div class="narrow">${drawings.narrow}</div>
</figure>
<details><summary>The numbers of this chart</summary>
${numbers}
</details>`;
}

function renderBody(section: Section): string {
  switch (section.kind) {
    case 'text':
      return section.paragraphs.map((text) => `<p>${escapeText(text)}</p>`).join('\n');
    case 'table':
      return renderTable(section.table);
    case 'chart':
      return renderChart(section.drawn, section.table);
    case 'key-value': {
      const pairs = section.pairs.map(
        ([key, value]) => `<div><dt>${escapeText(key)}</dt><dd>${escapeText(value)}</dd></div>`,
      );
      return `<dl>\n${pairs.join('\n')}\n</dl>`;
    }
  }
}

/** One section as HTML. */
export function renderSection(section: Section): string {
  const intro = section.intro === undefined ? '' : `<p class="intro">${escapeText(section.intro)}</p>\n`;
  return `<section>\n<h2>${escapeText(section.heading)}</h2>\n${intro}${renderBody(section)}\n</section>`;
}
