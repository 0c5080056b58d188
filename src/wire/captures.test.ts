import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isObject } from '../core/index.ts';
import { parseBody } from './parse-body.ts';
import { scanBody, type BodyMap } from './scan-body.ts';
import { removeMarkers, spliceMarkers, type Placement } from './splice.ts';

/** Requests of real clients, kept beside the repository and not part of it. */
const folder = new URL('../../../shared/captures/', import.meta.url);
const isThere = existsSync(folder);
const files = isThere ? readdirSync(folder).filter((name) => name.endsWith('.jsonl.gz')) : [];

/** Bodies of one file, compact and pretty-printed. */
function readBodies(file: string): Buffer[] {
  const lines = gunzipSync(readFileSync(new URL(file, folder)))
    .toString('utf8')
    .split('\n');
  const requests = lines.filter(Boolean).map((line): unknown => JSON.parse(line));
  const bodies = requests.flatMap((request) =>
    isObject(request) && isObject(request['body']) ? [request['body']] : [],
  );
  return bodies.flatMap((body) => [
    Buffer.from(JSON.stringify(body)),
    Buffer.from(JSON.stringify(body, null, 2)),
  ]);
}

function scan(bytes: Buffer): BodyMap {
  const map = scanBody(bytes);
  if (!map.ok) throw new Error(`${map.reason} at ${map.offset}`);
  return map;
}

const countMarkers = (map: BodyMap): number =>
  map.topLevelMarkers.length +
  map.sites.reduce((sum, site) => sum + site.markers.length + site.nestedMarkers.length, 0);

describe.skipIf(!isThere)('bodies of real clients', () => {
  it.each(files)('%s: every block is found, and markers come and go without a trace', (file) => {
    const bodies = readBodies(file);
    expect(bodies.length).toBeGreaterThan(0);
    for (const bytes of bodies) {
      const map = scan(bytes);
      expect(parseBody(bytes)).toEqual({ ok: true, value: JSON.parse(bytes.toString('utf8')) });
      const bare = removeMarkers(bytes, map);
      const bareMap = scan(bare);
      expect(countMarkers(bareMap)).toBe(0);
      expect(bareMap.sites.map(({ path }) => path)).toEqual(map.sites.map(({ path }) => path));

      const placements: Placement[] = bareMap.sites.map(({ path }, index) => ({
        path,
        ttl: index % 2 === 0 ? '1h' : '5m',
      }));
      const { bytes: spliced, inserted } = spliceMarkers(bare, bareMap, placements);
      expect(countMarkers(scan(spliced))).toBe(placements.length);
      const kept = [{ end: 0 }, ...inserted].map(({ end }, i) =>
        spliced.subarray(end, inserted[i]?.start ?? spliced.length),
      );
      expect(Buffer.concat(kept).equals(bare)).toBe(true);
    }
  });

  it('saw markers and blocks of every level', () => {
    const maps = files.flatMap((file) => readBodies(file).map(scan));
    const levels = new Set(maps.flatMap((map) => map.sites.map(({ path, form }) => `${path[0]} ${form}`)));
    expect([...levels].toSorted()).toEqual([
      'messages object',
      'messages string',
      'system object',
      'system string',
      'tools object',
    ]);
    expect(maps.some((map) => map.topLevelMarker !== null)).toBe(true);
    expect(maps.some((map) => map.sites.some((site) => site.markers.length > 0))).toBe(true);
  });
});
