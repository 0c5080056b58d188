import type { ServerResponse } from 'node:http';

import type { Timers } from '../runtime/index.ts';
import { encodeSseEvent, messageToSseEvents } from '../wire/index.ts';
import type { PreparedAnswer } from './service.ts';

/** Writes, or ends the connection in the middle when a script says so. */
function write(response: ServerResponse, text: string, budget: { bytesLeft: number }): boolean {
  const bytes = Buffer.from(text);
  if (bytes.length < budget.bytesLeft) {
    budget.bytesLeft -= bytes.length;
    response.write(bytes);
    return true;
  }
  // The last bytes must leave before the socket dies, or the cut would come earlier than scripted.
  response.write(bytes.subarray(0, budget.bytesLeft), () => response.destroy());
  return false;
}

function pause(timers: Timers, delayMs: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const cancel = timers.after(delayMs, resolve);
    response.once('close', () => {
      cancel();
      resolve();
    });
  });
}

async function sendStream(
  response: ServerResponse,
  answer: PreparedAnswer,
  timers: Timers,
  budget: { bytesLeft: number },
): Promise<void> {
  let isFirst = true;
  for (const { event, data } of messageToSseEvents(answer.message, answer.startUsage)) {
    if (!write(response, encodeSseEvent(event, data), budget)) return;
    if (isFirst && answer.script.stallMs !== undefined) await pause(timers, answer.script.stallMs, response);
    if (response.destroyed) return;
    isFirst = false;
  }
  response.end();
}

/** Sends an answer whose time has come: as JSON or as SSE, cut or stalled where the script says so. */
export async function sendAnswer(
  response: ServerResponse,
  requestId: string,
  answer: PreparedAnswer,
  timers: Timers,
): Promise<void> {
  const budget = { bytesLeft: answer.script.cutAfterBytes ?? Infinity };
  if (answer.isStream) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'request-id': requestId,
    });
    return sendStream(response, answer, timers, budget);
  }
  const text = JSON.stringify(answer.message);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'request-id': requestId,
  });
  if (write(response, text, budget)) response.end();
}
