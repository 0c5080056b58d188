// Run after `npm install` has changed package-lock.json: adds the optional packages for other platforms that npm left
// out of it, without which `npm ci` refuses the file.
import { readFileSync, writeFileSync } from 'node:fs';
import { entriesLeftOut } from './lib/lock-file.mjs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const added = entriesLeftOut(lock.packages);
const entries = Object.entries({ ...lock.packages, ...added });
const packages = Object.fromEntries(entries.toSorted(([left], [right]) => left.localeCompare(right, 'en')));
if (Object.keys(added).length > 0) writeFileSync(path, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
process.stdout.write(`${Object.keys(added).length} packages added to package-lock.json\n`);
