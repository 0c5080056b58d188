import { isHashed, pathText, stringMember, type Block, type CacheRules } from '../core/index.ts';
import {
  blockOfPart,
  chooseRelations,
  compareTexts,
  createSettingsReader,
  outlinePrompt,
  partsUpToBlock,
  relate,
  RequestHistory,
  samePrefixes,
  type Comparison,
  type PromptOutline,
  type Relation,
  type SeenRequest,
  type Settings,
} from '../ledger/index.ts';
import type { Analysis } from './analysis.ts';
import { createContentIds } from './content-id.ts';
import type { Forecast } from './cache-model.ts';
import { Trace, type MissTrace } from './miss-trace.ts';
import type { FindingsWatch } from './findings.ts';
import type { PromptMemory } from './prompt-memory.ts';

/** Keeps what is needed to say why something was not read. */
export interface MissWatch {
  /** Notes a request that is about to be sent, before the watch of findings does. */
  observe(noted: {
    readonly id: string;
    readonly scope: string;
    readonly analysis: Analysis;
    readonly forecast: Forecast;
    /** Is it sent with the plan? */
    readonly isApplied: boolean;
  }): MissTrace;
}

/** What the watch draws on. */
export interface MissWatchOptions {
  readonly rules: CacheRules;
  readonly memory: PromptMemory;
  /** Holds the texts of the newest requests: they are not kept twice. */
  readonly findings: Pick<FindingsWatch, 'blocksOf'>;
  /** Is there a sign that another process used these caches shortly before a time? */
  readonly hasPast: (atMs: number) => boolean;
}

/** Texts of one request that are compared although nothing else says that they belong together. */
const GUESSES_MAX = 2;

/** So much of a hash becomes a number: eight digits of base64url. */
const ID_BYTES = 6;
const ID_DIGITS = 8;

function idOf(hash: string): number {
  return Buffer.from(hash.slice(0, ID_DIGITS), 'base64url').readUIntBE(0, ID_BYTES);
}

/** The text that a block is for people: its own where it is nothing but text, else its JSON. */
function shownText({ value, content }: Block): string {
  const isText = value['type'] === 'text' && typeof value['text'] === 'string';
  return isText && Object.keys(value).length === 2 ? String(value['text']) : content;
}

function toolNamesOf(blocks: readonly Block[]): readonly string[] {
  return blocks
    .filter((block) => block.level === 'tools' && isHashed(block))
    .map(({ value, type }) => stringMember(value, 'name') ?? type);
}

/** What is read is known from this one: nothing else has to be explained, unless the bill says otherwise. */
function baseRelation(earlier: SeenRequest | null, outline: PromptOutline): readonly Relation[] {
  const shared = earlier ? samePrefixes(earlier.prompt.prefixIds, outline.prefixIds) : 0;
  if (!earlier || shared === 0) return [];
  const isOther = (earlier.cached?.parts ?? 0) > shared;
  return [{ earlier, shared, end: shared, obstacles: [], isOther }];
}

class Watch implements MissWatch {
  readonly #options: MissWatchOptions;
  readonly #history = new RequestHistory();
  readonly #readSettings: (mixes: Analysis['prompt']['mixes']) => Settings;
  readonly #contentId = createContentIds();

  constructor(options: MissWatchOptions) {
    this.#options = options;
    this.#readSettings = createSettingsReader((text) => idOf(options.memory.hashSettings(text)));
  }

  observe({ id, scope, analysis, forecast, isApplied }: Parameters<MissWatch['observe']>[0]): MissTrace {
    const { prompt, chain, plan } = analysis;
    const { blocks } = prompt;
    const atMs = forecast.asked.startMs;
    const previous = this.#history.extendedBy(scope, chain.prefixIds);
    const outline = outlinePrompt({
      prompt,
      chain,
      settings: this.#readSettings(prompt.mixes),
      contentId: (blockIndex) => this.#contentId(blocks[blockIndex]),
      known: (previous ?? this.#history.newestOf(scope))?.prompt ?? null,
      isHashed: (blockIndex) => isHashed(blocks[blockIndex] as Block),
    });
    const relations = this.#relationsOf(scope, outline, previous, analysis, forecast);
    const isDeclined = isApplied && plan.declined.length > 0;
    const request = { id, scope, atMs, prompt: outline, cached: null, isDeclined, messageId: null };
    const noted = this.#history.note(request);
    const { rules, hasPast } = this.#options;
    return new Trace({ prompt: outline, noted, previous }, relations, rules, analysis, hasPast(atMs));
  }

  /** The earlier requests to explain it by. Where all that was cached is read, those that had even more of it. */
  #relationsOf(
    scope: string,
    outline: PromptOutline,
    previous: SeenRequest | null,
    analysis: Analysis,
    { sent, asked }: Forecast,
  ): readonly Relation[] {
    const readParts = sent.hit ? partsUpToBlock(outline, sent.hit.blockIndex) : 0;
    const cached = previous?.cached?.parts ?? 0;
    const isRead = cached > 0 && readParts >= cached;
    const candidates = this.#history.candidates(scope, outline, readParts, !isRead);
    if (candidates.length === 0) return baseRelation(previous ?? this.#history.newestOf(scope), outline);
    const comparison = this.#comparison(scope, outline, analysis, asked.startMs);
    // Another conversation may go on in the same words: what it said is nothing that this one has lost.
    const ownParts = previous?.prompt.contentIds.length ?? 0;
    const isOwn = ({ obstacles: [first] }: Relation): boolean =>
      first?.reason !== 'messages_changed' || first.part >= ownParts;
    const related = candidates.flatMap((request) => relate(request, outline, comparison) ?? []).filter(isOwn);
    return related.length > 0 ? chooseRelations(related) : baseRelation(previous, outline);
  }

  #comparison(scope: string, outline: PromptOutline, { prompt }: Analysis, nowMs: number): Comparison {
    const blocksOf = ({ prompt: { model, prefixIds } }: SeenRequest): readonly Block[] | null =>
      this.#options.findings.blocksOf(scope, model, prefixIds.at(-1) ?? '');
    let guesses = 0;
    const blockAt = (part: number): Block | undefined => prompt.blocks[blockOfPart(outline, part)];
    return {
      nowMs,
      pathOfPart: (part) => pathText(blockAt(part)?.path ?? []),
      compareParts: (earlier, earlierPart, laterPart, isGuess) => {
        if (isGuess && (guesses += 1) > GUESSES_MAX) return null;
        const before = blocksOf(earlier)?.[blockOfPart(earlier.prompt, earlierPart)];
        const after = blockAt(laterPart);
        const isAlike = before && after && before.type === after.type && before.role === after.role;
        return isAlike && before.level === after.level
          ? compareTexts(shownText(before), shownText(after))
          : null;
      },
      wasThinking: (earlier, part) => {
        const block = blocksOf(earlier)?.[blockOfPart(earlier.prompt, part)];
        return block?.type === 'thinking' || block?.type === 'redacted_thinking';
      },
      toolNames: (earlier) => {
        const before = blocksOf(earlier);
        return before && { before: toolNamesOf(before), after: toolNamesOf(prompt.blocks) };
      },
    };
  }
}

/** A watch that has seen nothing. */
export function createMissWatch(options: MissWatchOptions): MissWatch {
  return new Watch(options);
}
