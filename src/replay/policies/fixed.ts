import { TTL_1H, TTL_5M, type ReplayPolicy } from '../policy.ts';
import { NO_PREFIX, type RequestColumns, type Trace } from '../trace/trace.ts';
import { addBreakpoint } from './breakpoints.ts';

/** A column of prefixes to mark, and the TTL there. */
type Mark = readonly [column: 'systemEnds' | 'documentsEnds' | 'prefixIds', ttl: number];

/** A policy that marks the same ends in every request; they are given from the shortest prefix to the longest. */
function markEnds(name: string, summary: string, marks: readonly Mark[]): ReplayPolicy {
  return {
    name,
    summary,
    isClairvoyant: false,
    start(trace: Trace) {
      const columns = marks.map(([column, ttl]) => ({ ends: columnOf(trace.requests, column), ttl }));
      return {
        place(request, placements) {
          for (const { ends, ttl } of columns) addBreakpoint(placements, ends[request] ?? NO_PREFIX, ttl);
        },
      };
    },
  };
}

function columnOf(requests: RequestColumns, column: Mark[0]): Int32Array {
  return requests[column];
}

/** What the service does by itself where it is asked to. */
export const automaticPolicy: ReplayPolicy = markEnds(
  'automatic-5m',
  'the last block, for five minutes: automatic caching as it comes',
  [['prefixIds', TTL_5M]],
);

/** Rules that look at nothing but the request itself. */
export const fixedPolicies: readonly ReplayPolicy[] = [
  markEnds('none', 'no caching', []),
  automaticPolicy,
  markEnds('automatic-1h', 'the last block, for an hour', [['prefixIds', TTL_1H]]),
  markEnds('always-1h', 'system, documents and the last block, for an hour', [
    ['systemEnds', TTL_1H],
    ['documentsEnds', TTL_1H],
    ['prefixIds', TTL_1H],
  ]),
  markEnds('system-5m', 'the end of system, for five minutes', [['systemEnds', TTL_5M]]),
  markEnds('system+last-5m', 'the end of system and the last block, for five minutes', [
    ['systemEnds', TTL_5M],
    ['prefixIds', TTL_5M],
  ]),
  markEnds('layers', 'system for an hour, documents and the last block for five minutes', [
    ['systemEnds', TTL_1H],
    ['documentsEnds', TTL_5M],
    ['prefixIds', TTL_5M],
  ]),
];
