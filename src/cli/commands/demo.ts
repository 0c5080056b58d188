import { Option, type Command } from 'commander';
import picocolors from 'picocolors';

import { formatUsd, PICO_PER_USD, totalInputTokens, type PicoUsd } from '../../core/index.ts';
import { startEmulator } from '../../emulator/index.ts';
import { startGateway, type RunningGateway } from '../../gateway/index.ts';
import type { Summary } from '../../ledger/index.ts';
import { ListenError, type RunningServer } from '../../runtime/index.ts';
import { DEMO_MODEL, runTraffic } from '../demo/traffic.ts';
import { printJson, printLine, untilStopped } from '../io.ts';
import { listeningLine, parsePort } from '../options.ts';
import { renderTable } from '../table.ts';

interface DemoFlags {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly port?: number;
  readonly adminPort?: number;
  readonly emulatorPort?: number;
}

interface Demo {
  readonly emulator: RunningServer;
  readonly gateway: RunningGateway;
}

/** The usual port unless something else has it; a port that was asked for is taken as asked. */
async function onPort<Server>(
  asked: number | undefined,
  usual: number,
  start: (port: number) => Promise<Server>,
): Promise<Server> {
  if (asked !== undefined) return start(asked);
  return start(usual).catch((error: unknown) => {
    if (error instanceof ListenError) return start(0);
    throw error;
  });
}

async function startDemo(flags: DemoFlags): Promise<Demo> {
  const emulator = await onPort(flags.emulatorPort, 8790, (port) => startEmulator({ port }));
  const listen = (port: number) => ({ host: '127.0.0.1', port });
  const gateway = await onPort(flags.port, 8788, (port) =>
    onPort(flags.adminPort, 8789, (adminPort) =>
      startGateway({ upstreamUrl: emulator.url, listen: listen(port), adminListen: listen(adminPort) }),
    ),
  );
  return { emulator, gateway };
}

function costWithoutCaching(summary: Summary): PicoUsd {
  return (
    BigInt(summary.costPicoUsd) +
    BigInt(Math.round(summary.savedUsd.noCaching * 1e9)) * (PICO_PER_USD / 1_000_000_000n)
  );
}

function printReport(summary: Summary, requests: number): void {
  const paid = BigInt(summary.costPicoUsd);
  const uncached = costWithoutCaching(summary);
  const share = uncached === 0n ? 0 : Number((paid * 1000n) / uncached) / 10;
  const total = Math.max(1, totalInputTokens(summary));
  const kinds: [string, number][] = [
    ['read from cache', summary.readTokens],
    ['written, 5m', summary.write5mTokens],
    ['written, 1h', summary.write1hTokens],
    ['uncached', summary.uncachedTokens],
  ];
  const rows = kinds.map(([name, tokens]) => [
    name,
    tokens.toLocaleString('en-US'),
    `${((100 * tokens) / total).toFixed(1)} %`,
  ]);
  printLine();
  printLine(
    picocolors.bold(
      `${requests} requests of a support assistant on ${DEMO_MODEL}; its client sets no markers.`,
    ),
  );
  printLine(renderTable(['input', 'tokens', 'share'], rows, ['left', 'right', 'right']));
  printLine(`paid        ${formatUsd(paid)}   (output included)`);
  printLine(`uncached    ${formatUsd(uncached)}   the same requests without caching`);
  printLine(
    picocolors.green(
      `saved       ${formatUsd(uncached - paid)}   the bill is ${share.toFixed(1)} % of what it was`,
    ),
  );
}

function printUrls({ emulator, gateway }: Demo): void {
  printLine();
  printLine(`gateway   ${gateway.data.url}`);
  printLine(`dashboard ${gateway.admin.url}`);
  printLine(`emulator  ${emulator.url}   (answers like the API, costs nothing)`);
  printLine();
  printLine('Try it:   ANTHROPIC_BASE_URL=' + gateway.data.url + ' ANTHROPIC_API_KEY=any <your program>');
  printLine('Stop it:  Ctrl-C');
}

async function demo(flags: DemoFlags): Promise<void> {
  const running = await startDemo(flags);
  const { emulator, gateway } = running;
  const isJson = flags.json ?? false;
  try {
    if (isJson && !flags.once) {
      printLine(listeningLine('gateway', gateway.data.url, true));
      printLine(listeningLine('admin', gateway.admin.url, true));
      printLine(listeningLine('emulator', emulator.url, true));
    }
    const requests = await runTraffic({ gateway: gateway.data.url, emulator: emulator.url });
    const summary = await gateway.engine.options.ledger.summary();
    if (isJson) printJson({ model: DEMO_MODEL, ...summary });
    else printReport(summary, requests);
    if (flags.once) return;
    if (!isJson) printUrls(running);
    await untilStopped();
  } finally {
    await gateway.close();
    await emulator.close();
  }
}

/** `demo`: emulator, gateway and realistic traffic in one process. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('emulator, gateway and realistic traffic in one process; shows what was saved')
    .option('--once', 'end after the traffic')
    .option('--json', 'print the report as one JSON document')
    .addOption(new Option('--port <number>', 'port of the gateway').argParser(parsePort))
    .addOption(new Option('--admin-port <number>', 'port of the admin listener').argParser(parsePort))
    .addOption(new Option('--emulator-port <number>', 'port of the emulator').argParser(parsePort))
    .action(demo);
}
