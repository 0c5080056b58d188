import type { Transform } from 'node:stream';

import { createJsonUsageTap, createSseUsageTap, type UsageReading, type UsageTap } from '../wire/index.ts';
import { decoderFor } from './encodings.ts';

/** Reads usage beside a response whose bytes pass untouched. */
export interface ResponseTap {
  push(chunk: Uint8Array): void;
  /** Calls back once with all that could be read, also after a response that broke off. */
  finish(done: (reading: UsageReading) => void): void;
}

/** Decoded bytes past which a compressed answer is no longer read, against decompression bombs. */
const DECODED_BYTES_MAX = 64 * 1024 * 1024;

function plainTap(tap: UsageTap): ResponseTap {
  return {
    push: (chunk) => tap.push(chunk),
    finish(done) {
      tap.end();
      done(tap.result());
    },
  };
}

function decodedTap(tap: UsageTap, decoder: Transform): ResponseTap {
  let size = 0;
  let isOver = false;
  let done: ((reading: UsageReading) => void) | null = null;
  const settle = (): void => {
    if (isOver) return;
    isOver = true;
    tap.end();
    done?.(tap.result());
  };
  decoder.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > DECODED_BYTES_MAX) decoder.destroy();
    else tap.push(chunk);
  });
  decoder.once('end', settle);
  decoder.once('close', settle);
  decoder.once('error', settle);
  return {
    push(chunk) {
      if (!isOver) decoder.write(chunk);
    },
    finish(callback) {
      if (isOver) return callback(tap.result());
      done = callback;
      decoder.end();
    },
  };
}

/** A tap for an answer of this type and encoding; null when there is nothing that we could read. */
export function createResponseTap(contentType: string, contentEncoding: string): ResponseTap | null {
  const type = contentType.toLowerCase();
  const isStream = type.includes('text/event-stream');
  if (!isStream && !type.includes('json')) return null;
  const tap = isStream ? createSseUsageTap() : createJsonUsageTap();
  const decoder = decoderFor(contentEncoding);
  if (decoder === 'plain') return plainTap(tap);
  return decoder && decodedTap(tap, decoder.stream());
}
