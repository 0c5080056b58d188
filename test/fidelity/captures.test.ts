import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CleanUp } from '../support/gateway.ts';
import { emptyCoverage, findFault, type Coverage } from './check-body.ts';
import { forEachNumber, startPassage, type Passage } from './through-gateway.ts';

/** Requests of real clients, kept beside the repository and not part of it. */
const folder = new URL('../../../shared/captures/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl.gz')) : [];
const reason = files.length === 0 ? ' (skipped: no captures beside the repository)' : '';

const cleanUp = new CleanUp();
const coverage: Coverage = emptyCoverage();
let passage: Passage;
beforeAll(async () => {
  passage = await startPassage(cleanUp);
});
afterAll(() => cleanUp.run());

/** As Python's `json.dumps` writes it: spaces after commas and colons, everything above ASCII escaped. */
function dumpLikePython(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumpLikePython).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, member]) => `${dumpLikePython(name)}: ${dumpLikePython(member)}`,
    );
    return `{${members.join(', ')}}`;
  }
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[\x7f-\uffff]/g, escape);
}

/** Every body of a file that asks for a message, in the three ways in which clients write JSON. */
function readBodies(file: string): Buffer[] {
  const lines = gunzipSync(readFileSync(new URL(file, folder)))
    .toString('utf8')
    .split('\n');
  const requests = lines.filter(Boolean).map((line) => JSON.parse(line));
  const bodies = requests.filter(
    ({ body, path }) => /^\/v1\/messages(\?|$)/.test(path) && typeof body === 'object' && body !== null,
  );
  return bodies.flatMap(({ body }) =>
    [JSON.stringify(body), JSON.stringify(body, null, 2), dumpLikePython(body)].map((text) =>
      Buffer.from(text),
    ),
  );
}

describe.skipIf(files.length === 0)(`bodies of real clients${reason}`, () => {
  it.each(files)('%s', async (file) => {
    const bodies = readBodies(file);
    expect(bodies.length).toBeGreaterThan(0);
    await forEachNumber(bodies.length, async (number) => {
      const body = bodies[number] ?? Buffer.alloc(0);
      const { body: sent } = await passage.pass(body);
      expect([number, findFault(body, sent, coverage)]).toEqual([number, null]);
    });
  });

  it('were marked by their clients and by us', () => {
    expect(coverage.clientMarked).toBeGreaterThan(0);
    expect(coverage.added).toBeGreaterThan(0);
    expect(coverage.invalid).toBe(0);
    expect(coverage.unsure).toBe(0);
  });
});
