import type { CacheEntry, JsonObject, Prompt } from '../core/index.ts';
import type { Random } from '../runtime/index.ts';
import { composeAnswer, type Answer, type CompactionPass } from './answer.ts';
import type { BillableRequest, CacheServer, InputCounters } from './cache-server.ts';
import {
  compactedBody,
  compactionBlock,
  composeSummary,
  readCompaction,
  type CompactionAsked,
  type SummaryMade,
} from './compaction.ts';
import type { ScriptEntry } from './script.ts';

/** What generating needs besides the request. */
export interface Generators {
  readonly cache: CacheServer;
  readonly random: Random;
  readonly countTokens: (block: JsonObject) => number;
  /** Signs thinking so that it is bound to a body and to what precedes it; null: with a text that means nothing. */
  readonly signThinking: ((body: JsonObject) => (preceding: readonly JsonObject[]) => string) | null;
  readonly signSummary: (body: JsonObject, text: string) => string;
}

/** An answer with what the cache did for it. */
export interface Generated {
  readonly answer: Answer;
  /** Those that the sums of the usage are of: a summary's is not among them (spec 5.3). */
  readonly passes: readonly InputCounters[];
  /** The pass of a summary; null where none was due; absent where nobody asked for compaction. */
  readonly compaction?: CompactionPass | null;
  readonly prompt: Prompt;
  readonly written: readonly CacheEntry[];
}

type Billable = Omit<BillableRequest, 'answer'>;

function generateReply(billable: Billable, entry: ScriptEntry | null, generators: Generators): Generated {
  const { body } = billable;
  const sign = generators.signThinking?.(body);
  const answer = composeAnswer(entry, body, generators.random, sign);
  return { answer, ...generators.cache.bill({ ...billable, answer: answer.content }) };
}

interface Summarised {
  readonly made: SummaryMade;
  readonly pass: CompactionPass;
  readonly prompt: Prompt;
  readonly written: readonly CacheEntry[];
}

/** The pass that reads the conversation and writes a summary of it; the caller's own instructions are read behind it. */
function summarise(
  billable: Billable,
  entry: ScriptEntry | null,
  { kind, instructions }: CompactionAsked,
  { cache, countTokens }: Generators,
): Summarised {
  const { passes, prompt, written } = cache.bill({ ...billable, answer: [] });
  const made = composeSummary(entry, billable.body, kind);
  const textTokens = (text: string | null): number =>
    text === null ? 0 : countTokens({ type: 'text', text });
  const [counters = { readTokens: 0, write5mTokens: 0, write1hTokens: 0, uncachedTokens: 0 }] = passes;
  const { readTokens, write5mTokens, write1hTokens } = counters;
  const uncachedTokens = counters.uncachedTokens + textTokens(instructions);
  const outputTokens = textTokens(made.text);
  const pass = { readTokens, write5mTokens, write1hTokens, uncachedTokens, outputTokens };
  return { made, pass, prompt, written };
}

/** The answer to a request for a summary: its block alone, or nothing where there is none. */
function generateSummary(
  billable: Billable,
  entry: ScriptEntry | null,
  asked: CompactionAsked,
  generators: Generators,
): Generated {
  const { made, pass, prompt, written } = summarise(billable, entry, asked, generators);
  const signature = made.text === null ? null : generators.signSummary(billable.body, made.text);
  const content = made.text === null ? [] : [compactionBlock(made.text, signature)];
  return { answer: { content, stopReason: made.stopReason }, passes: [], compaction: pass, prompt, written };
}

/** A request that is long enough: a summary first, then the reply to what is left; a summary that failed changes nothing. */
function generateCompacted(
  billable: Billable,
  entry: ScriptEntry | null,
  asked: CompactionAsked,
  generators: Generators,
): Generated {
  const { made, pass, prompt, written } = summarise(billable, entry, asked, generators);
  const block = compactionBlock(made.text, null);
  if (asked.pauses)
    return {
      answer: { content: [block], stopReason: 'compaction' },
      passes: [],
      compaction: pass,
      prompt,
      written,
    };
  const body = made.text === null ? billable.body : compactedBody(billable.body, block);
  const reply = generateReply({ ...billable, body, startMs: billable.readyMs }, entry, generators);
  const { content, stopReason } = reply.answer;
  return {
    ...reply,
    answer: { content: [block, ...content], stopReason },
    compaction: pass,
    prompt,
    written: [...written, ...reply.written],
  };
}

/** Answers a valid request and moves the cache: with a reply, with a summary, or with both. */
export function generate(billable: Billable, entry: ScriptEntry | null, generators: Generators): Generated {
  const { body } = billable;
  const asked = readCompaction(body);
  if (!asked) return generateReply(billable, entry, generators);
  if (asked.kind === 'on-demand') return generateSummary(billable, entry, asked, generators);
  // Filling the cache ahead generates nothing, and so no summary either.
  const isDue = body['max_tokens'] !== 0 && generators.cache.count(body) >= asked.triggerTokens;
  return isDue
    ? generateCompacted(billable, entry, asked, generators)
    : { ...generateReply(billable, entry, generators), compaction: null };
}
