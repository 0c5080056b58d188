import { isObject, stringMember, type JsonObject } from '../json.ts';
import { blockOverhead, builtInToolTokens, opaqueTokens, toolOverhead } from './block-tokens.ts';
import { Charge } from './charge.ts';
import { addText } from './estimate-text.ts';
import { estimateImage, estimatePdf, estimateUnseenDocument, estimateUnseenImage } from './media-tokens.ts';
import type { TokenEstimate, TokenizerGeneration } from './profiles.ts';
import { TOKEN } from './run-tokens.ts';
import { emptySums } from './tally.ts';

/** Nesting beyond this is not charged; no API accepts it. */
const MAX_DEPTH = 512;

/** Not rendered into the prompt, or rendered as part of the frame. Cited text is not billed again. */
const UNBILLED_MEMBERS: ReadonlySet<string> = new Set([
  'type',
  'id',
  'tool_use_id',
  'cache_control',
  'citations',
]);

const OPAQUE_MEMBERS: ReadonlySet<string> = new Set([
  'signature',
  'encrypted_content',
  'encrypted_index',
  'encrypted_stdout',
]);

/** Members whose value is the caller's JSON, keys and all. */
const DATA_MEMBERS: ReadonlySet<string> = new Set(['input', 'input_schema', 'input_examples']);

/** Quotes, colons, commas and brackets of rendered JSON, in hundredths of a token. */
const CONTAINER_TOKENS = 150;
const STRING_MEMBER_TOKENS = 316;
const OTHER_MEMBER_TOKENS = 224;
const STRING_ITEM_TOKENS = 158;
const OTHER_ITEM_TOKENS = 112;

interface Visit {
  readonly value: unknown;
  readonly depth: number;
  /** JSON of the caller's, where keys and numbers count, and not the members of a block. */
  readonly isData: boolean;
}

/** One walk over one block: an explicit stack, because depth is the sender's choice. */
class Walk {
  readonly charge = new Charge();
  private readonly generation: TokenizerGeneration;
  private readonly isSampled: boolean;
  private readonly visits: Visit[] = [];

  constructor(generation: TokenizerGeneration, isSampled: boolean) {
    this.generation = generation;
    this.isSampled = isSampled;
  }

  run(value: unknown): void {
    this.visits.push({ value, depth: 0, isData: false });
    for (let visit = this.visits.pop(); visit !== undefined; visit = this.visits.pop()) this.visit(visit);
  }

  private visit({ value, depth, isData }: Visit): void {
    if (typeof value === 'string') addText(value, this.charge.sums, this.isSampled);
    else if (Array.isArray(value)) this.visitArray(value, depth, isData);
    else if (isObject(value)) {
      if (isData) this.visitData(value, depth);
      else this.visitBlock(value, depth);
    } else if (isData) this.visitScalar(value);
  }

  private push(value: unknown, depth: number, isData: boolean): void {
    if (depth < MAX_DEPTH) this.visits.push({ value, depth: depth + 1, isData });
  }

  private visitScalar(value: unknown): void {
    if (typeof value === 'number') addText(String(value), this.charge.sums);
    else if (typeof value === 'boolean' || value === null) this.charge.sums.json += TOKEN;
  }

  private visitArray(items: readonly unknown[], depth: number, isData: boolean): void {
    if (isData) this.charge.sums.json += CONTAINER_TOKENS;
    for (const item of items) {
      if (isData) this.charge.sums.json += typeof item === 'string' ? STRING_ITEM_TOKENS : OTHER_ITEM_TOKENS;
      this.push(item, depth, isData);
    }
  }

  private visitData(value: JsonObject, depth: number): void {
    const { sums } = this.charge;
    sums.json += CONTAINER_TOKENS;
    for (const [key, member] of Object.entries(value)) {
      addText(key, sums);
      sums.json += typeof member === 'string' ? STRING_MEMBER_TOKENS : OTHER_MEMBER_TOKENS;
      this.push(member, depth, true);
    }
  }

