import type { IncomingMessage } from 'node:http';

import { startServer, type Clock, type RunningServer, type Timers } from '../runtime/index.ts';
import { createBatches } from './batches.ts';
import { manualClock, realClock } from './clock.ts';
import { handleControl, type ControlTarget } from './control.ts';
import { notFound, type ApiError } from './errors.ts';
import { headerOf, readApiBody, sendError, sendJson, type Exchange } from './exchange.ts';
import { findModel, listModels } from './models.ts';
import { pageOf } from './paging.ts';
import { sendAnswer } from './send.ts';
import { createService, type IncomingRequest, type ServiceOptions } from './service.ts';

/** Options of an emulator; see the CLI's `emulate`. */
export interface EmulatorOptions extends ServiceOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: 'real' | 'manual';
  /** The machine's time and timers, for `clock: 'real'`. */
  readonly systemClock: Clock;
  readonly timers: Timers;
}

/** Everything that a route needs. */
interface Context extends ControlTarget {
  readonly timers: Timers;
  readonly isManual: boolean;
}

/** The workspace that a request belongs to: the header, else the credential itself. */
function workspaceOf(request: IncomingMessage): string {
  const bearer = headerOf(request, 'authorization')?.replace(/^bearer\s+/i, '');
  return headerOf(request, 'anthropic-workspace-id') ?? headerOf(request, 'x-api-key') ?? bearer ?? 'default';
}

function describeRequest(request: IncomingMessage, body: unknown, isManual: boolean): IncomingRequest {
  const delay = isManual ? headerOf(request, 'x-emulator-begin-after-ms') : null;
  const betas = headerOf(request, 'anthropic-beta') ?? '';
  return {
    body,
    workspace: workspaceOf(request),
    betas: betas
      .split(',')
      .map((beta) => beta.trim())
      .filter((beta) => beta !== ''),
    beginAfterMs: delay === null ? null : Math.max(0, Number(delay) || 0),
  };
}

async function handleMessages(context: Context, exchange: Exchange): Promise<void> {
  const read = await readApiBody(exchange.request);
  if ('error' in read) return sendError(exchange, read.error);
  const result = context.service.messages(describeRequest(exchange.request, read.value, context.isManual));
  if ('error' in result) return sendError(exchange, result.error);
  const left = new AbortController();
  exchange.response.once('close', () => left.abort());
  context.inFlight += 1;
  const hasBegun = await context.clock.waitUntil(result.answer.beginMs, left.signal);
  context.inFlight -= 1;
  if (!hasBegun) return result.answer.abandon();
  await sendAnswer(exchange.response, exchange.requestId, result.answer, context.timers);
}

async function handleCountTokens(context: Context, exchange: Exchange): Promise<void> {
  const read = await readApiBody(exchange.request);
  if ('error' in read) return sendError(exchange, read.error);
  const result = context.service.countTokens(read.value);
  if ('error' in result) return sendError(exchange, result.error);
  sendJson(exchange, 200, { input_tokens: result.tokens });
}

function queryOf(exchange: Exchange): URLSearchParams {
  return new URLSearchParams(exchange.request.url?.split('?')[1] ?? '');
}

function sendPage(exchange: Exchange, items: readonly { readonly id: string }[]): void {
  const paged = pageOf(items, queryOf(exchange));
  if ('error' in paged) sendError(exchange, paged.error);
  else sendJson(exchange, 200, paged.page);
}

/** `/v1/messages/batches`: make one, or list them. */
async function handleBatchList(context: Context, exchange: Exchange, baseUrl: string): Promise<void> {
  const { request } = exchange;
  if (request.method !== 'POST') {
    return sendPage(exchange, context.batches.list(workspaceOf(request), baseUrl));
  }
  const read = await readApiBody(request);
  if ('error' in read) return sendError(exchange, read.error);
  const incoming = describeRequest(request, read.value, false);
  sendOutcome(exchange, context.batches.create(incoming, context.clock.nowMs(), baseUrl));
}

