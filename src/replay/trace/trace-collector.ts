import type { JsonObject } from '../../core/index.ts';
import { createMooncakeReader, isMooncakeRecord } from './mooncake.ts';
import { RecordProblem } from './record-fields.ts';
import { isCaptureRecord, isTimedRequest } from './message-request.ts';
import { createMessagesReader } from './messages.ts';
import type { RecordReader } from './record-reader.ts';
import { TraceBuilder } from './trace-builder.ts';
import { TraceError } from './trace-error.ts';
import type { BadLine, Trace } from './trace.ts';
import { createWekaReader, isWekaRecord } from './weka.ts';

/** A form of traces: how it is known, and what reads it. */
interface TraceForm {
  /** For people; captures are Messages requests too. */
  readonly label: string;
  isRecord(record: JsonObject): boolean;
  create(builder: TraceBuilder): RecordReader;
}

const FORMS: readonly TraceForm[] = [
  { label: 'Mooncake request', isRecord: isMooncakeRecord, create: createMooncakeReader },
  { label: 'WEKA session', isRecord: isWekaRecord, create: createWekaReader },
  {
    label: 'Messages request',
    isRecord: isCaptureRecord,
    create: (builder) => createMessagesReader(builder, 'captures'),
  },
  {
    label: 'Messages request',
    isRecord: isTimedRequest,
    create: (builder) => createMessagesReader(builder, 'requests'),
  },
];

const FORM_NAMES = ['a Mooncake request', 'a WEKA session', 'a Messages request with its time'];

/** Where a record stands: a row of a Parquet file counts as its line. */
export interface RecordPlace {
  readonly file: string;
  /** From 0. */
  readonly fileNumber: number;
  /** From 1. */
  readonly lineNumber: number;
}

/** Bad lines that are kept to be shown. */
const EXAMPLES_MAX = 5;

/** Bad lines before any good one after which the file is taken for something else. */
const STRANGE_MAX = 20;

/** Puts the records of one or more files together to a trace; the first one of a known form decides what they are. */
export class TraceCollector {
  readonly #builder = new TraceBuilder();
  readonly #isStrict: boolean;
  #reader: RecordReader | null = null;
  /** Of the reader's form. */
  #label = '';
  #badCount = 0;
  readonly #examples: BadLine[] = [];

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  /** @throws TraceError for a bad record in strict mode, and for a file that is no trace */
  add(record: JsonObject, place: RecordPlace): void {
    try {
      this.#readerFor(record).read(record, place.fileNumber);
    } catch (error) {
      if (!(error instanceof RecordProblem)) throw error;
      this.reject(this.#strangerProblem(record) ?? error.message, place);
    }
  }

  /** Counts a line that holds no record. @throws TraceError in strict mode, and for a file that is no trace */
  reject(problem: string, { file, lineNumber }: RecordPlace): void {
    if (this.#isStrict) throw new TraceError(`${file}:${lineNumber}: ${problem}`);
    this.#badCount += 1;
    if (!this.#reader && this.#badCount === STRANGE_MAX) {
      throw new TraceError(
        `${file} is no trace: its first ${STRANGE_MAX} lines cannot be read; here: ${problem}`,
      );
    }
    if (this.#examples.length < EXAMPLES_MAX) this.#examples.push({ file, lineNumber, problem });
  }

  /** @throws TraceError when there is no request */
  finish(name: string): Trace {
    const reader = this.#reader;
    if (!reader || this.#builder.requestCount === 0) {
      const [first] = this.#examples;
      const why = first ? `; ${first.file}:${first.lineNumber}: ${first.problem}` : '';
      throw new TraceError(`${name} holds no request${why}`);
    }
    const { format, hasLookbackLimit, startsAtZero } = reader;
    const badLines = { count: this.#badCount, examples: this.#examples };
    return this.#builder.finish({ name, format, hasLookbackLimit, startsAtZero, badLines });
  }

  /** Better words for a record that is not bad, but of another form than the trace. */
  #strangerProblem(record: JsonObject): string | null {
    const label = FORMS.find((known) => known.isRecord(record))?.label ?? this.#label;
    return label === this.#label ? null : `a ${label} in a trace whose first line is a ${this.#label}`;
  }

  #readerFor(record: JsonObject): RecordReader {
    if (this.#reader) return this.#reader;
    const form = FORMS.find((known) => known.isRecord(record));
    if (form) {
      this.#reader = form.create(this.#builder);
      this.#label = form.label;
      return this.#reader;
    }
    throw new RecordProblem(`neither ${FORM_NAMES.join(' nor ')}`);
  }
}
