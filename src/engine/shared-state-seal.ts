import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';

import { secretBytes } from '../runtime/index.ts';

/** What one gateway tells the others. */
export interface SharedBatch {
  /** A name of 16 bytes that the process gave itself. */
  readonly sender: string;
  /** Counts the sender's batches, so that one that arrives twice is taken once. */
  readonly number: number;
  /** When the changes were taken from the planner, by the fleet's clock. */
  readonly drainedMs: number;
  readonly changes: Uint8Array;
}

/** Seals batches, and opens those of gateways with the same secret. */
export interface Sealer {
  /** A name for the place where they meet, which tells nothing of the secret. */
  readonly meetingPlace: string;
  seal(batch: SharedBatch): Uint8Array;
  /** null for what nobody with the secret sealed, or in another format. */
  open(sealed: Uint8Array): SharedBatch | null;
}

/** The first byte of every sealed batch. */
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SENDER_BYTES = 16;
const HEAD_BYTES = SENDER_BYTES + 16;
const CIPHER = 'aes-256-gcm';

/** Made once by each process. */
export function senderName(): string {
  return secretBytes(SENDER_BYTES).toString('latin1');
}

/**
 * AES-256-GCM under a key derived from the fleet's secret: whoever reads the server sees neither prefixes nor habits, and
 * what others put there is not taken for ours.
 */
export function createSealer(secret: Uint8Array): Sealer {
  const key = Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), 'cachewright shared state', 32));
  const format = Buffer.from([FORMAT]);
  return {
    meetingPlace: createHmac('sha256', secret)
      .update('cachewright meeting place')
      .digest('base64url')
      .slice(0, 22),
    seal({ sender, number, drainedMs, changes }) {
      const head = Buffer.alloc(HEAD_BYTES);
      head.write(sender, 'latin1');
      head.writeDoubleLE(number, SENDER_BYTES);
      head.writeDoubleLE(drainedMs, SENDER_BYTES + 8);
      const nonce = secretBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(format);
      const body = [cipher.update(head), cipher.update(changes), cipher.final()];
      return Buffer.concat([format, nonce, ...body, cipher.getAuthTag()]);
    },
    open(sealed) {
      const isOurs = sealed[0] === FORMAT && sealed.length >= 1 + NONCE_BYTES + HEAD_BYTES + TAG_BYTES;
      if (!isOurs) return null;
      const behind = sealed.length - TAG_BYTES;
      const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
      const cipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(format).setAuthTag(sealed.subarray(behind));
      let plain: Buffer;
      try {
        plain = Buffer.concat([cipher.update(sealed.subarray(1 + NONCE_BYTES, behind)), cipher.final()]);
      } catch {
        return null;
      }
      return {
        sender: plain.toString('latin1', 0, SENDER_BYTES),
        number: plain.readDoubleLE(SENDER_BYTES),
        drainedMs: plain.readDoubleLE(SENDER_BYTES + 8),
        changes: new Uint8Array(plain.subarray(HEAD_BYTES)),
      };
    },
  };
}