function sendOutcome(
  exchange: Exchange,
  outcome: { readonly body: unknown } | { readonly error: ApiError },
): void {
  if ('error' in outcome) sendError(exchange, outcome.error);
  else sendJson(exchange, 200, outcome.body);
}

function sendResults(context: Context, exchange: Exchange, id: string): void {
  const results = context.batches.results(id, workspaceOf(exchange.request));
  if ('error' in results) return sendError(exchange, results.error);
  exchange.response.writeHead(200, {
    'content-type': 'application/x-jsonl',
    'request-id': exchange.requestId,
  });
  exchange.response.end(results.text);
}

async function handleBatches(
  context: Context,
  exchange: Exchange,
  [id, action]: readonly string[],
): Promise<void> {
  const { request } = exchange;
  const baseUrl = `http://${headerOf(request, 'host') ?? context.host}`;
  if (id === undefined) return handleBatchList(context, exchange, baseUrl);
  if (action === 'results') return sendResults(context, exchange, id);
  const workspace = workspaceOf(request);
  // A batch has always ended, so that cancelling it changes nothing.
  const isRemoval = request.method === 'DELETE';
  const { batches } = context;
  sendOutcome(exchange, isRemoval ? batches.remove(id, workspace) : batches.get(id, workspace, baseUrl));
}

function handleModels(_context: Context, exchange: Exchange, [id]: readonly string[]): void {
  if (id === undefined) return sendPage(exchange, listModels());
  const found = findModel(decodeName(id));
  if (found) sendJson(exchange, 200, found);
  else sendError(exchange, notFound(`model: ${id.slice(0, 80)}`));
}

type Handler = (context: Context, exchange: Exchange, parts: readonly string[]) => void | Promise<void>;

/** What each path does; the first pattern that fits wins, its groups are passed on. */
const ROUTES: readonly (readonly [method: string, path: RegExp, run: Handler])[] = [
  ['POST', /^\/v1\/messages$/, handleMessages],
  ['POST', /^\/v1\/messages\/count_tokens$/, handleCountTokens],
  ['*', /^\/v1\/messages\/batches(?:\/([^/]+)(?:\/(results|cancel))?)?$/, handleBatches],
  ['GET', /^\/v1\/models(?:\/([^/]+))?$/, handleModels],
  ['*', /^\/_emulator\/(clock|reset|entries|script)$/, handleControl],
  // Clients ask these before they send anything.
  ['*', /^\/(?:api\/hello)?$/, (_context, exchange) => sendJson(exchange, 200, { emulator: 'cachewright' })],
];

async function route(context: Context, exchange: Exchange): Promise<void> {
  const { method = 'GET', url = '/' } = exchange.request;
  const path = url.split('?')[0] ?? '/';
  for (const [wanted, pattern, run] of ROUTES) {
    const match = wanted === '*' || wanted === method ? pattern.exec(path) : null;
    const parts = match?.slice(1).filter((part) => part !== undefined);
    if (parts) return run(context, exchange, parts);
  }
  sendError(exchange, notFound(`${method} ${path} is not served by the emulator`));
}

/** A name from a path; one that is no valid encoding stands for itself. */
function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Starts an emulator; all options given. `startEmulator` has the defaults. */
export async function serveEmulator(options: EmulatorOptions): Promise<RunningServer> {
  const isManual = options.clock === 'manual';
  const clock = isManual ? manualClock() : realClock(options.systemClock, options.timers);
  const service = createService(options, clock);
  const context: Context = {
    service,
    batches: createBatches(service, options.formatTime),
    clock,
    timers: options.timers,
    host: options.host,
    isManual,
    inFlight: 0,
  };
  return startServer((request, response) => {
    const exchange: Exchange = { request, response, requestId: service.createId('req') };
    route(context, exchange).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else sendError(exchange, { status: 500, type: 'api_error', message: `emulator: ${message}` });
    });
  }, options);
}
