import { float64Column, grownColumn, int32Column, reorderedColumn, uint8Column } from './columns.ts';
import {
  NO_PREFIX,
  REQUEST_KINDS,
  STOP_KINDS,
  type RequestColumns,
  type RequestKind,
  type StopKind,
} from './trace.ts';

/** One request, as it goes into the columns. What is left out is 0, `NO_PREFIX`, a user's request, or an unknown end. */
export interface RequestRow {
  /** ms, in any order; see `TraceFacts.startsAtZero`. */
  readonly startMs: number;
  readonly timeToFirstTokenMs: number;
  readonly prefixId: number;
  readonly tailTokens?: number;
  readonly outputTokens?: number;
  readonly toolsEnd?: number;
  readonly systemEnd?: number;
  readonly documentsEnd?: number;
  readonly conversation?: number;
  readonly application?: number;
  readonly model?: number;
  /** @default 'user' */
  readonly kind?: RequestKind;
  /** @default 'other' */
  readonly stop?: StopKind;
}

type MutableColumns = { -readonly [name in keyof Omit<RequestColumns, 'count'>]: RequestColumns[name] };

const CAPACITY_FIRST = 1024;

function createColumns(length: number): MutableColumns {
  return {
    startMs: float64Column(length),
    timeToFirstTokenMs: float64Column(length),
    prefixIds: int32Column(length),
    tailTokens: float64Column(length),
    outputTokens: float64Column(length),
    toolsEnds: int32Column(length),
    systemEnds: int32Column(length),
    documentsEnds: int32Column(length),
    conversations: int32Column(length),
    applications: int32Column(length),
    models: uint8Column(length),
    kinds: uint8Column(length),
    stops: uint8Column(length),
  };
}

/** Requests as they come, put in order of time at the end. */
export class RequestTable {
  #columns: MutableColumns;
  #capacity: number;
  #count = 0;
  #isOrdered = true;
  #lastStartMs = -Infinity;

  /** `expectedCount` spares growing: growing holds a column twice for a moment. */
  constructor(expectedCount: number = CAPACITY_FIRST) {
    this.#capacity = Math.max(1, expectedCount);
    this.#columns = createColumns(this.#capacity);
  }

  get count(): number {
    return this.#count;
  }

  add(row: RequestRow): void {
    if (this.#count === this.#capacity) this.#grow();
    const at = this.#count;
    const columns = this.#columns;
    columns.startMs[at] = row.startMs;
    columns.timeToFirstTokenMs[at] = row.timeToFirstTokenMs;
    columns.prefixIds[at] = row.prefixId;
    columns.tailTokens[at] = row.tailTokens ?? 0;
    columns.outputTokens[at] = row.outputTokens ?? 0;
    columns.toolsEnds[at] = row.toolsEnd ?? NO_PREFIX;
    columns.systemEnds[at] = row.systemEnd ?? NO_PREFIX;
    columns.documentsEnds[at] = row.documentsEnd ?? NO_PREFIX;
    this.#setNumbers(at, row);
    this.#isOrdered &&= row.startMs >= this.#lastStartMs;
    this.#lastStartMs = row.startMs;
    this.#count += 1;
  }

  limitTimeToFirstToken(row: number, mostMs: number): void {
    const { timeToFirstTokenMs } = this.#columns;
    timeToFirstTokenMs[row] = Math.min(timeToFirstTokenMs[row] ?? 0, mostMs);
  }

  /** The columns in order of time, equal times as they were added. The table is done with after that. */
  finish(startsAtZero: boolean): RequestColumns {
    const order = this.#isOrdered ? null : this.#orderByStart();
    for (const name of Object.keys(this.#columns) as (keyof MutableColumns)[]) this.#settle(name, order);
    const { startMs } = this.#columns;
    const firstMs = startMs[0] ?? 0;
    if (startsAtZero)
      for (let row = 0; row < startMs.length; row += 1) startMs[row] = (startMs[row] ?? 0) - firstMs;
    return { count: this.#count, ...this.#columns };
  }

  #setNumbers(at: number, row: RequestRow): void {
    const columns = this.#columns;
    columns.conversations[at] = row.conversation ?? 0;
    columns.applications[at] = row.application ?? 0;
    columns.models[at] = row.model ?? 0;
    columns.kinds[at] = REQUEST_KINDS.indexOf(row.kind ?? 'user');
    columns.stops[at] = STOP_KINDS.indexOf(row.stop ?? 'other');
  }

  #orderByStart(): Uint32Array {
    const { startMs } = this.#columns;
    const order = new Uint32Array(this.#count).map((_zero, row) => row);
    return order.sort((a, b) => (startMs[a] ?? 0) - (startMs[b] ?? 0) || a - b);
  }

  #settle<Name extends keyof MutableColumns>(name: Name, order: Uint32Array | null): void {
    const columns: Record<Name, MutableColumns[Name]> = this.#columns;
    const column: Int32Array | Float64Array | Uint8Array = columns[name];
    const settled = order ? reorderedColumn(column, order) : column.subarray(0, this.#count);
    columns[name] = settled as MutableColumns[Name];
  }

  #grow(): void {
    this.#capacity *= 2;
    const length = this.#capacity;
    for (const name of Object.keys(this.#columns) as (keyof MutableColumns)[]) this.#growColumn(name, length);
  }

  #growColumn<Name extends keyof MutableColumns>(name: Name, length: number): void {
    const columns: Record<Name, MutableColumns[Name]> = this.#columns;
    const column: Int32Array | Float64Array | Uint8Array = columns[name];
    columns[name] = grownColumn(column, length) as MutableColumns[Name];
  }
}
