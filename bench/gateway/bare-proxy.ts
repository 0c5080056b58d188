/** The least that a proxy can be: node:http in front, undici's `dispatch` behind, bytes passed as they come. */
import { createServer } from 'node:http';

import { Agent } from 'undici';

const [origin = ''] = process.argv.slice(2);
const agent = new Agent();

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const options = {
      origin,
      path: request.url ?? '/',
      method: 'POST',
      headers,
      body: Buffer.concat(chunks),
    } as const;
    agent.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart(_controller, status, received) {
        const { connection: _c, 'transfer-encoding': _t, 'keep-alive': _k, ...passed } = received;
        response.writeHead(status, passed);
      },
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    });
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
