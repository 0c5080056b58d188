import { refuseForeign } from '../runtime/index.ts';
import type { BatchService } from './batches.ts';
import type { EmulatorClock } from './clock.ts';
import { invalidRequest } from './errors.ts';
import { readControlBody, sendError, sendJson, type Exchange } from './exchange.ts';
import type { EmulatorService } from './service.ts';

/** What `/_emulator/*` steers. */
export interface ControlTarget {
  readonly service: EmulatorService;
  readonly batches: BatchService;
  readonly clock: EmulatorClock;
  readonly host: string;
  /** Requests whose response has not begun. */
  inFlight: number;
}

function advanceClock(target: ControlTarget, exchange: Exchange, body: unknown): void {
  const deltaMs = (body as { advanceMs?: unknown } | null)?.advanceMs;
  if (typeof deltaMs !== 'number' || !Number.isFinite(deltaMs) || deltaMs < 0) {
    return sendError(exchange, invalidRequest('advanceMs must be a number of milliseconds, 0 or more'));
  }
  const nowMs = target.clock.advance(deltaMs);
  if (nowMs === null)
    return sendError(exchange, invalidRequest('the clock is real: start with --clock manual to move it'));
  sendJson(exchange, 200, { nowMs });
}

function reset(target: ControlTarget, exchange: Exchange): void {
  target.service.reset();
  target.batches.reset();
  sendJson(exchange, 200, { nowMs: target.clock.nowMs() });
}

/**
 * Answers `/_emulator/ACTION`; only `entries` is read, the rest changes something. A page in a browser must not
 * reach it: besides `Host` and `Origin` the method is checked, for an image would send a GET without `Origin`.
 */
export async function handleControl(
  target: ControlTarget,
  exchange: Exchange,
  [action]: readonly string[],
): Promise<void> {
  const { request } = exchange;
  const refusal = refuseForeign(request.headers, [target.host]);
  if (refusal) return sendError(exchange, { status: 403, type: 'permission_error', message: refusal });
  const method = action === 'entries' ? 'GET' : 'POST';
  if (request.method !== method) {
    const message = `/_emulator/${action} takes ${method}, not ${request.method}`;
    return sendError(exchange, { status: 405, type: 'invalid_request_error', message });
  }
  if (action === 'entries') {
    return sendJson(exchange, 200, { inFlight: target.inFlight, ...target.service.entries() });
  }
  if (action === 'reset') return reset(target, exchange);
  const read = await readControlBody(request);
  if ('error' in read) return sendError(exchange, read.error);
  if (action === 'clock') return advanceClock(target, exchange, read.value);
  const problem = target.service.appendScript(read.value);
  if (problem) sendError(exchange, invalidRequest(problem));
  else sendJson(exchange, 200, { ok: true });
}
