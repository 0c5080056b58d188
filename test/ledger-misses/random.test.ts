import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { totalInputTokens } from '../../src/core/index.ts';
import { CleanUp } from '../support/gateway.ts';
import { words } from '../support/messages.ts';
import { conversation, priceOf, said, Scene, tool, type Body } from './scene.ts';

const numRuns = Math.ceil(25 * Number(process.env['CACHEWRIGHT_EFFORT'] ?? 1));
const cleanUp = new CleanUp();
afterEach(() => cleanUp.run());

/** A prompt, before it becomes a body. */
interface Draft {
  readonly model: string;
  readonly tools: readonly Body[];
  readonly system: readonly string[];
  readonly turns: readonly string[];
  readonly more: Body;
}

/** A change whose reason is known, with the first part that it loses: levels count, and places within them. */
interface Change {
  readonly reason: string;
  readonly at: readonly [level: number, place: number];
  readonly make: (draft: Draft) => Draft;
}

const TURNS = 5;
const draft: Draft = {
  model: 'claude-opus-5-5',
  tools: [tool('alpha'), tool('beta'), tool('gamma')],
  system: [words(400, 'rule'), words(400, 'law')],
  turns: Array.from({ length: TURNS }, (_, at) => said(at)),
  more: {},
};
const bodyOf = ({ model, tools, system, turns, more }: Draft, length = turns.length): Body =>
  conversation({ tools, system, turns: turns.slice(0, length), more: { model, ...more } });

const edited = (texts: readonly string[], at: number): readonly string[] =>
  texts.with(at, `${texts[at]} Edited.`);

const toolChange = fc.nat({ max: 2 }).map((place): Change => ({
  reason: 'tools_changed',
  at: [0, place],
  make: (from) => ({
    ...from,
    tools: from.tools.with(place, {
      ...from.tools[place],
      description: `${String(from.tools[place]?.['description'])} Edited.`,
    }),
  }),
}));
const systemChange = fc.nat({ max: 1 }).map((place): Change => ({
  reason: 'system_changed',
  at: [1, place],
  make: (from) => ({ ...from, system: edited(from.system, place) }),
}));
const settingChange = fc
  .constantFrom<Body>({ tool_choice: { type: 'none' } }, { output_config: { effort: 'low' } })
  .map((more): Change => ({
    reason: 'parameters_changed',
    at: [2, -1],
    make: (from) => ({ ...from, more }),
  }));
const messageChange = fc.nat({ max: TURNS - 1 }).map((place): Change => ({
  reason: 'messages_changed',
  at: [2, place],
  make: (from) => ({ ...from, turns: edited(from.turns, place) }),
}));
const modelChange = fc.constant<Change>({
  reason: 'model_changed',
  at: [-1, 0],
  make: (from) => ({ ...from, model: 'claude-sonnet-5-5' }),
});
const kinds = [modelChange, toolChange, systemChange, settingChange, messageChange];
const changes = fc
  .uniqueArray(fc.nat({ max: kinds.length - 1 }), { minLength: 1, maxLength: 2 })
  .chain((picked) => fc.tuple(...picked.map((kind) => kinds[kind] ?? modelChange)));

const ordered = (list: readonly Change[]): readonly Change[] =>
  list.toSorted((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]);

/** What must be told: the model alone where it is another; else what has expired, and each change before the next. */
function expectedOf(list: readonly Change[], isExpired: boolean): readonly string[] {
  const [first, second] = ordered(list);
  if (!first || first.reason === 'model_changed') return list.length === 0 ? ['expired'] : ['model_changed'];
  // A setting of the messages takes what begins at the first of them.
  const isHidden = first.reason === 'parameters_changed' && second?.at[1] === 0 && second.at[0] === 2;
  const told = [first.reason, ...(second && !isHidden ? [second.reason] : [])];
  const isFirstOfAll = first.at[0] === 0 && first.at[1] === 0;
  return isExpired && !isFirstOfAll ? ['expired', ...told] : told;
}

describe('random changes', () => {
  it('are told by their reasons, in order, and their dollars are what the emulator bills more', async () => {
    await fc.assert(
      fc.asyncProperty(
        changes,
        fc.constantFrom(1000, 299_999, 300_000, 900_000),
        fc.boolean(),
        async (list, afterMs, hasNext) => {
          const scene = cleanUp.add(await Scene.open());
          const first = await scene.ask(bodyOf(draft, TURNS - 2));
          scene.time.advance(afterMs);
          const made = list.reduce((from, { make }) => make(from), draft);
          const length = hasNext ? TURNS : TURNS - 2;
          // A change behind what was sent first is none.
          const real = list.filter(({ reason, at }) => reason !== 'messages_changed' || at[1] < TURNS - 2);
          const request = bodyOf(made, length);
          const { billed, record } = await scene.ask(request);
          const isExpired = afterMs >= 300_000;
          const told = record.misses.map(({ reason }) => reason);
          expect(told).toEqual(real.length === 0 && !isExpired ? [] : expectedOf(real, isExpired));
          for (const { evidence } of record.misses) expect(evidence.previousId).toBe(first.record.id);
          const cost = record.misses.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n);
          const alone = await scene.billAlone([bodyOf(made, TURNS - 2), request]);
          expect(cost).toBe(priceOf(billed, made.model) - alone);
          await scene.close();
        },
      ),
      { numRuns },
    );
  });

  it('never claim more than was not read, and nothing is unknown where the model was right', async () => {
    const step = fc.record({
      changes,
      length: fc.integer({ min: 1, max: TURNS }),
      afterMs: fc.constantFrom(0, 1000, 200_000, 301_000),
      isMarked: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
        const scene = cleanUp.add(await Scene.open());
        const seen = new Set<string>();
        for (const { changes: list, length, afterMs, isMarked } of steps) {
          scene.time.advance(afterMs);
          const { model, tools, system, turns, more } = list.reduce((from, { make }) => make(from), draft);
          const body = conversation({
            tools,
            system,
            turns: turns.slice(0, length),
            isMarked,
            more: { model, ...more },
          });
          const { record } = await scene.ask(body);
          const { usage, misses, prediction } = record;
          if (!usage) throw new Error('no bill');
          const missed = misses.reduce((sum, { tokens }) => sum + tokens, 0);
          expect(missed).toBeLessThanOrEqual(totalInputTokens(usage) - usage.readTokens);
          expect(misses.filter(({ tokens, costPicoUsd }) => tokens <= 0 || costPicoUsd <= 0n)).toEqual([]);
          const previous = misses.flatMap(({ evidence }) => evidence.previousId ?? []);
          expect(previous.filter((id) => !seen.has(id))).toEqual([]);
          const unknown = misses.filter(
            ({ reason, evidence }) => reason === 'evicted_or_unknown' && evidence.previousId !== null,
          );
          expect(prediction?.readTokens === usage.readTokens ? unknown : []).toEqual([]);
          seen.add(record.id);
        }
        await scene.close();
      }),
      { numRuns },
    );
  });
});
