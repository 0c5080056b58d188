import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';

import type { RawBodies, RawBody } from '../../src/ledger/bodies/bodies.ts';
import { BODIES_FILE, type Bodies } from '../../src/ledger/index.ts';

/** A body as it was seen. */
function rawBody(text: string): RawBody {
  const bytes = new Uint8Array(Buffer.from(text));
  const facts = { contentType: 'application/json', contentEncoding: '', problem: null };
  return { ...facts, bytes, size: bytes.length };
}

/** Bodies of one request as they are handed to the thread that stores them. */
export function rawBodies(id: string, text: string, more: Partial<RawBodies> = {}): RawBodies {
  return { id, atMs: 1_000, scope: 's', tags: [], request: rawBody(text), answer: null, ...more };
}

/** What passes; all of it has a default. */
interface Passing {
  readonly request?: string;
  readonly answer?: string;
  readonly atMs?: number;
  readonly scope?: string;
  readonly tags?: readonly string[];
}

/** Lets a request and its answer pass. */
export function pass(bodies: Bodies, id: string, more: Passing = {}): void {
  const { request = '{}', answer = '{}', atMs = 1_000, scope = 's', tags = [] } = more;
  const kind = { contentType: 'application/json', contentEncoding: '' };
  const watch = bodies.watch({ id, atMs, scope, tags, ...kind, body: Buffer.from(request) });
  watch.begin({ status: 200, ...kind });
  watch.data(Buffer.from(answer));
  watch.end();
}

/** Everything that lies in a folder: its files as they are, and what is compressed in the file of bodies. */
export function everythingIn(folder: string): string {
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString('latin1'));
  const database = new DatabaseSync(join(folder, BODIES_FILE), { readOnly: true });
  const rows = database.prepare('SELECT zstd FROM bodies').all();
  database.close();
  const texts = rows.map(({ zstd }) => zstdDecompressSync(zstd as Uint8Array).toString());
  return [...files, ...texts].join('\n');
}
