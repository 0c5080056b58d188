import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, test, vi } from 'vitest';

import type { Mode, TrafficFinding } from '../../src/engine/index.ts';
import { isObject } from '../../src/core/index.ts';
import { TrafficWatch } from '../../src/planner/index.ts';
import { begin, createTestEngine, openWith, type TestEngine } from '../support/engine.ts';
import { adversaries, culprits, harmless, prose, type Traffic } from './adversarial-traffic.ts';

const REQUESTS = 240;

/** An engine that was asked all of it. */
function watched({ gapMs, make }: Traffic, mode: Mode = 'optimize', requests = REQUESTS): TestEngine {
  const engine = createTestEngine({ mode });
  for (let request = 0; request < requests; request += 1) {
    begin(openWith(engine, make(request)));
    engine.advance(gapMs);
  }
  return engine;
}

function findingsIn(traffic: Traffic | undefined, mode: Mode = 'optimize'): readonly TrafficFinding[] {
  if (!traffic) throw new Error('no such traffic');
  return watched(traffic, mode).findings();
}

const told = (findings: readonly TrafficFinding[]): string[] => [
  ...new Set(findings.map(({ code, path }) => `${code} ${path}`)),
];

describe('names the culprit', () => {
  const bad = { ...adversaries(), ...culprits() };

  test.each([
    ['every request unique', 'nothing-repeats null'],
    ['distinct prefixes, ten a second', 'nothing-repeats null'],
    ['prefixes just beyond the hour', 'expires-before-reuse system'],
    ['the order of tools churns', 'tool-order tools'],
    ['a timestamp first in the system prompt', 'volatile-text system'],
    ['session', 'volatile-text system.1.text'],
    ['schema', 'tool-keys tools.3'],
    ['tools', 'tools-alternate tools'],
    ['system', 'system-alternate system.0'],
    ['thinking', 'settings-alternate messages'],
    ['short', 'below-minimum system'],
    ['marker', 'breakpoint-never-read messages.0.content.0'],
    ['handbook', 'volatile-text messages.0.content'],
  ])('%s: %s', (name, expected) => {
    const findings = findingsIn(bad[name]);
    expect(told(findings)[0]).toBe(expected);
  });

  test('kind and bytes of a timestamp', () => {
    const [first] = findingsIn(bad['a timestamp first in the system prompt']);
    expect(first?.ranges).toEqual([{ kind: 'date', startByte: 6, endByte: 30 }]);
  });

  test('kind of an id', () => {
    const [first] = findingsIn(bad['session']);
    expect(first?.ranges.map(({ kind }) => kind)).toEqual(['id']);
  });

  test('prefixes just beyond five minutes, where only five minutes are asked for', () => {
    const findings = findingsIn(culprits()['late'], 'observe');
    expect(findings.map(({ code, ttl }) => `${code} ${ttl}`)).toEqual(
      Array.from({ length: 6 }, () => 'expires-before-reuse 5m'),
    );
  });

  test('and they are gone where an hour is asked for', () => {
    expect(findingsIn(culprits()['late'])).toEqual([]);
  });
});

describe('finds nothing where nothing is wrong', () => {
  test.each(Object.entries(harmless()))('%s', (_name, traffic) => {
    expect(told(findingsIn(traffic))).toEqual([]);
  });
});

describe('a finding', () => {
  const [finding] = findingsIn(adversaries()['a timestamp first in the system prompt']);

  it('says how often, of how many, and what it cost', () => {
    if (!finding) throw new Error('nothing found');
    expect(finding.requests).toBeGreaterThan(REQUESTS * 0.9);
    expect(finding.requests).toBeLessThanOrEqual(REQUESTS);
    expect(finding.seen).toBe(finding.requests - 1);
    // Opus 5.5: 4 dollars a million tokens, and 0.2 for reading them.
    expect(finding.costPicoUsd).toBe(BigInt(finding.lostTokens) * 3_800_000n);
    // All of the system prompt but the date, which is a few tokens.
    expect(finding.lostTokens / finding.seen).toBeGreaterThan(1200);
  });

  it('holds nothing of the prompt', () => {
    const text = JSON.stringify([finding], (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(text).not.toContain('2026-11');
    for (const word of ['ledger', 'invoice', 'deadline']) expect(text).not.toContain(word);
  });
});

describe('keeps scopes and models apart', () => {
  it('by the credential', () => {
    const engine = createTestEngine();
    const { make } = adversaries()['a timestamp first in the system prompt'] as Traffic;
    for (let request = 0; request < 20; request += 1) {
      begin(openWith(engine, make(request), { 'x-api-key': 'one' }));
      begin(openWith(engine, { ...make(0), model: 'claude-haiku-5-5' }, { 'x-api-key': 'two' }));
    }
    const findings = engine.findings();
    expect(findings.map(({ model }) => model)).toEqual(['claude-opus-5-5']);
    expect(new Set(findings.map(({ scope }) => scope)).size).toBe(1);
  });
});

describe('what the watch costs others', () => {
  it('is nothing: a mode that reads no body has no findings', () => {
    expect(findingsIn(culprits()['session'], 'off')).toEqual([]);
  });

  it('is nothing where it fails: the request goes out as planned, and the failure is counted', () => {
    const broken = vi.spyOn(TrafficWatch.prototype, 'observe').mockImplementation(() => {
      throw new Error('no watching today');
    });
    const engine = createTestEngine();
    const body = {
      model: 'claude-opus-5-5',
      system: prose(900, 1),
      messages: [{ role: 'user', content: 'Hi' }],
    };
    const sent = openWith(engine, body).bytes.toString();
    broken.mockRestore();
    expect(sent).toContain('cache_control');
    expect(engine.counters).toEqual({ failedAnalyses: 0, failedAccounts: 1, refusedPlans: 0 });
  });
});

/** Requests of real clients, kept beside the repository and not part of it. */
const folder = new URL('../../../shared/captures/', import.meta.url);
const isThere = existsSync(folder);
const files = isThere ? readdirSync(folder).filter((name) => name.endsWith('.jsonl.gz')) : [];

describe.skipIf(!isThere)('requests of real clients', () => {
  test.each(files)('%s: nothing wrong is found', (file) => {
    const engine = createTestEngine();
    const lines = gunzipSync(readFileSync(new URL(file, folder)))
      .toString('utf8')
      .split('\n');
    for (const line of lines.filter(Boolean)) {
      const { path, body } = JSON.parse(line);
      if (!isObject(body) || !/\/v1\/messages(\?|$)/.test(path)) continue;
      begin(openWith(engine, body));
      engine.advance(20_000);
    }
    expect(told(engine.findings())).toEqual([]);
  });
});
