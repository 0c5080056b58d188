import type { AuditPart, AuditPolicy, AuditReport, Money, PartName } from '../../src/audit/index.ts';

const PAID_USD = 3_139.97;

function money(usd: number): Money {
  return { picoUsd: BigInt(Math.round(usd * 1e12)).toString(), usd };
}

function part(name: PartName, label: string, costUsd: number, beyondUsd: number): AuditPart {
  return {
    name,
    label,
    isMiss: beyondUsd > 0,
    calls: 412,
    tokens: 5_120_331,
    cost: money(costUsd),
    beyondReading: money(beyondUsd),
  };
}

function policy(name: AuditPolicy['name'], label: string, costUsd: number): AuditPolicy {
  return { name, label, cost: money(costUsd), saved: money(PAID_USD - costUsd) };
}

/** An audit's result of the size and shape of a real one. */
export function makeAuditReport(): AuditReport {
  return {
    files: 212,
    calls: 19_805,
    repeatedCalls: 311,
    estimatedCalls: 4,
    conversations: 731,
    fromMs: Date.UTC(2026, 8, 1),
    toMs: Date.UTC(2026, 10, 20),
    paid: money(PAID_USD),
    tokens: {
      total: 2_310_000_000,
      read: 2_190_000_000,
      write5m: 61_000_000,
      write1h: 52_000_000,
      uncached: 7_000_000,
      output: 14_000_000,
    },
    hitRatio: {
      byTokens: { numerator: 2_190_000_000, denominator: 2_310_000_000, ratio: 219 / 231 },
      byRequests: { numerator: 18_774, denominator: 19_805, ratio: 18_774 / 19_805 },
    },
    parts: [
      part('read', 'read from the cache', 1_095.21, 0),
      part('expired', 'expired', 741.03, 681.11),
      part('output', 'output', 610.4, 0),
      part('new_content', 'new content', 480.33, 0),
      part('start', 'start of a conversation', 121, 96.4),
      part('changed_system', 'changed prefix: system', 60, 55.1),
      part('unknown', 'unknown', 32, 28),
      part('in_flight', 'sent before it was readable', 0, 0),
    ],
    hourWrites: {
      tokens: 52_000_000,
      cost: money(520),
      paid: { tokens: 30_000_000, premium: money(112.5) },
      notNeeded: { tokens: 12_000_000, premium: money(45) },
      neverRead: { tokens: 10_000_000, premium: money(37.5) },
    },
    policies: [
      policy('no-caching', 'no caching', 12_411.2),
      policy('always-1h', 'everything at 1h', 3_211.4),
      policy('cachewright', 'Cachewright', 2_902.1),
    ],
    changes: [
      {
        name: 'keep-alive',
        title: 'Keep long prefixes alive over pauses',
        detail: 'Entries of 20,000 tokens and more expired 412 times and were written again.',
        saved: money(127.02),
      },
      {
        name: 'stable-system',
        title: 'Keep the system prompt the same',
        detail: 'It changed within 31 conversations, mostly by a date.',
        saved: money(55.1),
      },
    ],
    models: [
      { model: 'claude-opus-4-8', calls: 12_000, cost: money(2_900) },
      { model: 'claude-haiku-4-5', calls: 7_805, cost: money(239.97) },
    ],
    assumptions: ['Prices are those of the day of each call.'],
    notes: [
      {
        path: '/home/someone/.claude/projects/a-project-with-a-long-name/4be5aa0c-0000-4000-8000-000000000000.jsonl',
        note: 'the last line is cut off: passed over',
      },
    ],
    moreNotes: 3,
  };
}
