import { billTokens, billUncached, totalInputTokens, type PicoUsd, type TokenCounts } from '../core/index.ts';
import type { LoggedCall } from '../logs/index.ts';
import type { BilledUsage } from '../wire/index.ts';
import { attribute, attributeWhole, type Piece } from './attribute.ts';
import { AuditPlanner } from './audit-planner.ts';
import { BillSimulator } from './bill-simulator.ts';
import { Conversation, judge, type Verdict } from './conversation.ts';
import { createModelFinder, stepsOf, type FindModel, type Step } from './steps.ts';
import { SeenKeys } from './seen-keys.ts';
import { createTotals, type AuditTotals } from './totals.ts';
import { WHAT_IF_NAMES } from './what-if.ts';

/** Conversations followed at once; the one used longest ago is forgotten first, and counts anew if it comes back. */
const CONVERSATIONS_MAX = 2000;
const NOTES_MAX = 20;

/**
 * Adds up a log call by call, in bounded memory: at most 2,000 conversations are followed at once, with a few kilobytes
 * each. Calls of one conversation must come in their order.
 */
export class Audit {
  readonly totals: AuditTotals = createTotals();
  readonly #conversations = new Map<string, Conversation>();
  readonly #seen = new SeenKeys();
  readonly #simulator = new BillSimulator();
  readonly #planner = new AuditPlanner();
  readonly #findModel: FindModel = createModelFinder((note) => {
    if (this.totals.modelNotes.size < NOTES_MAX) this.totals.modelNotes.add(note);
  });

  /** Takes in one call: bills it, unless it was met before, and learns what it left in the cache. */
  add(logged: LoggedCall): void {
    const isNew = this.#seen.add(logged.key);
    const call = logged.prompt ? this.#simulator.fill(logged, logged.prompt) : logged;
    const { usage } = call;
    if (!usage) return;
    const conversation = this.#conversationOf(call.conversation);
    const steps = stepsOf(call, usage, this.#findModel);
    if (isNew) this.#countCall(call, logged.usage === null, usage, steps);
    else this.totals.repeatedCalls += 1;
    let own = call;
    for (const step of steps) {
      if (step.kind === 'message') {
        this.#addMessage(own, step, conversation, isNew);
        // A later step of a call extends the one before it.
        own = { ...call, history: 'extends', extendsKey: call.key, readyMs: call.atMs };
      } else if (isNew) {
        this.#addSideStep(step);
      }
    }
  }

  /** Settles what still waits for later calls; nothing may be added afterwards. */
  end(): void {
    for (const conversation of this.#conversations.values()) conversation.end();
    this.#conversations.clear();
  }

  #conversationOf(name: string): Conversation {
    const known = this.#conversations.get(name);
    const conversation = known ?? new Conversation();
    if (!known) this.totals.conversations += 1;
    this.#conversations.delete(name);
    this.#conversations.set(name, conversation);
    const [oldest] = this.#conversations;
    if (this.#conversations.size > CONVERSATIONS_MAX && oldest) {
      oldest[1].end();
      this.#conversations.delete(oldest[0]);
    }
    return conversation;
  }

  #countCall(call: LoggedCall, isEstimated: boolean, usage: BilledUsage, steps: readonly Step[]): void {
    const { totals } = this;
    totals.calls += 1;
    totals.estimatedCalls += isEstimated ? 1 : 0;
    totals.recordedCalls += call.recorded ? 1 : 0;
    totals.undatedCalls += call.isDated ? 0 : 1;
    totals.hitCalls += usage.readTokens > 0 ? 1 : 0;
    if (call.isDated) {
      totals.fromMs = Math.min(totals.fromMs ?? call.atMs, call.atMs);
      totals.toMs = Math.max(totals.toMs ?? call.atMs, call.atMs);
    }
    const costPicoUsd = steps.reduce((sum, step) => sum + step.cost.totalPicoUsd, 0n);
    totals.addModel(this.#findModel(call.model).id, costPicoUsd);
  }

  #addMessage(call: LoggedCall, step: Step, conversation: Conversation, isNew: boolean): void {
    const verdict = judge(call, step.tokens, step.model, conversation);
    if (call.recorded) {
      this.#addRecorded(call, step, verdict);
      return;
    }
    const track = conversation.open(step.model, this.totals.hours, this.#planner);
    const gapMs = call.atMs - track.usedMs;
    const { readTokens, write1hTokens } = step.tokens;
    const policies = track.whatIf.advance({
      model: step.model,
      atMs: call.atMs,
      readyMs: call.readyMs,
      tokens: step.tokens,
      totalTokens: totalInputTokens(step.tokens),
      endTokens: verdict.endTokens,
      sharedTokens: verdict.sharedTokens,
    });
    if (isNew) {
      this.#addPieces(step, attribute(step, verdict.segments));
      this.#addPolicies(step, policies);
      track.hours.noteRead(readTokens, gapMs);
      track.hours.noteWrite(readTokens, write1hTokens, this.#hourPremium(step));
    }
    track.note(call, step.tokens);
  }

  /** Without a conversation there is nothing to hold policies against: they keep the bill, or the gateway's own word. */
  #addRecorded(call: LoggedCall, step: Step, verdict: Verdict): void {
    this.#addPieces(step, attribute(step, verdict.segments));
    this.#addNoCaching(step);
    for (const name of WHAT_IF_NAMES) {
      const extra = name === 'automatic-5m' ? (call.recorded?.automaticExtraPicoUsd ?? 0n) : 0n;
      this.totals.addPolicy(name, step.cost.totalPicoUsd + extra);
    }
  }

  #addSideStep(step: Step): void {
    const part = step.kind === 'compaction' ? 'compaction' : 'side_steps';
    this.#addPieces(step, attributeWhole(step, part));
    this.#addNoCaching(step);
    for (const name of WHAT_IF_NAMES) this.totals.addPolicy(name, step.cost.totalPicoUsd);
  }

  #addPieces(step: Step, pieces: readonly Piece[]): void {
    this.totals.addStep(step.tokens, step.cost, pieces);
  }

  #addNoCaching(step: Step): void {
    const { totalPicoUsd } = billUncached(step.model, step.tokens, step.pricing);
    this.totals.addPolicy('no-caching', totalPicoUsd + step.cost.serverToolsPicoUsd);
  }

  #addPolicies(step: Step, policies: readonly TokenCounts[]): void {
    this.#addNoCaching(step);
    for (const [index, name] of WHAT_IF_NAMES.entries()) {
      const tokens = policies[index] ?? step.tokens;
      const { totalPicoUsd } = billTokens(step.model, tokens, step.pricing);
      this.totals.addPolicy(name, totalPicoUsd + step.cost.serverToolsPicoUsd);
    }
  }

  /** What the step's 1h writes cost beyond 5m writes of the same tokens. */
  #hourPremium(step: Step): PicoUsd {
    const { write1hTokens } = step.tokens;
    if (write1hTokens === 0) return 0n;
    const asShort = {
      ...step.tokens,
      write1hTokens: 0,
      write5mTokens: step.tokens.write5mTokens + write1hTokens,
    };
    const asShortPicoUsd = billTokens(step.model, asShort, step.pricing).totalPicoUsd;
    return step.cost.totalPicoUsd - step.cost.serverToolsPicoUsd - asShortPicoUsd;
  }
}
