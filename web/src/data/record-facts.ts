import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumberOf,
  formatSecond,
  formatUsd,
  formatWord,
  NOT_KNOWN,
  usdOf,
} from '../format.ts';
import type { Level, RequestRecord } from './types.ts';

/** Something that a record says. */
export interface Fact {
  readonly name: string;
  readonly text: string;
  /** Two requests always differ in it, so it says nothing about why. */
  readonly isOwn?: boolean;
}

const NOTHING = '\u2013';

/** The first characters of a hash are enough to see whether two are the same. */
function shortHash(hash: string | null): string {
  return hash === null ? 'none' : hash.slice(0, 8);
}

function moneyFacts({ costUsd, savings }: RequestRecord): readonly Fact[] {
  const saved = (picoUsd: string | undefined): string =>
    formatUsd(picoUsd === undefined ? null : usdOf(picoUsd));
  return [
    { name: 'Billed', text: formatUsd(costUsd) },
    { name: 'Saved against no caching', text: saved(savings?.noCachingPicoUsd) },
    { name: 'Saved against what was sent', text: saved(savings?.clientPicoUsd) },
    { name: 'Saved against automatic caching', text: saved(savings?.automaticPicoUsd) },
  ];
}

/** What the model of the cache says of it. */
function entryOf(prediction: RequestRecord['prediction']): string {
  const { readTtl, readAgeMs } = prediction ?? {};
  if (readTtl === undefined || readAgeMs === undefined) return NOT_KNOWN;
  if (readTtl === null || readAgeMs === null) return NOTHING;
  const words = readTtl === '1h' ? 'written for an hour' : 'written for 5 minutes';
  return `${words}, last used ${formatDuration(readAgeMs)} before`;
}

function formatTokens(count: number | undefined): string {
  return count === undefined ? NOT_KNOWN : formatNumberOf(count, 'token');
}

function tokenFacts({ usage, prediction }: RequestRecord): readonly Fact[] {
  const counts = [
    ['Read', 'readTokens'],
    ['Written for 5 minutes', 'write5mTokens'],
    ['Written for an hour', 'write1hTokens'],
    ['Not cached', 'uncachedTokens'],
  ] as const;
  const inputs = counts.map(([name, member]) => {
    const billed = formatTokens(usage?.[member]);
    const isOff = prediction && usage && prediction[member] !== usage[member];
    return { name, text: isOff ? `${billed} (predicted ${formatCount(prediction[member])})` : billed };
  });
  return [
    ...inputs,
    { name: 'Entry that was read', text: entryOf(prediction) },
    { name: 'Output', text: formatTokens(usage?.outputTokens) },
  ];
}

function missFact({ misses }: RequestRecord): Fact {
  const words = misses.map(({ reason, tokens, costPicoUsd, evidence: { path, byteRange } }) => {
    const place = path === null ? '' : ` at ${path}`;
    const bytes = byteRange ? `, bytes ${formatCount(byteRange[0])}\u2013${formatCount(byteRange[1])}` : '';
    return `${formatWord(reason)}${place}${bytes}: ${formatCount(tokens)} tokens, ${formatUsd(usdOf(costPicoUsd))}`;
  });
  return { name: 'Missed', text: words.join('; ') || 'nothing' };
}

function shapeFacts({ shape }: RequestRecord): readonly Fact[] {
  const level = (name: Level, hash: string | null): string =>
    shape
      ? `${formatNumberOf(shape.blocks[name], 'block')}, ${formatBytes(shape.bytes[name])}${hash === null ? '' : `, hash ${shortHash(hash)}`}`
      : 'n/a';
  return [
    { name: 'Tools', text: level('tools', shape?.toolsHash ?? null) },
    { name: 'System prompt', text: level('system', shape?.systemHash ?? null) },
    { name: 'Settings', text: shape ? `hash ${shortHash(shape.settingsHash)}` : 'n/a' },
    { name: 'Conversation', text: level('messages', null) },
  ];
}

function planFact({ plan }: RequestRecord): Fact {
  const markers = plan?.added.map(({ place, path, ttl }) => `${formatWord(place)} (${path}, ${ttl})`) ?? [];
  const words = markers.join('; ') || 'none';
  return {
    name: 'Markers added',
    text: plan && !plan.isApplied && markers.length > 0 ? `not applied: ${words}` : words,
  };
}

function wayFacts(record: RequestRecord): readonly Fact[] {
  const { gate, responses, status, error, isResent, isPartial, skipReason, modelNote } = record;
  const notes = [
    error,
    isResent && 'sent again as it came',
    isPartial && 'the answer broke off',
    skipReason,
    modelNote,
  ];
  return [
    { name: 'Status', text: status === 0 ? 'no answer' : String(status) },
    { name: 'Notes', text: notes.filter(Boolean).join('; ') || NOTHING },
    { name: 'Gate', text: gate ? `${gate.role}, waited ${formatDuration(gate.waitedMs)}` : NOTHING },
    {
      name: 'Exact answers',
      text: responses ? [responses.outcome, responses.detail].filter(Boolean).join(': ') : NOTHING,
    },
    { name: 'First byte after', text: formatDuration(record.firstByteMs), isOwn: true },
    { name: 'All of it after', text: formatDuration(record.totalMs), isOwn: true },
  ];
}

/** A record in words, always the same facts in the same order. */
export function factsOf(record: RequestRecord): readonly Fact[] {
  return [
    { name: 'When', text: formatSecond(record.atMs), isOwn: true },
    { name: 'Id', text: record.id, isOwn: true },
    { name: 'Model', text: record.model || 'n/a' },
    { name: 'Scope', text: record.scope },
    { name: 'Tags', text: record.tags.join(', ') || NOTHING },
    { name: 'Mode', text: record.mode },
    ...moneyFacts(record),
    ...tokenFacts(record),
    missFact(record),
    ...shapeFacts(record),
    planFact(record),
    ...wayFacts(record),
  ];
}
