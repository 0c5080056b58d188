import { describe, expect, it } from 'vitest';
import { PLATFORMS } from '../../src/core/catalogue/index.ts';
import type { JsonObject } from '../../src/core/json.ts';
import {
  assistant,
  counters,
  createService,
  marked,
  NEWER,
  rulesWith,
  text,
  toolResult,
  toolUse,
  turns,
  user,
  type Sending,
} from './helpers.ts';

/** Tokens that a conversation of `later` blocks reads of one of `earlier` blocks, both marked at their ends. */
function readAfter(earlier: number, later: number): number {
  const service = createService();
  service.send(turns(earlier, [earlier]), 0);
  return service.send(turns(later, [later]), 1).outcome.readTokens;
}

describe('2.1 explicit breakpoints', () => {
  it('2.1: a write happens only at a breakpoint, one entry for each, none between', () => {
    const { outcome } = createService().send(turns(30, [6, 12, 18, 24]), 0);
    expect(outcome.written.map((entry) => entry.tokens)).toEqual([600, 1200, 1800, 2400]);
    expect(counters(outcome)).toEqual([0, 0, 2400, 600]);
  });

  it('2.1: a prefix between two breakpoints cannot be read', () => {
    const service = createService();
    service.send(turns(30, [10, 20]), 0);
    expect(service.send(turns(15, [15]), 1).outcome.readTokens).toBe(1000);
    expect(service.fork().send(turns(9, [9]), 2).outcome.readTokens).toBe(0);
  });

  it('2.1, 4.5: the tokens of a request are written once however many breakpoints it has', () => {
    const one = createService().send(turns(24, [24]), 0).outcome;
    const four = createService().send(turns(24, [6, 12, 18, 24]), 0).outcome;
    expect(counters(four)).toEqual(counters(one));
  });
});

describe('2.2 lookback', () => {
  it('2.2: 15 -> 34 hits, 15 -> 35 misses', () => {
    expect(readAfter(15, 34)).toBe(1500);
    expect(readAfter(15, 35)).toBe(0);
  });

  it.each([0, 1, 10, 18, 19])('2.2: %i added blocks hit', (added) =>
    expect(readAfter(20, 20 + added)).toBe(2000),
  );
  it.each([20, 21, 40])('2.2: %i added blocks miss', (added) => expect(readAfter(20, 20 + added)).toBe(0));

  it('2.2: it resumes at the next earlier breakpoint with a fresh window', () => {
    const service = createService();
    service.send(turns(15, [15]), 0);
    const { outcome } = service.send(turns(60, [34, 60]), 1);
    expect(counters(outcome)).toEqual([1500, 0, 4500, 0]);
    expect(outcome.breakpoints.map(({ verdict }) => verdict)).toEqual(['written', 'written']);
  });

  it('2.2: windows do not join: what lies between two of them is not tested', () => {
    const service = createService();
    service.send(turns(40, [40]), 0);
    expect(service.send(turns(60, [39, 60]), 1).outcome.readTokens).toBe(0);
    expect(service.fork().send(turns(60, [40, 60]), 1).outcome.readTokens).toBeGreaterThan(0);
  });

  it('2.2: the longest match wins', () => {
    const service = createService();
    service.send(turns(20, [6, 10, 14]), 0);
    const { outcome } = service.send(turns(20, [6, 10, 20]), 1);
    expect(outcome.hit).toEqual({ blockIndex: 13, tokens: 1400 });
    expect(outcome.breakpoints.map(({ verdict }) => verdict)).toEqual(['below-hit', 'below-hit', 'written']);
  });

  it('2.2: only entries of earlier requests are tested', () => {
    const { outcome } = createService().send(turns(20, [6, 20]), 0);
    expect(outcome.readTokens).toBe(0);
  });

  it('2.2: a conversation that grows and is marked at its end reads all that was written before', () => {
    const service = createService();
    for (let length = 6; length <= 40; length += 2) {
      const { outcome } = service.send(turns(length, [length]), length);
      const written = length === 6 ? 600 : 200;
      expect(counters(outcome)).toEqual([length * 100 - written, 0, written, 0]);
    }
  });

  it('2.2: a rewind reads the longest entry below it', () => {
    const service = createService();
    service.send(turns(10, [10]), 0);
    service.send(turns(20, [20]), 1);
    expect(service.send(turns(18, [18]), 2).outcome.readTokens).toBe(1000);
  });
});

