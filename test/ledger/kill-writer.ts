/** Adds records to the ledger of a folder as fast as a busy gateway would, and says after each handful what it has added. */
import { openSqliteLedger } from '../../src/ledger/index.ts';
import { costOf, ownCostOf, recordOf } from '../support/record.ts';

const [folder = '', round = ''] = process.argv.slice(2);
const ledger = await openSqliteLedger(folder);
let added = 0;

setInterval(() => {
  for (let index = 0; index < 10; index += 1) {
    added += 1;
    ledger.add(
      recordOf({
        id: `${round}-${added}`,
        atMs: Date.now(),
        scope: `s${added % 5}`,
        tags: [`t${added % 3}`],
        cost: costOf(1n),
        misses: [],
      }),
    );
    if (index === 0)
      ledger.addOwn(ownCostOf({ id: `${round}-own-${added}`, atMs: Date.now(), costPicoUsd: 1n }));
  }
  process.send?.({ added, atMs: Date.now() });
}, 10);
