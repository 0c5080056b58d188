import { createConnection, type Socket } from 'node:net';

import type { AbstractConnector, StandaloneConnectionOptions } from 'ioredis';

/** Node reads 64 KiB at a time, of which a value is soon a part of two; here many values come as a whole. */
const READ_BYTES = 256 * 1024;

type Connector = new (options: unknown) => AbstractConnector;

/**
 * Makes a connector of the client's own base class. Its connections take in at once what has come, into one buffer that is
 * used again, and give on a copy that is just as long: half of the memory that large values otherwise take, and of the
 * collecting of it. Without TLS, for there the client's own must do.
 */
export function wideReads(Base: typeof AbstractConnector): Connector {
  return class WideReads extends Base {
    readonly #options: StandaloneConnectionOptions;

    constructor(options: unknown) {
      const given = options as StandaloneConnectionOptions;
      super(given.disconnectTimeout ?? 0);
      this.#options = given;
    }

    override connect(): Promise<Socket> {
      this.connecting = true;
      const { host = 'localhost', port = 6379, family } = this.#options;
      const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
      const stream: Socket = createConnection({
        host,
        port,
        ...(family === undefined ? {} : { family }),
        onread: {
          buffer,
          callback(bytes) {
            stream.emit('data', Buffer.from(buffer.subarray(0, bytes)));
            return true;
          },
        },
      });
      this.stream = stream;
      stream.once('error', (error) => (this.firstError = error));
      return Promise.resolve(stream);
    }
  };
}
