import type { OwnCost } from '../own-cost.ts';
import type { RequestRecord } from '../record.ts';
import { CSV_COLUMNS, type CsvColumn } from './csv-columns.ts';

/** What spreadsheets take for the beginning of a formula, and the apostrophe itself, so that guarding can be undone. */
const GUARDED = /^[=+\-@\t\r\n']/;
/** What must stand in quotes (RFC 4180 2.6). */
const QUOTED = /[",\r\n]/;

/**
 * A text as a cell. One that a spreadsheet would compute gets an apostrophe before it, and so does one that begins with
 * an apostrophe: whoever reads the file takes one leading apostrophe off.
 *
 * @example formatTextCell('=1+1') // "'=1+1"
 */
function formatTextCell(text: string): string {
  const guarded = GUARDED.test(text) ? `'${text}` : text;
  return QUOTED.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

function formatCell({ isText }: CsvColumn, value: ReturnType<CsvColumn['ofRequest']>): string {
  if (value === null || value === undefined) return '';
  return isText ? formatTextCell(String(value)) : String(value);
}

/** The first row: the names of the columns. */
export const csvHeader: string = `${CSV_COLUMNS.map(({ name }) => name).join(',')}\r\n`;

/** The row of a request, with its line end. */
export function formatCsvRequest(record: RequestRecord): string {
  return `${CSV_COLUMNS.map((column) => formatCell(column, column.ofRequest(record))).join(',')}\r\n`;
}

/** The row of a request that we sent ourselves, with its line end. */
export function formatCsvOwn(own: OwnCost): string {
  return `${CSV_COLUMNS.map((column) => formatCell(column, column.ofOwn(own))).join(',')}\r\n`;
}
