import { TraceBuilder } from './trace-builder.ts';
import { NO_PREFIX, type RequestKind, type StopKind, type Trace } from './trace.ts';

/** A request written out by hand; ends are indices into `blocks`. */
export interface HandRequest {
  readonly startMs: number;
  /** @default 0 */
  readonly timeToFirstTokenMs?: number;
  /** Name and tokens of each block; equal names after an equal start are one prefix. */
  readonly blocks: readonly (readonly [name: string, tokens: number])[];
  /** Lookback positions, one a block. @default each block its own */
  readonly positions?: readonly number[];
  readonly tailTokens?: number;
  readonly outputTokens?: number;
  readonly toolsEnd?: number;
  readonly systemEnd?: number;
  readonly documentsEnd?: number;
  readonly conversation?: number;
  readonly application?: number;
  /** @default '' */
  readonly model?: string;
  readonly kind?: RequestKind;
  readonly stop?: StopKind;
}

/**
 * A small trace from requests written out by hand. Models share no prefixes.
 *
 * @example traceOf([{ startMs: 0, blocks: [['system', 9000], ['question', 50]], systemEnd: 0 }])
 */
export function traceOf(
  requests: readonly HandRequest[],
  facts: { readonly name?: string; readonly hasLookbackLimit?: boolean } = {},
): Trace {
  const builder = new TraceBuilder();
  const keys = new Map<string, number>();
  const keyOf = (name: string): number => {
    if (!keys.has(name)) keys.set(name, keys.size);
    return keys.get(name) ?? 0;
  };
  for (const request of requests) {
    const { blocks, positions, toolsEnd, systemEnd, documentsEnd, model = '', ...row } = request;
    const path: number[] = [];
    for (const [index, [name, tokens]] of blocks.entries()) {
      path.push(builder.intern(path.at(-1) ?? builder.root(model), keyOf(name), tokens, positions?.[index]));
    }
    const idAt = (index: number | undefined): number => path[index ?? -1] ?? NO_PREFIX;
    builder.add({
      ...row,
      timeToFirstTokenMs: row.timeToFirstTokenMs ?? 0,
      prefixId: path.at(-1) ?? NO_PREFIX,
      toolsEnd: idAt(toolsEnd),
      systemEnd: idAt(systemEnd),
      documentsEnd: idAt(documentsEnd),
      model: builder.model(model),
    });
  }
  const { name = 'by hand', hasLookbackLimit = true } = facts;
  return builder.finish({ name, format: 'synthetic', hasLookbackLimit });
}
