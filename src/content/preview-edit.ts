import {
  billTokens,
  noTokens,
  standardPricing,
  toUsd,
  type CacheState,
  type Level,
  type Ttl,
} from '../core/index.ts';
import type { ByteChange } from './compare-bytes.ts';
import type { Content } from './content.ts';
import { EDITED, makeEdit, send, tokensBefore, type Edit, type Step } from './edit-steps.ts';
import { withOtherContent } from './other-content.ts';
import type { EntryRecord, PromptRecord } from './records.ts';
import { toState } from './track-prompt.ts';

/** A prefix that is alive and that nobody will ask for again after the edit. */
export interface LostPrefix {
  /** The layer at whose end it lies. */
  readonly layer: string;
  readonly tokens: number;
  readonly ttl: Ttl;
  readonly expiresInMs: number;
  readonly idleMs: number;
}

/** A breakpoint further on in the prompt, by which more of it would have survived the edit. */
export interface LaterBreakpoint {
  /**
   * `before-layer`: at the end of the layer before the edited one. `inside-layer`: right before the bytes that change,
   * with the content cut into two blocks there.
   */
  readonly place: 'before-layer' | 'inside-layer';
  /** The layer at whose end, or inside which. */
  readonly layer: string;
  /** Bytes of the content before it; null at the end of a layer. */
  readonly atByte: number | null;
  /** Tokens of the prompt up to there. */
  readonly prefixTokens: number;
  /** What the first request after the edit would cost less. */
  readonly savesUsd: number;
}

/** What an edit means for one prompt. */
export interface PromptPreview {
  readonly prompt: string;
  readonly model: string;
  /** The layer that the content is used as, and its level. */
  readonly layer: string;
  readonly level: Level;
  readonly lost: readonly LostPrefix[];
  /** False where there were more live prefixes than are followed. */
  readonly isComplete: boolean;
  /** The next request as the last one with the content was, without the edit and with it; input only. */
  readonly next: {
    readonly uneditedUsd: number;
    readonly editedUsd: number;
    /** Tokens that it still reads after the edit. */
    readonly readTokens: number;
  };
  /** What it costs to write every lost prefix again, each once, beyond reading them. */
  readonly rewriteUsd: number;
  readonly laterBreakpoints: readonly LaterBreakpoint[];
  /** What the breakpoints behind the edit save with each request that finds them written again. */
  readonly savesPerRequestUsd: number;
  /** So many such requests pay for writing them; null where they never do. */
  readonly paysAfterRequests: number | null;
}

function isLive(entry: EntryRecord, nowMs: number): boolean {
  return entry.readyMs <= nowMs && nowMs < entry.expiresMs;
}

/** Live entries made of the version that is replaced, the longest first. */
function findLost({ record, at, nowMs }: Edit): readonly EntryRecord[] {
  const content = record.layers[at]?.content;
  if (!content) return [];
  const isMadeOfIt = (entry: EntryRecord): boolean =>
    record.stacks[entry.stack]?.[content.name] === content.version;
  return record.entries
    .filter((entry) => isLive(entry, nowMs) && isMadeOfIt(entry))
    .toSorted((a, b) => b.tokens - a.tokens);
}

/** The prompt's steps up to an entry that is not on its last request's way, such as another conversation's end. */
function stepsTo({ record }: Edit, steps: readonly Step[], entry: EntryRecord, last: Step): readonly Step[] {
  const stack = record.stacks[entry.stack] ?? {};
  const count = record.layers.findIndex(
    ({ content, name }) =>
      name === entry.layer || (content !== null && stack[content.name] !== content.version),
  );
  const shared = steps.slice(0, Math.max(0, count)).filter(({ tokens }) => tokens < last.tokens);
  return [...shared, last];
}

/** Writes every lost prefix again, one request each, in the cache as the requests before leave it. */
function rewriteCost(edit: Edit, lost: readonly EntryRecord[], state: CacheState): bigint {
  const onTheWay = new Set(edit.unedited.map(({ prefixId }) => prefixId));
  const first = lost.some(({ prefixId }) => onTheWay.has(prefixId))
    ? [{ before: edit.unedited, after: edit.edited }]
    : [];
  const others = lost
    .filter(({ prefixId }) => !onTheWay.has(prefixId))
    .map((entry) => {
      const { prefixId, tokens, ttl } = entry;
      const moved = { prefixId: `${EDITED}${prefixId}`, tokens: Math.max(0, tokens + edit.deltaTokens), ttl };
      return {
        before: stepsTo(edit, edit.unedited, entry, { prefixId, tokens, ttl }),
        after: stepsTo(edit, edit.edited, entry, moved),
      };
    });
  let [unedited, edited] = [state, state];
  let extra = 0n;
  for (const { before, after } of [...first, ...others]) {
    const asBefore = send(edit, unedited, before);
    const asAfter = send(edit, edited, after);
    [unedited, edited] = [asBefore.next, asAfter.next];
    extra += asAfter.costPicoUsd - asBefore.costPicoUsd;
  }
  return extra;
}

