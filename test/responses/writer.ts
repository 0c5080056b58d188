/** A process that fills a file with answers until it is killed; says how many it has given. */
import { openSqliteCache, responseCache } from '../../src/responses/index.ts';
import { answerText, HEADERS, jsonAnswer, request, textOf } from './upstream.ts';

const [file = '', from = '0'] = process.argv.slice(2);
const cache = responseCache({
  store: await openSqliteCache({ file }),
  secret: 'a secret that is long enough',
  memoryBytesMax: 1,
});

for (let number = Number(from); ; number += 1) {
  const call = { body: request({ number: number % 40 }), headers: HEADERS };
  const answer = await cache.answer(call, async () => jsonAnswer(answerText(number % 40)));
  await textOf(answer.body);
  await cache.settle();
  process.stdout.write('.');
}
