const outcomeIs = (outcome: string): string => `coalesce(body ->> '$.responses.outcome', '') = '${outcome}'`;

/** The counts that version 2 of a file added, and what a record adds to each: as `addBill` and `addOwnCost` say. */
const COUNTS: readonly (readonly [name: string, sum: string])[] = [
  [
    'unreported',
    `is_own = 0 AND body ->> '$.cost' IS NULL AND coalesce(body ->> '$.gate.end', '') <> 'left'`,
  ],
  ['disputed', `coalesce(body ->> '$.diagnostics.isDisputed', 0) = 1`],
  ['own_requests', 'is_own'],
  ['responses_hit', outcomeIs('hit')],
  ['responses_collapsed', outcomeIs('collapsed')],
  ['responses_stored', outcomeIs('stored')],
  ['responses_missed', outcomeIs('miss')],
  ['responses_bypassed', outcomeIs('bypass')],
];

const each = (write: (name: string, sum: string) => string, between = ', '): string =>
  COUNTS.map(([name, sum]) => write(name, sum)).join(between);

const addColumns = (table: string): string =>
  each((name) => `ALTER TABLE ${table} ADD COLUMN ${name} INTEGER NOT NULL DEFAULT 0;`, '\n');

/** Times rounded down to a bucket, before 1970 as well. */
const BUCKET = 'at_ms - ((at_ms % level_ms) + level_ms) % level_ms';

const PLACE = ['level_ms', 'tag', 'scope', 'bucket_ms', 'model'];

/**
 * Brings a file from version 1 to version 2: sums get more counts, made from the records that are there. Where records are
 * gone and only their sums are left, the new counts are 0. Sums are placed at every level that any of them has: a bucket
 * that is not kept has no row to be added to.
 */
export const ADD_COUNTS: string = `
  ${addColumns('amount')}
  ${addColumns('rollup')}
  CREATE TEMP TABLE counted AS SELECT seq, ${each((name, sum) => `(${sum}) AS ${name}`)} FROM record;
  DELETE FROM counted WHERE ${each((name) => name, ' + ')} = 0;
  CREATE UNIQUE INDEX temp.counted_seq ON counted (seq);
  UPDATE amount SET ${each((name) => `${name} = counted.${name}`)}
    FROM counted WHERE counted.seq = amount.seq;
  CREATE TEMP TABLE placed AS
    WITH
      level (level_ms) AS (VALUES (300000), (3600000), (86400000)),
      tag_of (seq, tag) AS (
        SELECT seq, 0 FROM counted
        UNION ALL SELECT seq, tag FROM tagged WHERE seq IN (SELECT seq FROM counted)
      ),
      scope_of (seq, at_ms, model, scope) AS (
        SELECT seq, at_ms, model, scope FROM amount WHERE seq IN (SELECT seq FROM counted)
        UNION ALL SELECT seq, at_ms, model, 0 FROM amount WHERE seq IN (SELECT seq FROM counted)
      )
    SELECT level_ms, tag, scope, ${BUCKET} AS bucket_ms, model, ${each((name) => `sum(${name}) AS ${name}`)}
    FROM counted JOIN tag_of USING (seq) JOIN scope_of USING (seq) CROSS JOIN level
    GROUP BY 1, 2, 3, 4, 5;
  UPDATE rollup SET ${each((name) => `${name} = placed.${name}`)}
    FROM placed WHERE ${PLACE.map((name) => `rollup.${name} = placed.${name}`).join(' AND ')};
  DROP TABLE counted;
  DROP TABLE placed;
`;
