const outcomeIs = (outcome: string): string =>
  `(text #>> '{responses,outcome}') IS NOT DISTINCT FROM '${outcome}'`;

/** The counts that version 2 added, and whether a record is among each: as `addBill` and `addOwnCost` say. */
const COUNTS: readonly (readonly [name: string, condition: string])[] = [
  [
    'unreported',
    `NOT is_own AND (text ->> 'cost') IS NULL
      AND (text #>> '{gate,end}') IS DISTINCT FROM 'left'`,
  ],
  ['disputed', `(text #>> '{diagnostics,isDisputed}') IS NOT DISTINCT FROM 'true'`],
  ['own_requests', 'is_own'],
  ['responses_hit', outcomeIs('hit')],
  ['responses_collapsed', outcomeIs('collapsed')],
  ['responses_stored', outcomeIs('stored')],
  ['responses_missed', outcomeIs('miss')],
  ['responses_bypassed', outcomeIs('bypass')],
];

const each = (write: (name: string, condition: string) => string, between = ', '): string =>
  COUNTS.map(([name, condition]) => write(name, condition)).join(between);

/** With 0 where nothing is said: gateways of version 1 may go on writing while others are brought to this one. */
const addColumns = (table: string): string =>
  `ALTER TABLE ${table} ${each((name) => `ADD COLUMN ${name} NUMERIC NOT NULL DEFAULT 0`)};`;

/** A record's text; what clients sent may have escapes in it that the server takes for errors: NUL, halves of pairs. */
const TEXT = String.raw`regexp_replace(body, '\\u[0-9a-f]{4}', '\\ufffd', 'g')::jsonb`;

const PLACE = ['level_ms', 'tag', 'scope', 'bucket_ms', 'model'];

/**
 * Brings a database from version 1 to version 2: sums get more counts, made from the records that are there. Where records
 * are gone and only their sums are left, the new counts are 0. Sums are placed at every level that any of them has: a
 * bucket that is not kept has no row to be added to.
 */
export const ADD_COUNTS: string = `
  ${addColumns('cachewright_record')}
  ${addColumns('cachewright_rollup')}
  CREATE TEMP TABLE counted ON COMMIT DROP AS
    SELECT seq, ${each((name, condition) => `(${condition})::int AS ${name}`)}
    FROM cachewright_record CROSS JOIN LATERAL (SELECT ${TEXT} AS text OFFSET 0) AS parsed;
  DELETE FROM counted WHERE ${each((name) => name, ' + ')} = 0;
  UPDATE cachewright_record kept SET ${each((name) => `${name} = counted.${name}`)}
    FROM counted WHERE counted.seq = kept.seq;
  WITH placed AS (
    SELECT level_ms, tag, scope_of.scope, (floor(at_ms::numeric / level_ms) * level_ms)::bigint AS bucket_ms, model,
      ${each((name) => `sum(kept.${name}) AS ${name}`)}
    FROM cachewright_record kept
      JOIN counted USING (seq)
      CROSS JOIN LATERAL unnest(tags || ARRAY['']) AS tag
      CROSS JOIN LATERAL (VALUES (kept.scope), ('')) AS scope_of (scope)
      CROSS JOIN (VALUES (300000::bigint), (3600000), (86400000)) AS level (level_ms)
    GROUP BY 1, 2, 3, 4, 5
  )
  UPDATE cachewright_rollup rollup SET ${each((name) => `${name} = placed.${name}`)}
    FROM placed WHERE ${PLACE.map((name) => `rollup.${name} = placed.${name}`).join(' AND ')};
`;
