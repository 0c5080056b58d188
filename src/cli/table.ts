import Table from 'cli-table3';
import picocolors from 'picocolors';

/** A table for a terminal; without colours where the output is no terminal. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[] = [],
): string {
  const table = new Table({
    head: head.map((cell) => picocolors.cyan(cell)),
    colAligns: [...aligns],
    // The library colours on its own, terminal or not: its colours are off, ours know.
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}
