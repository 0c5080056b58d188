/** Keeps bodies in a folder as fast as a busy gateway would, and says how many it has handed over. */
import { openBodies } from '../../src/ledger/index.ts';
import { pass } from './seen.ts';

const [folder = '', round = ''] = process.argv.slice(2);
const bodies = await openBodies(folder);
let passed = 0;

setInterval(() => {
  for (let index = 0; index < 20; index += 1) {
    passed += 1;
    const request = JSON.stringify({ text: `sk-ant-api03-TopSecretOfMine and ${'word '.repeat(200)}` });
    pass(bodies, `${round}-${passed}`, { request, answer: request, atMs: Date.now() });
  }
  process.send?.(passed, undefined, {}, () => undefined);
}, 10);
