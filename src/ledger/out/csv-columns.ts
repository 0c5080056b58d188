import type { PicoUsd, TokenCounts } from '../../core/index.ts';
import { formatTime } from '../../runtime/index.ts';
import type { OwnCost } from '../own-cost.ts';
import type { Miss, RequestRecord } from '../record.ts';
import { formatExactUsd } from './exact-usd.ts';

/** A cell before it is written: nothing where nobody knows, which is not 0. */
type Cell = string | number | boolean | null | undefined;

/** One column: its name, whether it is text, and its cell in a row of a request and in one of our own costs. */
export interface CsvColumn {
  readonly name: string;
  /** Text may have come from outside; numbers, times and money are ours. */
  readonly isText: boolean;
  readonly ofRequest: (record: RequestRecord) => Cell;
  readonly ofOwn: (own: OwnCost) => Cell;
}

const nothing = (): null => null;

function text(
  name: string,
  ofRequest: CsvColumn['ofRequest'],
  ofOwn: CsvColumn['ofOwn'] = nothing,
): CsvColumn {
  return { name, isText: true, ofRequest, ofOwn };
}

function number(
  name: string,
  ofRequest: CsvColumn['ofRequest'],
  ofOwn: CsvColumn['ofOwn'] = nothing,
): CsvColumn {
  return { name, isText: false, ofRequest, ofOwn };
}

function money(
  name: string,
  ofRequest: (record: RequestRecord) => PicoUsd | null | undefined,
  ofOwn: (own: OwnCost) => PicoUsd | null = nothing,
): CsvColumn {
  const show = (pico: PicoUsd | null | undefined): Cell =>
    pico === null || pico === undefined ? null : formatExactUsd(pico);
  return number(
    name,
    (record) => show(ofRequest(record)),
    (own) => show(ofOwn(own)),
  );
}

function missedTokens(misses: readonly Miss[]): number {
  return misses.reduce((sum, { tokens }) => sum + tokens, 0);
}

function missedPicoUsd(misses: readonly Miss[]): PicoUsd {
  return misses.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n);
}

function missReasons(misses: readonly Miss[]): string {
  return [...new Set(misses.map(({ reason }) => reason))].join(' ');
}

/** A member that a request and one of our own costs both have. */
function shared(
  name: string,
  isText: boolean,
  pick: (row: Pick<RequestRecord & OwnCost, 'id' | 'atMs' | 'scope' | 'model' | 'status'>) => Cell,
): CsvColumn {
  return { name, isText, ofRequest: pick, ofOwn: pick };
}

function counter(name: string, key: keyof TokenCounts): CsvColumn {
  return number(
    name,
    (record) => record.usage?.[key],
    ({ tokens }) => tokens[key],
  );
}

const identity: readonly CsvColumn[] = [
  shared('id', true, ({ id }) => id),
  text(
    'kind',
    () => 'request',
    ({ purpose }) => purpose,
  ),
  shared('at', false, ({ atMs }) => formatTime(atMs)),
  shared('at_ms', false, ({ atMs }) => atMs),
  shared('scope', true, ({ scope }) => scope),
  text('tags', ({ tags }) => tags.join(',')),
  text('path', ({ path }) => path),
  shared('model', true, ({ model }) => model),
  text('mode', ({ mode }) => mode),
  shared('status', false, ({ status }) => status),
  text('message_id', ({ messageId }) => messageId),
  text('stop_reason', ({ stopReason }) => stopReason),
];

const usage: readonly CsvColumn[] = [
  text('service_tier', (record) => record.usage?.serviceTier),
  text('speed', (record) => record.usage?.speed),
  text('inference_geo', (record) => record.usage?.inferenceGeo),
  counter('uncached_tokens', 'uncachedTokens'),
  counter('read_tokens', 'readTokens'),
  counter('write_5m_tokens', 'write5mTokens'),
  counter('write_1h_tokens', 'write1hTokens'),
  counter('output_tokens', 'outputTokens'),
  number('web_search_requests', (record) => record.usage?.serverToolUse.webSearchRequests),
  number('web_fetch_requests', (record) => record.usage?.serverToolUse.webFetchRequests),
  number('code_execution_requests', (record) => record.usage?.serverToolUse.codeExecutionRequests),
  number('iterations', (record) => record.usage?.iterations?.length),
];

