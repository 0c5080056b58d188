import type { VolatileKind } from '../layers/compare-text.ts';
import type { TrafficFinding, TrafficFindingCode } from './finding.ts';
import type { Tally } from './tally.ts';

/** Whose finding it is. */
interface FoundIn {
  readonly scope: string;
  readonly model: string;
  readonly application: number;
  readonly requests: number;
}

const KINDS: Readonly<Record<VolatileKind, string>> = {
  date: 'a date or time',
  id: 'an id or random text',
  counter: 'a number',
  order: 'the order of its lines or words',
  text: 'some of its text',
};

function describePlace({ sighting }: Tally): string {
  const [first] = sighting.ranges;
  if (!first) return `${sighting.path ?? 'the request'} changes`;
  return `${KINDS[first.kind]} in ${sighting.path ?? 'the request'}, bytes ${first.startByte}-${first.endByte}, changes`;
}

function describeMoved({ sighting: { moved } }: Tally): string {
  if (moved.length === 0) return 'the same tools come in another order';
  const shown = moved.slice(0, 4).join(', ');
  const more = moved.length > 4 ? ` and ${moved.length - 4} more` : '';
  return `the same tools come in another order: ${shown}${more} moved`;
}

const SENTENCES: Readonly<Record<TrafficFindingCode, (tally: Tally) => string>> = {
  'volatile-text': (tally) => `${describePlace(tally)}, and with it the prefix of all that follows`,
  'tool-order': describeMoved,
  'tool-keys': ({ sighting }) => `the keys of ${sighting.path ?? 'a tool'} come in another order`,
  'tools-changed': () => 'the tools are others than before, and with them the prefix of all that follows',
  'tools-alternate': () =>
    'the tools change back and forth, and the conversation is processed again each time',
  'system-changed': ({ sighting }) =>
    `the system prompt is another from ${sighting.path ?? 'system'} on, with the same behind it`,
  'system-alternate': ({ sighting }) =>
    `the system prompt changes back and forth at ${sighting.path ?? 'system'}, and what follows is processed again each time`,
  'messages-changed': ({ sighting }) =>
    `the conversation was changed at ${sighting.path ?? 'messages'}, with the same behind it`,
  'settings-changed': ({ sighting }) =>
    `a setting that is part of the prompt changed (thinking, effort, tool_choice, format or the like), and with it the prefix from ${sighting.path ?? 'messages'} on`,
  'settings-alternate': ({ sighting }) =>
    `a setting that is part of the prompt changes back and forth (thinking, effort, tool_choice, format or the like), and what follows from ${sighting.path ?? 'messages'} on is processed again each time`,
  'expires-before-reuse': ({ sighting }) =>
    sighting.ttl === '1h'
      ? `prefixes up to ${sighting.path ?? 'the end'} come again between one and two hours later: no entry lives so long`
      : `prefixes up to ${sighting.path ?? 'the end'} come again after five minutes and within the hour, when their entry is gone`,
  'nothing-repeats': () => 'every request begins otherwise: there is nothing to read from a cache',
  'below-minimum': ({ sighting }) =>
    `the same prefix up to ${sighting.path ?? 'the end'} is sent again and again, but the whole prompt is below the model's minimum`,
  'breakpoint-never-read': ({ sighting }) =>
    `nothing was ever read at the client's marker on ${sighting.path ?? 'the prompt'}`,
};

const ADVICE: Readonly<Record<TrafficFindingCode, string>> = {
  'volatile-text':
    'take it out, or move it into a block of its own behind everything that stays, such as the newest message',
  'tool-order': 'send the tools in one fixed order, for example sorted by name',
  'tool-keys': 'write the schema with its keys in one fixed order: build it once, or sort the keys',
  'tools-changed':
    'send the same tools every time and limit their use with tool_choice, or add tools inside a message',
  'tools-alternate':
    'send the same tools every time and limit their use with tool_choice, or add tools inside a message',
  'system-changed': 'put what changes behind what stays, in a block of its own',
  'system-alternate': 'keep one system prompt, and say what changes in the newest message',
  'messages-changed':
    'append to a conversation and leave what was sent as it is; shorten it seldom and all at once',
  'settings-changed': 'keep these settings for the length of a conversation',
  'settings-alternate': 'keep these settings for the length of a conversation',
  'expires-before-reuse': 'mark them for one hour',
  'nothing-repeats':
    'if requests have instructions or documents in common, put them first; otherwise nothing is to be done',
  'below-minimum':
    'nothing is to be done unless more of what is sent each time can stand in front, or another model has a lower minimum',
  'breakpoint-never-read':
    'leave the marker out, or put it on the last block that the next request will have as well',
};

const KEEP_ALIVE =
  'keep them alive with a request a little before the hour is over, where that is worth its reads';

/** A finding with its sentences. */
export function describeFinding(
  tally: Tally,
  { scope, model, application, requests }: FoundIn,
): TrafficFinding {
  const { sighting, seen, lostTokens, costPicoUsd, firstMs, lastMs } = tally;
  const { code, path, ranges, moved, ttl } = sighting;
  return {
    code,
    scope,
    model,
    application,
    sentence: SENTENCES[code](tally),
    advice: ttl === '1h' ? KEEP_ALIVE : ADVICE[code],
    path,
    ranges,
    moved,
    ttl,
    seen: Math.min(seen, requests),
    requests,
    lostTokens,
    costPicoUsd,
    firstMs,
    lastMs,
  };
}

/** The finding that there is nothing to find. */
export function describeNothingRepeats(
  found: Pick<TrafficFinding, 'scope' | 'model' | 'seen' | 'requests' | 'firstMs' | 'lastMs'>,
): TrafficFinding {
  const { scope, model, requests, seen, firstMs, lastMs } = found;
  const sighting = { code: 'nothing-repeats', path: null, ranges: [], moved: [], ttl: null } as const;
  const tally: Tally = { sighting, seen, sightings: seen, lostTokens: 0, costPicoUsd: 0n, firstMs, lastMs };
  return describeFinding(tally, { scope, model, application: 0, requests });
}
