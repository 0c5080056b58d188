import { isCarrier, judgeMarkers, TOP_LEVEL } from './marker-judge.ts';
import { isOnlyMarked, tokenDifference } from './same-request.ts';

/** What was seen while checking, so that a test can tell that its bodies were of every kind. */
export interface Coverage {
  changed: number;
  invalid: number;
  unsure: number;
  clientMarked: number;
  added: number;
  added1h: number;
}

export function emptyCoverage(): Coverage {
  return { changed: 0, invalid: 0, unsure: 0, clientMarked: 0, added: 0, added1h: 0 };
}

/** Why what was sent breaks the promise of byte fidelity; null when it keeps it. */
export function findFault(
  received: Buffer,
  sent: Buffer,
  coverage: Coverage = emptyCoverage(),
): string | null {
  const before = judgeMarkers(received);
  const after = judgeMarkers(sent);
  coverage.changed += Number(!received.equals(sent));
  coverage.invalid += Number(before.verdict === 'invalid');
  coverage.unsure += Number(before.verdict === 'unsure');
  coverage.clientMarked += Number(before.markers.size > 0);
  const different = tokenDifference(received, sent);
  if (different !== null) return different;
  if (!isOnlyMarked(received, sent)) return 'something else than the bytes of markers was put in';
  if (before.verdict === 'invalid' && !received.equals(sent))
    return 'a set of markers that the API refuses was changed';
  if (before.verdict === 'valid' && after.verdict !== 'valid') return `valid markers became ${after.verdict}`;
  for (const [place, marker] of before.markers) {
    if (after.markers.get(place) !== marker) return `the client's marker at ${place} is gone`;
  }
  for (const [place, marker] of after.markers) {
    if (before.markers.has(place)) continue;
    coverage.added += 1;
    coverage.added1h += Number(marker.includes('1h'));
    const type = after.types.get(place) ?? '';
    if (type !== TOP_LEVEL && !isCarrier(type))
      return `a marker was put on a ${JSON.stringify(type)} at ${place}`;
  }
  return null;
}