/** Where else a breakpoint could have stood, and what the first request after the edit would then cost less. */
function findLater(
  edit: Edit,
  change: ByteChange | null,
  sizeBytes: number,
  state: CacheState,
): readonly LaterBreakpoint[] {
  const { record, at, facts } = edit;
  const start = tokensBefore(record.layers, at);
  const own = (record.layers[at]?.prefixTokens ?? 0) - start;
  const share = change && sizeBytes > 0 ? change.startByte / sizeBytes : 0;
  const candidates: Omit<LaterBreakpoint, 'savesUsd'>[] = [
    { place: 'before-layer', layer: record.layers[at - 1]?.name ?? '', atByte: null, prefixTokens: start },
    {
      place: 'inside-layer',
      layer: record.layers[at]?.name ?? '',
      atByte: change?.startByte ?? 0,
      prefixTokens: start + Math.round(own * share),
    },
  ];
  const asIs = send(edit, state, edit.edited);
  const ttl =
    record.layers[at]?.ttl ?? record.layers.slice(at).find((layer) => layer.ttl !== null)?.ttl ?? '5m';
  return candidates.flatMap((candidate): LaterBreakpoint[] => {
    const { prefixTokens: tokens, place } = candidate;
    const isElsewhere = place === 'before-layer' ? tokens > 0 : tokens > start;
    if (!isElsewhere || tokens < facts.minCacheableTokens || tokens <= asIs.readTokens) return [];
    const step: Step = { prefixId: `later:${place}`, tokens, ttl };
    // As if a request had written it just now.
    const written = send(edit, state, [...edit.edited.slice(0, at), step]);
    const better = send(edit, written.next, [...edit.edited.slice(0, at), step, ...edit.edited.slice(at)]);
    const saves = asIs.costPicoUsd - better.costPicoUsd;
    return saves > 0n ? [{ ...candidate, savesUsd: toUsd(saves) }] : [];
  });
}

/**
 * What an edit of a content means for a prompt whose last request was made of it, or an earlier one of which entries
 * are alive; null where neither is so.
 */
export function previewPrompt(
  prompt: string,
  latest: PromptRecord,
  edit: {
    readonly name: string;
    readonly currentVersion: string;
    readonly before: Content | null;
    readonly after: Content;
    readonly version: string;
    readonly change: ByteChange | null;
    readonly sizeBytes: number;
  },
  nowMs: number,
): PromptPreview | null {
  const { name, currentVersion: version } = edit;
  const isLatest = latest.layers.some(({ content }) => content?.name === name);
  const record = isLatest ? latest : withOtherContent(latest, { name, version }, nowMs);
  const at = record?.layers.findIndex(({ content }) => content?.name === name) ?? -1;
  const layer = record?.layers[at];
  if (!record || !layer) return null;
  const made = makeEdit(record, at, edit.before, edit.after, edit.version, nowMs);
  const state = toState(record.entries);
  const lost = findLost(made);
  const [unedited, edited] = [send(made, state, made.unedited), send(made, state, made.edited)];
  const again = send(made, edited.next, made.edited);
  const totalTokens = made.edited.at(-1)?.tokens ?? 0;
  const uncached = {
    ...noTokens,
    readTokens: edited.readTokens,
    uncachedTokens: totalTokens - edited.readTokens,
  };
  const bare = billTokens(made.facts, uncached, standardPricing(nowMs)).totalPicoUsd;
  const saves = bare - again.costPicoUsd;
  const premium = edited.costPicoUsd - bare;
  return {
    prompt,
    model: record.model,
    layer: layer.name,
    level: layer.level,
    lost: lost.map((entry) => ({
      layer: entry.layer,
      tokens: entry.tokens,
      ttl: entry.ttl,
      expiresInMs: entry.expiresMs - nowMs,
      idleMs: nowMs - entry.usedMs,
    })),
    isComplete: nowMs >= record.droppedUntilMs,
    next: {
      uneditedUsd: toUsd(unedited.costPicoUsd),
      editedUsd: toUsd(edited.costPicoUsd),
      readTokens: edited.readTokens,
    },
    rewriteUsd: toUsd(rewriteCost(made, lost, state)),
    laterBreakpoints: findLater(made, edit.change, edit.sizeBytes, state),
    savesPerRequestUsd: toUsd(saves),
    paysAfterRequests: saves > 0n ? Math.max(0, Math.ceil(Number(premium) / Number(saves))) : null,
  };
}