/** A tool loop: a long start, then one fan-out of so many calls and results, then a marked end. */
function fanOut(calls: number, marks: 'start' | 'end'): JsonObject {
  const ids = Array.from({ length: calls }, (_, index) => `id${index}`);
  const start = text(600);
  const end = text(10, 'end');
  return {
    model: NEWER,
    messages: [
      user(marks === 'start' ? marked(start) : start),
      assistant(...ids.map((id) => toolUse(id))),
      user(...ids.map((id) => toolResult(id)), marks === 'end' ? marked(end) : end),
    ],
  };
}

function readFanOut(calls: number, sending: Sending): number {
  const service = createService();
  service.send(fanOut(calls, 'start'), 0, sending);
  return service.send(fanOut(calls, 'end'), 1, sending).outcome.readTokens;
}

describe('2.2 runs of tool calls and results', () => {
  it('2.2: on the Claude API a run is one position, so a wide fan-out stays in the window', () => {
    expect(readFanOut(50, {})).toBe(600);
  });

  it.each(['claude-on-aws', 'bedrock', 'google-cloud', 'foundry'] as const)(
    '2.2: not stated for %s',
    (id) => {
      const platform = PLATFORMS[id];
      expect(readFanOut(9, { platform })).toBe(600);
      expect(readFanOut(10, { platform })).toBe(0);
    },
  );

  it('2.2: runs of calls and of results are two positions', () => {
    const { chain } = createService().send(fanOut(3, 'end'), 0);
    expect(chain.positions).toEqual([0, 1, 1, 1, 2, 2, 2, 3]);
  });

  it('2.2: another block ends a run', () => {
    const { chain } = createService().send(
      {
        model: NEWER,
        messages: [
          assistant(toolUse('1'), text(1), toolUse('2')),
          user(toolResult('1')),
          user(toolResult('2')),
        ],
      },
      0,
    );
    expect(chain.positions).toEqual([0, 1, 2, 3, 3]);
  });

  it('2.2: server tool calls are no runs', () => {
    const call = { type: 'server_tool_use', id: '1', name: 'web_search', input: {} };
    const { chain } = createService().send({ model: NEWER, messages: [assistant(call, call)] }, 0);
    expect(chain.positions).toEqual([0, 1]);
  });

  const results = (count: number, markedAt: readonly number[]): JsonObject => ({
    model: NEWER,
    messages: [
      user(text(600)),
      user(
        ...Array.from({ length: count }, (_, index) => {
          const block = toolResult(`id${index}`);
          return markedAt.includes(index + 1) ? marked(block) : block;
        }),
      ),
    ],
  });

  it('2.2, 15: any entry that ends inside a run matches, latest first', () => {
    const service = createService();
    service.send(results(5, [2, 4]), 0);
    expect(service.send(results(9, [9]), 1).outcome.hit).toEqual({ blockIndex: 4, tokens: 604 });
  });

  it('2.2, 15: switched to "last", only the end of a run matches', () => {
    const service = createService(rulesWith({ collapsedRunEnds: 'last' }));
    service.send(results(5, [2, 4]), 0);
    expect(service.send(results(9, [9]), 1).outcome.readTokens).toBe(0);
    // A breakpoint tests its own block even there.
    expect(service.send(results(5, [4]), 1).outcome.readTokens).toBe(604);
    const whole = createService(rulesWith({ collapsedRunEnds: 'last' }));
    whole.send(results(5, [5]), 0);
    const longer = results(5, []);
    const messages = [...(longer['messages'] as readonly JsonObject[]), user(marked(text(10)))];
    expect(whole.send({ ...longer, messages }, 1).outcome.readTokens).toBe(605);
  });
});

describe('2.3 no markers', () => {
  it('2.3: without a marker nothing is read or written', () => {
    const service = createService();
    expect(counters(service.send(turns(10, []), 0).outcome)).toEqual([0, 0, 0, 1000]);
    service.send(turns(10, [10]), 1);
    const { outcome } = service.send(turns(10, []), 2);
    expect(counters(outcome)).toEqual([0, 0, 0, 1000]);
    expect(outcome.written).toEqual([]);
  });

  it('2.3, 4.3: nor is anything refreshed', () => {
    const service = createService();
    service.send(turns(10, [10]), 0);
    service.send(turns(10, []), 200_000);
    expect(service.send(turns(10, [10]), 300_000).outcome.readTokens).toBe(0);
  });
});
