// Makes dist/dashboard from web/ where it is not of today: a second, for whoever works on the pages, and for their tests.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refreshDashboard } from './lib/build.mjs';

const { code, output } = await refreshDashboard(dirname(dirname(fileURLToPath(import.meta.url))));
process.stderr.write(output);
process.exitCode = code;