const bill: readonly CsvColumn[] = [
  money(
    'cost_usd',
    ({ cost }) => cost?.totalPicoUsd,
    ({ costPicoUsd }) => costPicoUsd,
  ),
  money('cost_uncached_usd', ({ cost }) => cost?.uncachedPicoUsd),
  money('cost_read_usd', ({ cost }) => cost?.readPicoUsd),
  money('cost_write_5m_usd', ({ cost }) => cost?.write5mPicoUsd),
  money('cost_write_1h_usd', ({ cost }) => cost?.write1hPicoUsd),
  money('cost_output_usd', ({ cost }) => cost?.outputPicoUsd),
  money('cost_server_tools_usd', ({ cost }) => cost?.serverToolsPicoUsd),
  money('saved_no_caching_usd', ({ savings }) => savings?.noCachingPicoUsd),
  money('saved_client_usd', ({ savings }) => savings?.clientPicoUsd),
  money('saved_automatic_usd', ({ savings }) => savings?.automaticPicoUsd),
];

const model: readonly CsvColumn[] = [
  number('predicted_uncached_tokens', ({ prediction }) => prediction?.uncachedTokens),
  number('predicted_read_tokens', ({ prediction }) => prediction?.readTokens),
  number('predicted_write_5m_tokens', ({ prediction }) => prediction?.write5mTokens),
  number('predicted_write_1h_tokens', ({ prediction }) => prediction?.write1hTokens),
  text('miss_reasons', ({ misses }) => missReasons(misses)),
  number('missed_tokens', ({ misses }) => missedTokens(misses)),
  money('missed_usd', ({ misses }) => missedPicoUsd(misses)),
  number('breakpoints_added', ({ plan }) => plan?.added.length),
  number('is_plan_applied', ({ plan }) => plan?.isApplied),
];

const way: readonly CsvColumn[] = [
  text('response_outcome', ({ responses }) => responses?.outcome),
  text('response_detail', ({ responses }) => responses?.detail),
  number('response_age_ms', ({ responses }) => responses?.ageMs),
  money('response_saved_usd', ({ responses }) => responses?.savedPicoUsd),
  number('response_saved_ms', ({ responses }) => responses?.savedMs),
  text('gate_role', ({ gate }) => gate?.role),
  text('gate_end', ({ gate }) => gate?.end),
  number('gate_waited_ms', ({ gate }) => gate?.waitedMs),
  number('gate_followers', ({ gate }) => gate?.followers),
  money('gate_saved_usd', ({ gate }) => gate?.savedPicoUsd),
  text('skip_reason', ({ skipReason }) => skipReason),
  number('is_resent', ({ isResent }) => isResent),
  number('is_partial', ({ isPartial }) => isPartial),
  text('error', ({ error }) => error),
  number('first_byte_ms', ({ firstByteMs }) => firstByteMs),
  number('total_ms', ({ totalMs }) => totalMs),
];

const later: readonly CsvColumn[] = [
  number('estimated_tokens', ({ prediction }) => prediction?.estimatedTokens),
  text('diagnostics_reason', ({ diagnostics }) => diagnostics?.reason),
  number('is_diagnostics_disputed', ({ diagnostics }) => diagnostics?.isDisputed),
  text('response_model', ({ responseModel }) => responseModel),
];

/** The columns in their order, which is part of the contract: new ones come last, and none is renamed or taken away. */
export const CSV_COLUMNS: readonly CsvColumn[] = [...identity, ...usage, ...bill, ...model, ...way, ...later];