  private visitBlock(value: JsonObject, depth: number): void {
    const type = stringMember(value, 'type') ?? '';
    const builtIn = builtInToolTokens(type, this.generation);
    if (builtIn !== null) this.charge.addFixed(builtIn);
    else if (type === 'image') this.charge.addFixed(this.imageTokens(value['source']));
    else if (type === 'base64') this.charge.addFixed(this.mediaTokens(value));
    else if (type === 'document') this.visitDocument(value, depth);
    else if (type === 'thinking') this.visitThinking(value);
    else if (type === 'redacted_thinking')
      this.charge.addFixed(opaqueTokens(stringMember(value, 'data')?.length ?? 0));
    else this.visitMembers(value, depth);
  }

  private visitMembers(value: JsonObject, depth: number): void {
    for (const [name, member] of Object.entries(value)) {
      if (UNBILLED_MEMBERS.has(name)) continue;
      if (typeof member === 'string' && OPAQUE_MEMBERS.has(name))
        this.charge.addFixed(opaqueTokens(member.length));
      else this.push(member, depth, DATA_MEMBERS.has(name));
    }
  }

  private visitDocument(value: JsonObject, depth: number): void {
    for (const name of ['title', 'context']) this.push(value[name], depth, false);
    const source = value['source'];
    const type = isObject(source) ? stringMember(source, 'type') : null;
    if (isObject(source) && type === 'base64') this.charge.addFixed(this.mediaTokens(source));
    else if (isObject(source) && (type === 'text' || type === 'content')) {
      this.push(source['data'], depth, false);
      this.push(source['content'], depth, false);
    } else this.charge.addFixed(estimateUnseenDocument(this.generation));
  }

  private imageTokens(source: unknown): TokenEstimate {
    const data = isObject(source) ? stringMember(source, 'data') : null;
    return data === null ? estimateUnseenImage(this.generation) : estimateImage(data, this.generation);
  }

  private mediaTokens(source: JsonObject): TokenEstimate {
    const data = stringMember(source, 'data') ?? '';
    if (stringMember(source, 'media_type') === 'application/pdf') return estimatePdf(data, this.generation);
    return estimateImage(data, this.generation);
  }

  /** The signature holds the whole thought; the text may be a summary of it or left out (spec 7). The larger counts. */
  private visitThinking(value: JsonObject): void {
    const text = emptySums();
    addText(stringMember(value, 'thinking') ?? '', text, this.isSampled);
    const textTokens = Object.values(text).reduce((sum, tokens) => sum + tokens, 0) / TOKEN;
    const whole = opaqueTokens(stringMember(value, 'signature')?.length ?? 0);
    if (whole.tokens > textTokens)
      this.charge.addFixed({ ...whole, low: Math.min(whole.low, Math.floor(textTokens)) });
    else this.charge.addSums(text);
  }
}

/** Tokens of the frame; what the service says of its own tools includes it. */
function overheadOf(block: unknown, generation: TokenizerGeneration): TokenEstimate {
  if (!isObject(block)) return blockOverhead('text');
  if (isObject(block['input_schema'])) return toolOverhead();
  const type = stringMember(block, 'type') ?? '';
  return builtInToolTokens(type, generation) === null ? blockOverhead(type) : { tokens: 0, low: 0, high: 0 };
}

/**
 * Estimates the tokens of one block: a tool definition, a content block of any type, or a string that stands for
 * a text block. Text is charged by content class; images and PDFs by their own rules, never as text; unknown blocks
 * by the strings in them. Takes any value, in time linear in its size. An estimate, never a count. Of `sampled` texts
 * that are long, their beginning and a third of the rest are read.
 *
 * @example estimateBlock({ type: 'text', text: 'Good morning!' }, 'classic') // { tokens: 7, low: 4, high: 10 }
 */
export function estimateBlock(
  block: unknown,
  generation: TokenizerGeneration,
  reading: 'whole' | 'sampled' = 'whole',
): TokenEstimate {
  const walk = new Walk(generation, reading === 'sampled');
  walk.run(block);
  walk.charge.addFixed(overheadOf(block, generation));
  return walk.charge.settle(generation);
}
