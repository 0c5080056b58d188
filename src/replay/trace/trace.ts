/** No prefix, where a column holds a prefix id. */
export const NO_PREFIX = -1;

/** What the newest content of a request is: decides how soon the next request comes. */
export const REQUEST_KINDS = ['user', 'tool'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** How an answer ended, known only after it. */
export const STOP_KINDS = ['end_turn', 'tool_use', 'other'] as const;
export type StopKind = (typeof STOP_KINDS)[number];

/**
 * All prefixes of a trace as a trie in columns: a prefix is a number, and its parent is the prefix one block shorter.
 * A parent's number is below its children's. Two requests share a prefix exactly if they share the number, so what
 * must never share a cache (another model, another workspace) starts from another root.
 */
export interface PrefixTrie {
  readonly count: number;
  /** The prefix one block shorter; `NO_PREFIX` for a first block. */
  readonly parents: Int32Array;
  /** Tokens from the start up to and including the prefix's last block. */
  readonly cumulativeTokens: Float64Array;
  /** 0 for a first block. */
  readonly depths: Int32Array;
  /** Lookback position of the last block (spec 2.2): the depth, but for blocks of a collapsed run, which share one. */
  readonly positions: Int32Array;
}

/** Requests in columns, by start time; equal times keep the order of the source. */
export interface RequestColumns {
  readonly count: number;
  /** ms from the start of the trace. */
  readonly startMs: Float64Array;
  /** Time to first token, ms: entries that a request writes can be read from then on. */
  readonly timeToFirstTokenMs: Float64Array;
  /** The longest prefix that another request could share; `NO_PREFIX` where there is none. */
  readonly prefixIds: Int32Array;
  /** Tokens after that prefix, which no breakpoint can cover. */
  readonly tailTokens: Float64Array;
  /** 0 where the source does not say. */
  readonly outputTokens: Float64Array;
  /** Ends of layers on the request's path; `NO_PREFIX` where there is no such layer. */
  readonly toolsEnds: Int32Array;
  readonly systemEnds: Int32Array;
  readonly documentsEnds: Int32Array;
  /** Numbers of conversations, of applications (what shares a system prompt or a session), and into `models`. */
  readonly conversations: Int32Array;
  readonly applications: Int32Array;
  readonly models: Uint8Array;
  /** Indices into `REQUEST_KINDS` and `STOP_KINDS`. */
  readonly kinds: Uint8Array;
  readonly stops: Uint8Array;
}

/** What `replay` runs policies on. */
export interface Trace {
  readonly name: string;
  readonly format: 'mooncake' | 'weka' | 'requests' | 'captures' | 'synthetic';
  readonly trie: PrefixTrie;
  readonly requests: RequestColumns;
  /** Model names as the source has them; `['']` where it names none. */
  readonly models: readonly string[];
  /** false where the source does not record content blocks: then a breakpoint finds every shorter prefix. */
  readonly hasLookbackLimit: boolean;
  /** Lines that could not be read, and the first few of them. */
  readonly badLines: { readonly count: number; readonly examples: readonly BadLine[] };
}

/** A line of the source that was left out. */
export interface BadLine {
  readonly file: string;
  readonly lineNumber: number;
  readonly problem: string;
}

/** The prefixes of one request, shortest first: for tests and small traces, since it is made anew. */
export function pathOf(trie: PrefixTrie, prefixId: number): number[] {
  const path: number[] = [];
  for (let id = prefixId; id !== NO_PREFIX; id = trie.parents[id] ?? NO_PREFIX) path.push(id);
  return path.reverse();
}
