import type { ComponentChildren, JSX } from 'preact';

/** A column: numbers stand right. */
export interface Column<Row> {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly show: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  /** Read out before it; also its heading where `isCaptionShown`. */
  readonly caption: string;
  readonly isCaptionShown?: boolean;
  /** The first is the heading of its row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  readonly classOf?: (row: Row) => string;
}

/** Rows and columns; where it is wider than the screen it scrolls by itself, also by keyboard. */
export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { caption, isCaptionShown = false, columns, rows, keyOf, classOf } = props;
  const [head, ...rest] = columns;
  return (
    <>
      {isCaptionShown && (
        // Outside of what scrolls, so that it is broken into lines; who hears the page hears the one of the table.
        <p class="caption" aria-hidden="true">
          {caption}
        </p>
      )}
      <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
        <table>
          <caption class="hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map(({ name, isNumber }) => (
                <th key={name} scope="col" class={isNumber ? 'number' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={keyOf(row)} class={classOf?.(row) ?? ''}>
                {head && (
                  <th scope="row" class={head.isNumber ? 'number' : ''}>
                    {head.show(row)}
                  </th>
                )}
                {rest.map(({ name, isNumber, show }) => (
                  <td key={name} class={isNumber ? 'number' : ''}>
                    {show(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
