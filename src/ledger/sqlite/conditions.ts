import type { SQLInputValue } from 'node:sqlite';

import type { Span } from '../rollup.ts';

/** A filter with the names as numbers; undefined: no condition. */
export interface Search {
  readonly scope: number | undefined;
  readonly model: number | undefined;
  readonly tag: number | undefined;
}

/** A condition and its parameters; null: none. */
export type Condition = readonly [sql: string, ...SQLInputValue[]] | null;

/** Conditions that all must hold, with their parameters. */
export interface Where {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

export function allOf(conditions: readonly Condition[]): Where {
  const given = conditions.filter((condition) => condition !== null);
  return {
    sql: given.map(([sql]) => sql).join(' AND '),
    parameters: given.flatMap(([, ...parameters]) => parameters),
  };
}

export function whereRollup({ levelMs, fromMs, toMs }: Span, { scope, model, tag }: Search): Where {
  return allOf([
    ['level_ms = ?', levelMs],
    ['tag = ?', tag ?? 0],
    ['scope = ?', scope ?? 0],
    ['bucket_ms >= ? AND bucket_ms < ?', fromMs, toMs],
    model === undefined ? null : ['model = ?', model],
  ]);
}

export function whereAmount(fromMs: number, toMs: number, { scope, model, tag }: Search): Where {
  return allOf([
    ['amount.at_ms >= ? AND amount.at_ms < ?', fromMs, toMs],
    scope === undefined ? null : ['amount.scope = ?', scope],
    model === undefined ? null : ['amount.model = ?', model],
    tag === undefined
      ? null
      : [
          'EXISTS (SELECT 1 FROM tagged WHERE tagged.tag = ? AND tagged.at_ms = amount.at_ms AND tagged.seq = amount.seq)',
          tag,
        ],
  ]);
}

/** The first two columns of a result, time and model, and how it is grouped by them. */
export interface Keys {
  readonly columns: string;
  readonly sql: string;
  /** Buckets that are kept in this very length are there once: nothing has to be added up. */
  readonly isGrouped: boolean;
}

export function groupBy(time: string, model: string, bucketMs: number | null, { levelMs }: Span): Keys {
  if (bucketMs === null) return { columns: 'NULL, NULL', sql: '', isGrouped: true };
  if (bucketMs === levelMs) return { columns: `${time}, ${model}`, sql: '', isGrouped: false };
  // Rounded down, for times before 1970 as well.
  const bucket = `${time} - ((${time} % ${bucketMs}) + ${bucketMs}) % ${bucketMs}`;
  return { columns: `${bucket}, ${model}`, sql: `GROUP BY ${bucket}, ${model}`, isGrouped: true };
}
