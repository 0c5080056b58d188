import type { Context, Hono } from 'hono';

import { toUsd, type PicoUsd } from '../core/index.ts';
import { KEEP_ALIVE_STATES, type KeepAliveState, type Keeper } from '../engine/index.ts';

type Totals = ReturnType<Keeper['totals']>['sent'];
type Ping = ReturnType<Keeper['pings']>[number];

/** What may be asked of keep-alive: of one scope, or of all. */
interface KeepAliveOrder {
  readonly scope: string | null;
  /** null: nothing is said of the scope any longer. */
  readonly state: KeepAliveState | null;
}

/** Pings in one answer. */
const PINGS_MAX = 100;
const SCOPE_PATTERN = /^[\w-]{1,64}$/;

/** Money as in records: pico-dollars as a decimal string, and dollars for reading. */
function showMoney(name: string, picoUsd: PicoUsd): Readonly<Record<string, string | number>> {
  return { [`${name}PicoUsd`]: picoUsd.toString(), [`${name}Usd`]: toUsd(picoUsd) };
}

function showTotals({ pings, used, costPicoUsd, savedPicoUsd, netPicoUsd }: Totals): unknown {
  return {
    pings,
    used,
    ...showMoney('cost', costPicoUsd),
    ...showMoney('saved', savedPicoUsd),
    ...showMoney('net', netPicoUsd),
  };
}

function showPing({ costPicoUsd, netPicoUsd, verdict, ...ping }: Ping): unknown {
  return {
    ...ping,
    ...showMoney('cost', costPicoUsd),
    isUsed: verdict?.isUsed ?? null,
    ...showMoney('saved', verdict?.savedPicoUsd ?? 0n),
    ...showMoney('net', netPicoUsd),
  };
}

function show(keeper: Keeper): unknown {
  const { sent, observed } = keeper.totals();
  return {
    state: keeper.state,
    ...keeper.counts(),
    note: keeper.note(),
    totals: showTotals(sent),
    observed: showTotals(observed),
    pings: keeper.pings(PINGS_MAX).map(showPing),
  };
}

/** @returns a sentence for the caller where it is no order */
async function readOrder(context: Context): Promise<KeepAliveOrder | string> {
  const body: unknown = await context.req.json().catch(() => null);
  if (typeof body !== 'object' || body === null) return 'the body must be a JSON object';
  const { state = null, scope = null, ...others } = body as Readonly<Record<string, unknown>>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return 'the members are state and scope';
  const known = KEEP_ALIVE_STATES.find((each) => each === state) ?? null;
  if (known === null && (state !== null || scope === null))
    return `state must be one of ${KEEP_ALIVE_STATES.join(', ')}${scope === null ? '' : ', or null'}`;
  if (scope !== null && (typeof scope !== 'string' || !SCOPE_PATTERN.test(scope)))
    return 'scope must be a pseudonym as records have it';
  return { scope, state: known };
}

/** `GET` shows what keep-alive has done; `POST {"state","scope"?}` turns it on and off, at once. */
export function addKeepAliveRoutes(app: Hono, keeper: Keeper): void {
  app.get('/api/v1/keep-alive', (context) => context.json(show(keeper)));
  app.post('/api/v1/keep-alive', async (context) => {
    const order = await readOrder(context);
    if (typeof order === 'string') return context.json({ error: order }, 400);
    keeper.order(order.scope, order.state);
    return context.json(show(keeper));
  });
}
