import { isObject, stringMember, type Catalogue } from '../core/index.ts';
import { readDiagnostics, type Miss, type RequestRecord } from '../ledger/index.ts';
import { insertMember, type BilledUsage, type UsageReading } from '../wire/index.ts';
import { accountFor, type Account } from './account.ts';
import type { EngineContext } from './context.ts';
import type { Forecast } from './cache-model.ts';
import type { MissTrace } from './miss-trace.ts';
import type { Prepared } from './prepare.ts';

/** Ids of messages that are written into a body. */
const MESSAGE_ID = /^[\w-]{1,128}$/;

/** Whose request it is. */
interface Asker {
  readonly id: string;
  readonly scope: string;
  readonly mode: RequestRecord['mode'];
}

/** Why one request missed something: our own account, and what the service says to it where it is asked (spec 10.1). */
export class MissReport {
  readonly #context: EngineContext;
  #trace: MissTrace | null = null;
  /** The message that the request names for the service to compare it with: the client's, or ours; null without one. */
  #namedId: string | null = null;
  #asking: Buffer | null = null;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** The bytes that go out with our question; null where none is asked. */
  get asking(): Buffer | null {
    return this.#asking;
  }

  /** Notes a request that is about to be sent, and asks the service where that is wanted. */
  observe(made: Prepared, { id, scope, mode }: Asker): void {
    const { analysis, forecast, isApplied } = made;
    if (!analysis || !forecast) return;
    const { misses, options, question } = this.#context;
    this.#trace = misses.observe({ id, scope, analysis, forecast, isApplied });
    const asked = analysis.body['diagnostics'];
    if (asked !== undefined) {
      this.#namedId = isObject(asked) ? stringMember(asked, 'previous_message_id') : null;
    } else if (options.diagnostics === 'on' && mode === 'optimize' && !question.isRefused) {
      this.#ask(made.bytes);
    }
  }

  #ask(bytes: Buffer): void {
    const known = this.#trace?.compared?.messageId ?? null;
    this.#namedId = known !== null && MESSAGE_ID.test(known) ? known : null;
    const value = JSON.stringify({ previous_message_id: this.#namedId });
    this.#asking = insertMember(bytes, 'diagnostics', value);
  }

  /** The question is not asked after all. `isRefused`: the service does not take it, and is not asked again. */
  drop(isRefused: boolean): void {
    if (this.#asking === null) return;
    this.#asking = null;
    this.#namedId = null;
    if (isRefused) this.#context.question.isRefused = true;
  }

  begin(forecast: Forecast): void {
    this.#trace?.begin(forecast);
  }

  cancel(): void {
    this.#trace?.cancel();
  }

  /** All is said. */
  release(): void {
    this.#trace = null;
    this.#asking = null;
  }

  /** What was billed, held against the model. */
  account(
    usage: BilledUsage | null,
    model: string,
    forecast: Forecast | null,
    atMs: number,
    catalogue: Catalogue,
  ): Account {
    return accountFor(usage, model, forecast, this.#trace, atMs, catalogue);
  }

  /** What else the record has of it, once the answer is over. */
  parts(
    { diagnostics, messageId, started }: UsageReading,
    misses: readonly Miss[],
  ): Pick<RequestRecord, 'shape' | 'diagnostics'> {
    const trace = this.#trace;
    trace?.answered(messageId);
    const isSameEarlier = this.#namedId !== null && this.#namedId === trace?.compared?.messageId;
    const asked = { previousMessageId: this.#namedId, isSameEarlier };
    return {
      shape: trace?.shape ?? null,
      diagnostics: started ? readDiagnostics(diagnostics, asked, misses) : null,
    };
  }
}
