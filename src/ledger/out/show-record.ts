import { toUsd } from '../../core/index.ts';
import type { RequestRecord } from '../record.ts';

/** A record as JSON has it: pico-dollars as decimal strings, for JSON has no integers of that size, and `costUsd` for reading. */
export type ShownRecord = Readonly<Record<string, unknown>>;

const withoutBigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

const costUsdOf = ({ cost }: RequestRecord): number | null => (cost ? toUsd(cost.totalPicoUsd) : null);

/** A record as `GET /api/v1/requests` shows it, and as a line of the export. */
export function showRecord(record: RequestRecord): ShownRecord {
  return JSON.parse(formatRecord(record)) as ShownRecord;
}

/** `showRecord` as JSON text without a line end. */
export function formatRecord(record: RequestRecord): string {
  return JSON.stringify({ ...record, costUsd: costUsdOf(record) }, withoutBigints);
}
