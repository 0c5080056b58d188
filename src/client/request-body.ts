/** A request's body as bytes. */
export interface HeldBody {
  readonly bytes: Buffer;
  /** Too long to be held, or a stream, a form or the like: `bytes` is empty, and the body goes out as it came. */
  readonly isTooLong: boolean;
  /** Other bytes in the kind in which the body came: what is sent next may look at the kind. */
  inKind(bytes: Buffer): string | Uint8Array<ArrayBuffer>;
}

const NOT_HELD: HeldBody = { bytes: Buffer.alloc(0), isTooLong: true, inKind: inBytes };

function inBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function inText(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** A copy: the caller may use its memory again, and the engine remembers parts of bodies. */
function copyOf(body: ArrayBuffer | ArrayBufferView): Buffer {
  const view = ArrayBuffer.isView(body)
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    : new Uint8Array(body);
  return Buffer.from(view);
}

/** Reads what `fetch` would send: text and bytes of at most `bytesMax`. */
export function holdBody(body: unknown, bytesMax: number): HeldBody {
  if (body === undefined || body === null) return { ...NOT_HELD, isTooLong: false };
  if (typeof body === 'string') {
    // A text has at least as many bytes as characters, which are known at no cost.
    const isTooLong = body.length > bytesMax || Buffer.byteLength(body) > bytesMax;
    return isTooLong ? NOT_HELD : { bytes: Buffer.from(body), isTooLong, inKind: inText };
  }
  if (!(body instanceof ArrayBuffer) && !ArrayBuffer.isView(body)) return NOT_HELD;
  return body.byteLength > bytesMax ? NOT_HELD : { bytes: copyOf(body), isTooLong: false, inKind: inBytes };
}
