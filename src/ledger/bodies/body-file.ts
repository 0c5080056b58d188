import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

import type { BodyChoice, BodyLimits, KeptBodies } from './bodies.ts';

/** What is stored of one request. */
export interface BodyRow extends KeptBodies {
  readonly scope: string;
  readonly tags: readonly string[];
}

/** Requests that are removed in one transaction. */
const REMOVED_MAX = 500;

/** Pages that are given back to the file system in one go. */
const VACUUM_PAGES = 2_000;

/** Reads and writes one open file of bodies. */
export class BodyFile {
  readonly #database: DatabaseSync;
  readonly #limits: BodyLimits;

  constructor(database: DatabaseSync, limits: BodyLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  /** Stores bodies, and removes the oldest ones where they have become too many: all of it or nothing. */
  add(rows: readonly BodyRow[]): void {
    this.#inTransaction(() => {
      for (const row of rows) this.#addRow(row);
      this.#keepLimits();
    });
  }

  find(id: string, nowMs: number): KeptBodies | null {
    const row = this.#database
      .prepare(
        `SELECT request.at_ms AS atMs, request.expires_ms AS expiresMs, bodies.zstd AS zstd
         FROM request JOIN bodies USING (seq) WHERE request.id = ? AND request.expires_ms > ?`,
      )
      .get(id, nowMs);
    if (!row) return null;
    const text = zstdDecompressSync(row['zstd'] as Uint8Array).toString();
    const { request, answer } = JSON.parse(text) as Pick<KeptBodies, 'request' | 'answer'>;
    return { id, atMs: Number(row['atMs']), expiresMs: Number(row['expiresMs']), request, answer };
  }

  /** @returns of how many requests bodies were removed. */
  remove(choice: BodyChoice): number {
    if ('id' in choice) return this.#removeWhere('id = ?', [choice.id]);
    if ('scope' in choice) return this.#removeWhere('scope = ?', [choice.scope]);
    if ('tag' in choice)
      return this.#removeWhere('seq IN (SELECT seq FROM tagged WHERE tag = ?)', [choice.tag]);
    return this.#removeWhere('TRUE', []);
  }

  /** Removes what has been kept for as long as it should be. */
  expire(nowMs: number): void {
    this.#removeWhere('expires_ms <= ?', [nowMs]);
  }

  close(): void {
    this.#database.close();
  }

  #addRow({ id, atMs, expiresMs, scope, tags, request, answer }: BodyRow): void {
    const zstd = zstdCompressSync(JSON.stringify({ request, answer }));
    const { changes, lastInsertRowid: seq } = this.#database
      .prepare('INSERT OR IGNORE INTO request (id, at_ms, expires_ms, scope, bytes) VALUES (?, ?, ?, ?, ?)')
      .run(id, atMs, expiresMs, scope, zstd.length);
    if (changes === 0) return;
    this.#database.prepare('INSERT INTO bodies VALUES (?, ?)').run(seq, zstd);
    for (const tag of tags)
      this.#database.prepare('INSERT OR IGNORE INTO tagged VALUES (?, ?)').run(tag, seq);
  }

  #keepLimits(): void {
    const total = this.#database.prepare('SELECT requests, bytes FROM total').get();
    let requests = Number(total?.['requests']) - this.#limits.requests;
    let bytes = Number(total?.['bytes']) - this.#limits.allBytes;
    if (requests <= 0 && bytes <= 0) return;
    let last: SQLInputValue = null;
    for (const row of this.#database.prepare('SELECT seq, bytes FROM request ORDER BY seq').iterate()) {
      if (requests <= 0 && bytes <= 0) break;
      requests -= 1;
      bytes -= Number(row['bytes']);
      last = row['seq'] as number;
    }
    this.#database.prepare('DELETE FROM request WHERE seq <= ?').run(last);
  }

  /** A part of them at a time, so that what is to be stored does not wait long; then their room is given back. */
  #removeWhere(condition: string, parameters: readonly SQLInputValue[]): number {
    const sql = `DELETE FROM request WHERE seq IN (SELECT seq FROM request WHERE ${condition} LIMIT ${REMOVED_MAX})`;
    let removed = 0;
    let part = 0;
    do {
      part = this.#inTransaction(() => Number(this.#database.prepare(sql).run(...parameters).changes));
      removed += part;
    } while (part === REMOVED_MAX);
    if (removed > 0) {
      this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
      // What was removed is in the log as well, until it is brought into the file.
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    }
    return removed;
  }

  #inTransaction<Result>(run: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = run();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
