/**
 * The least that gives an answer: node:http, which reads the request and sends the same bytes to everybody. Also the
 * upstream of the gateways that are measured, so that all of them give these bytes. With the URL of a Redis server it
 * fetches them there for each request, with a plain GET. Prints its port.
 *
 *     node bench/responses/answer-server.ts ANSWER_BYTES [REDIS_URL]
 */
import { createServer } from 'node:http';

import { Redis } from 'ioredis';

const [bytes = '4096', redisUrl] = process.argv.slice(2);
const KEY = 'bench:answer';

/** A message as the API gives it, of so many bytes. */
function makeAnswer(size: number): Buffer {
  const make = (text: string): Buffer =>
    Buffer.from(
      JSON.stringify({
        id: 'msg_bench',
        type: 'message',
        role: 'assistant',
        model: 'claude-sonnet-5-5',
        content: [{ type: 'text', text }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: 512, output_tokens: Math.round(size / 4) },
      }),
    );
  // Sentences that differ, for text of one sentence alone would be compressed to nothing.
  let text = '';
  for (let index = 0; text.length < size; index += 1)
    text += `Parcel ${(index * 7919) % 10_007} left the warehouse ${(index * 31) % 24} hours ago, bound for dock ${(index * 104_729) % 997}. `;
  return make(text.slice(0, size - make('').length));
}

const answer = makeAnswer(Number(bytes));
const redis = redisUrl === undefined ? null : new Redis(redisUrl);
await redis?.set(KEY, answer);

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (!redis) return send(answer);
    redis.getBuffer(KEY).then(
      (found) => send(found ?? Buffer.alloc(0)),
      () => response.destroy(),
    );
    return undefined;
  });

  function send(body: Buffer): void {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  }
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
