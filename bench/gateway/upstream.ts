/** An upstream that answers at once with a fixed message, as JSON or as a stream of events. Prints its port. */
import { createServer } from 'node:http';

const usage = {
  input_tokens: 12,
  cache_creation_input_tokens: 100,
  cache_read_input_tokens: 4000,
  cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 0 },
  output_tokens: 40,
};
const message = {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5-5',
  content: [{ type: 'text', text: 'It is on its way and will arrive on Thursday. '.repeat(40) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
};
const json = Buffer.from(JSON.stringify(message));

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

const DELTAS = 50;
const streamed = [
  event('message_start', { message: { ...message, content: [], stop_reason: null } }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ...Array.from({ length: DELTAS }, (_, index) =>
    event('content_block_delta', {
      index: 0,
      delta: { type: 'text_delta', text: `It is on its way, part ${index}. ` },
    }),
  ),
  event('content_block_stop', { index: 0 }),
  event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage }),
  event('message_stop', {}),
];

const server = createServer((request, response) => {
  let isStream = false;
  request.on('data', (chunk: Buffer) => {
    // The member stands near the beginning of every body of the benchmark.
    if (!isStream) isStream = chunk.subarray(0, 200).includes('"stream":true');
  });
  request.on('end', () => {
    if (!isStream) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length });
      response.end(json);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const part of streamed) response.write(part);
    response.end();
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
