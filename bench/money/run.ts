/**
 * What the gateway makes of recorded requests: every capture is sent to an emulator, directly and through a gateway, at the
 * times of the recording, and the input bills are compared. `--strip` takes the clients' own markers out first.
 *
 *     node bench/money/run.ts FOLDER [--strip]
 */
import { readdirSync } from 'node:fs';

import { compareBills, readCapture, stripMarkers } from './play.ts';

const [folder = '../shared/captures'] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith('--'));
const isStripped = process.argv.includes('--strip');
process.stdout.write(`input bill through the gateway / direct${isStripped ? ', markers stripped' : ''}\n`);
for (const name of readdirSync(folder).filter((file) => file.endsWith('.jsonl.gz'))) {
  const recorded = readCapture(`${folder}/${name}`);
  const requests = isStripped ? stripMarkers(recorded) : recorded;
  const { all, fromSecond } = await compareBills(requests);
  const figures = `all ${all.toFixed(4)}, from the second request on ${fromSecond.toFixed(4)}`;
  process.stdout.write(`  ${name.padEnd(24)} ${String(requests.length).padStart(3)} requests: ${figures}\n`);
}
