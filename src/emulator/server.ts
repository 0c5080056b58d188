import type { IncomingMessage, ServerResponse } from 'node:http';

import {
  BodyTooLargeError,
  readRequestBody,
  refuseForeign,
  startServer,
  type Clock,
  type RunningServer,
  type Timers,
} from '../runtime/index.ts';
import { parseBody } from '../wire/index.ts';
import { createBatches, type BatchService } from './batches.ts';
import { manualClock, realClock, type EmulatorClock } from './clock.ts';
import { errorBody, invalidRequest, notFound, type ApiError } from './errors.ts';
import { findModel, listModels } from './models.ts';
import { sendAnswer } from './send.ts';
import { createService, type EmulatorService, type IncomingRequest, type ServiceOptions } from './service.ts';

/** Options of an emulator; see the CLI's `emulate`. */
export interface EmulatorOptions extends ServiceOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: 'real' | 'manual';
  /** The machine's time and timers, for `clock: 'real'`. */
  readonly systemClock: Clock;
  readonly timers: Timers;
  readonly formatTime: (timeMs: number) => string;
}

/** Longest body, as the API's own limit. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** Everything that a route needs. */
interface Context {
  readonly service: EmulatorService;
  readonly batches: BatchService;
  readonly clock: EmulatorClock;
  readonly timers: Timers;
  readonly host: string;
  readonly isManual: boolean;
  /** Requests whose response has not begun. */
  inFlight: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
}

function sendJson(
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  exchange.response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'request-id': exchange.requestId,
    ...headers,
  });
  exchange.response.end(bytes);
}

function sendError(exchange: Exchange, error: ApiError): void {
  const headers = error.retryAfterS === undefined ? {} : { 'retry-after': String(error.retryAfterS) };
  sendJson(exchange, error.status, errorBody(error, exchange.requestId), headers);
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return Array.isArray(value) ? (value[0] ?? null) : (value ?? null);
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

type ReadBody = { readonly value: unknown } | { readonly error: ApiError };

async function readJson(request: IncomingMessage): Promise<ReadBody> {
  try {
    const parsed = parseBody(await readRequestBody(request, BODY_BYTES_MAX));
    if (parsed.ok) return { value: parsed.value };
    return { error: invalidRequest(`The request body is not valid JSON: ${parsed.reason}`) };
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    return { error: { status: 413, type: 'request_too_large', message: error.message } };
  }
}

async function handleMessages(context: Context, exchange: Exchange): Promise<void> {
  const read = await readJson(exchange.request);
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
  const read = await readJson(exchange.request);
  if ('error' in read) return sendError(exchange, read.error);
  const result = context.service.countTokens(read.value);
  if ('error' in result) return sendError(exchange, result.error);
  sendJson(exchange, 200, { input_tokens: result.tokens });
}

async function handleBatches(context: Context, exchange: Exchange, parts: readonly string[]): Promise<void> {
  const { request } = exchange;
  const [id, action] = parts;
  const baseUrl = `http://${headerOf(request, 'host') ?? context.host}`;
  const workspace = workspaceOf(request);
  const reply = (outcome: { readonly body: unknown } | { readonly error: ApiError }): void =>
    'error' in outcome ? sendError(exchange, outcome.error) : sendJson(exchange, 200, outcome.body);
  if (id === undefined) {
    if (request.method === 'GET') return sendJson(exchange, 200, context.batches.list(workspace, baseUrl));
    const read = await readJson(request);
    if ('error' in read) return sendError(exchange, read.error);
    const incoming = describeRequest(request, read.value, false);
    return reply(context.batches.create(incoming, context.clock.nowMs(), baseUrl));
  }
  if (action === 'results') {
    const results = context.batches.results(id, workspace);
    if ('error' in results) return sendError(exchange, results.error);
    exchange.response.writeHead(200, {
      'content-type': 'application/x-jsonl',
      'request-id': exchange.requestId,
    });
    exchange.response.end(results.text);
    return;
  }
  reply(
    request.method === 'DELETE'
      ? context.batches.remove(id, workspace)
      : context.batches.get(id, workspace, baseUrl),
  );
}

function handleModels(_context: Context, exchange: Exchange, [id]: readonly string[]): void {
  if (id === undefined) return sendJson(exchange, 200, listModels());
  const found = findModel(decodeURIComponent(id));
  if (found) sendJson(exchange, 200, found);
  else sendError(exchange, notFound(`model: ${id.slice(0, 80)}`));
}

async function handleControl(context: Context, exchange: Exchange, [action]: readonly string[]): Promise<void> {
  const refusal = refuseForeign(exchange.request.headers, [context.host]);
  if (refusal) return sendError(exchange, { status: 403, type: 'permission_error', message: refusal });
  if (action === 'entries') {
    return sendJson(exchange, 200, { inFlight: context.inFlight, ...context.service.entries() });
  }
  if (action === 'reset') {
    context.service.reset();
    context.batches.reset();
    return sendJson(exchange, 200, { nowMs: context.clock.nowMs() });
  }
  const read = await readJson(exchange.request);
  if ('error' in read) return sendError(exchange, read.error);
  if (action === 'script') {
    const problem = context.service.appendScript(read.value);
    return problem ? sendError(exchange, invalidRequest(problem)) : sendJson(exchange, 200, { ok: true });
  }
  advanceClock(context, exchange, read.value);
}

function advanceClock(context: Context, exchange: Exchange, body: unknown): void {
  const deltaMs = (body as { advanceMs?: unknown } | null)?.advanceMs;
  if (typeof deltaMs !== 'number' || !Number.isFinite(deltaMs) || deltaMs < 0) {
    return sendError(exchange, invalidRequest('advanceMs must be a number of milliseconds, 0 or more'));
  }
  const nowMs = context.clock.advance(deltaMs);
  if (nowMs === null)
    return sendError(exchange, invalidRequest('the clock is real: start with --clock manual to move it'));
  sendJson(exchange, 200, { nowMs });
}

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

type Handler = (context: Context, exchange: Exchange, parts: readonly string[]) => void | Promise<void>;

async function route(context: Context, exchange: Exchange): Promise<void> {
  const { method = 'GET', url = '/' } = exchange.request;
  const path = url.split('?')[0] ?? '/';
  for (const [wanted, pattern, run] of ROUTES) {
    const match = wanted === '*' || wanted === method ? pattern.exec(path) : null;
    if (match) return run(context, exchange, match.slice(1).filter((part) => part !== undefined));
  }
  sendError(exchange, notFound(`${method} ${path} is not served by the emulator`));
}

/** Starts an emulator; all options given. `startEmulator` has the defaults. */
export async function serveEmulator(options: EmulatorOptions): Promise<RunningServer> {
  const isManual = options.clock === 'manual';
  const clock = isManual ? manualClock() : realClock(options.systemClock, options.timers);
  const service = createService(options, clock);
  const batches = createBatches(service, options.formatTime);
  const context: Context = {
    service,
    batches,
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
