import {
  chainPrefixes,
  defaultOpenQuestions,
  estimateBlock,
  partitionOf,
  PLATFORMS,
  readPrompt,
  stringMember,
  type Block,
  type Prompt,
} from '../../core/index.ts';
import { sha256Text } from '../../runtime/index.ts';
import type { MessageRequest } from './message-request.ts';
import type { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX } from './trace.ts';

/** The prefixes of a request in a trace, and where its layers end. */
export interface RequestPath {
  /** One a block, shortest first; a block that is rendered elsewhere has the prefix before it. */
  readonly prefixIds: readonly number[];
  /** Of the whole prompt. */
  readonly totalTokens: number;
  readonly toolsEnd: number;
  readonly systemEnd: number;
  readonly documentsEnd: number;
}

interface KnownPrefix {
  /** Unset until the prefix is part of the trace. */
  id: number;
  /** Of its last block. */
  readonly tokens: number;
}

const DOCUMENT_TYPES = new Set(['document', 'search_result']);

/** A document of the first message: later ones are part of the conversation. */
function isLeadingDocument(block: Block): boolean {
  return block.level === 'messages' && block.path[1] === 0 && DOCUMENT_TYPES.has(block.type);
}

function partitionFor(request: MessageRequest, prompt: Prompt): string {
  const facts = {
    organization: '',
    workspace: request.scope,
    modelId: prompt.model.facts.id,
    isBatch: false,
    inferenceGeo: stringMember(request.body, 'inference_geo'),
    betas: [],
  };
  return partitionOf(facts, PLATFORMS['claude-api'], defaultOpenQuestions);
}

/** Turns requests into paths of a trace's trie. Tokens are estimated, each block once. */
export class PathReader {
  readonly #builder: TraceBuilder;
  readonly #known = new Map<string, KnownPrefix>();

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  read(request: MessageRequest): RequestPath {
    const prompt = readPrompt(request.body);
    const { blocks, model } = prompt;
    const chain = chainPrefixes(prompt, {
      partition: partitionFor(request, prompt),
      hash: sha256Text,
      countTokens: (block, prefix) => this.#tokensOf(block, prefix, model.facts.tokenizer),
      countsOverhead: true,
    });
    const prefixIds: number[] = [];
    let end = this.#builder.root('');
    for (const [index, prefix] of chain.prefixIds.entries()) {
      end = this.#idOf(prefix, end, chain.cumulativeTokens[index] ?? 0, chain.positions[index] ?? 0);
      prefixIds.push(end);
    }
    const endOf = (isOfLayer: (block: Block) => boolean): number =>
      prefixIds[blocks.findLastIndex(isOfLayer)] ?? NO_PREFIX;
    return {
      prefixIds,
      totalTokens: chain.cumulativeTokens.at(-1) ?? 0,
      toolsEnd: endOf((block) => block.level === 'tools'),
      systemEnd: endOf((block) => block.level === 'system'),
      documentsEnd: endOf(isLeadingDocument),
    };
  }

  #tokensOf(block: Block, prefix: string, tokenizer: Parameters<typeof estimateBlock>[1]): number {
    const estimate = (): number => estimateBlock(block.value, tokenizer).tokens;
    // A block that is rendered elsewhere has the prefix of the one before it, whose tokens are not its own.
    if (block.content === '') return estimate();
    const known = this.#known.get(prefix) ?? { id: NO_PREFIX, tokens: estimate() };
    this.#known.set(prefix, known);
    return known.tokens;
  }

  #idOf(prefix: string, parent: number, cumulativeTokens: number, position: number): number {
    const known = this.#known.get(prefix);
    // Only a prompt that begins with blocks that are rendered elsewhere has a prefix without a block.
    if (!known) return parent;
    if (known.id === NO_PREFIX) {
      const tokens = Math.max(0, cumulativeTokens - this.#builder.cumulativeTokens(parent));
      known.id = this.#builder.intern(parent, this.#builder.prefixCount, tokens, position);
    }
    return known.id;
  }
}
