import type { AlertList, IntegrityReport, KeepAlive } from '../../web/src/data/types.ts';

const AT_MS = Date.UTC(2026, 10, 22, 14);
const MODEL = 'claude-opus-5-5';

/** Keep-alive that has cost more than it saved. */
export const keepAliveOfADay: KeepAlive = {
  state: 'on',
  kept: 4,
  letGo: { budget: 2, not_worth: 11 },
  failures: 1,
  note: 'the budget of this hour is spent',
  totals: { pings: 31, used: 12, costUsd: 3.1, savedUsd: 1.8, netUsd: -1.3 },
  observed: { pings: 0, used: 0, costUsd: 0, savedUsd: 0, netUsd: 0 },
  pings: [
    {
      id: 'p1',
      atMs: AT_MS,
      model: MODEL,
      status: 200,
      isUsed: true,
      costUsd: 0.1,
      savedUsd: 0.6,
      netUsd: 0.5,
    },
    {
      id: 'p2',
      atMs: AT_MS,
      model: MODEL,
      status: 200,
      isUsed: null,
      costUsd: 0.1,
      savedUsd: 0,
      netUsd: -0.1,
    },
    { id: 'p3', atMs: AT_MS, model: MODEL, status: 529, isUsed: null, costUsd: 0, savedUsd: 0, netUsd: 0 },
  ],
};

const bad = {
  rule: 'hit-ratio-drop',
  state: 'firing',
  atMs: AT_MS,
  samples: 64,
  sentence: `the hit ratio of ${MODEL} in scope abc is 31.0 %, where 92.4 % was usual.`,
};

/** A hit ratio that fell, and bills that nothing explains. */
export const alertsOfABadDay: { readonly alerts: AlertList; readonly integrity: IntegrityReport } = {
  alerts: {
    firing: [bad],
    alerts: [
      bad,
      {
        ...bad,
        rule: 'error-rate',
        state: 'resolved',
        sentence: 'the share of failed requests is 0.2 %: it is good again.',
      },
    ],
  },
  integrity: {
    checked: 400,
    fitting: 397,
    counts: [{ code: 'read_less', requests: 3, unexplained: 2 }],
    findings: [
      {
        code: 'read_less',
        cause: 'unexplained',
        requestId: 'req_1',
        atMs: AT_MS,
        model: MODEL,
        expectedTokens: 12_000,
        billedTokens: 0,
        sentence: 'less was read than should have been there.',
      },
    ],
  },
};
