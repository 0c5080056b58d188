import { Option, type Command } from 'commander';

import { defaultCatalogue, type CacheRules, type Catalogue } from '../../core/index.ts';
import { MODES, type Mode } from '../../engine/index.ts';
import { reachUpstream, startGateway, type RequestLog } from '../../gateway/index.ts';
import type { Alert } from '../../ledger/index.ts';
import { LearnedPlanner } from '../../planner/index.ts';
import {
  createLogger,
  isLoopbackHost,
  LOG_LEVELS,
  systemTimers,
  type Logger,
  type LogLevel,
  type RunningServer,
} from '../../runtime/index.ts';
import type { ConfigFile } from '../config.ts';
import { defaultDataDir } from '../data-dir.ts';
import { proxyFromEnvironment } from '../environment-proxy.ts';
import { CommandError, UsageError } from '../errors.ts';
import { printJson, printLine, untilStopped } from '../io.ts';
import { listeningLine, listenOptions, parseFactor, parsePort } from '../options.ts';
import { probedRules } from '../probed-rules.ts';
import { addAlertOptions, checkWebhook, openServeAlerts, type AlertFlags } from '../serve-alerts.ts';
import { addGateOptions, openServeGate, type GateFlags } from '../serve-gate.ts';
import {
  addKeepAliveOptions,
  openServeKeepAlive,
  readKeepAliveCalendar,
  type KeepAliveFlags,
} from '../serve-keep-alive.ts';
import { addLedgerOptions, checkLedger, openServeLedger, type LedgerFlags } from '../serve-ledger.ts';
import { addMetricsOptions, explainOtlp, serveMetrics, type MetricsFlags } from '../serve-metrics.ts';
import {
  addResponseOptions,
  checkMemcached,
  openServeResponses,
  type ResponseFlags,
} from '../serve-responses.ts';
import { addStateOptions, checkRedis, openServeState, readSecret, type StateFlags } from '../serve-state.ts';

interface ServeFlags
  extends KeepAliveFlags, StateFlags, GateFlags, ResponseFlags, LedgerFlags, MetricsFlags, AlertFlags {
  readonly port: number;
  readonly host: string;
  readonly json?: boolean;
  readonly adminPort: number;
  readonly adminHost: string;
  readonly adminToken?: string;
  readonly adminAllowHost?: readonly string[];
  readonly upstream: string;
  readonly mode: Mode;
  readonly placement: 'respect' | 'override';
  readonly diagnostics: 'off' | 'on';
  readonly ttlScale: number;
  readonly logLevel: LogLevel;
  readonly config?: string;
  readonly check?: boolean;
}

/** The word that starts an emulator inside instead of naming an upstream. */
const EMULATOR = 'emulator';

/** Command line and environment first, then the configuration file, then defaults. */
function withConfig(flags: ServeFlags, config: ConfigFile, command: Command): ServeFlags {
  const { models: _models, ...settings } = config;
  const isGiven = (name: string): boolean =>
    ['cli', 'env'].includes(command.getOptionValueSource(name) ?? '');
  const fromFile = Object.entries(settings).filter(([name, value]) => value !== undefined && !isGiven(name));
  return { ...flags, ...Object.fromEntries(fromFile) };
}

function checkUpstream(upstream: string): string {
  if (upstream === EMULATOR) return upstream;
  const isHttp = URL.canParse(upstream) && /^https?:$/.test(new URL(upstream).protocol);
  if (!isHttp)
    throw new UsageError(
      `--upstream must be an http or https URL, or the word ${EMULATOR}; got ${JSON.stringify(upstream)}`,
    );
  return upstream;
}

function requestLog(logger: Logger): RequestLog {
  return ({ headers, ...entry }) => {
    if (logger.isLevelEnabled('debug')) logger.debug({ ...entry, headers }, 'request');
    else logger.info(entry, 'request');
  };
}

/** `--check`: the configuration has been read by now; what is left is whether the upstream answers, Redis, and Memcached. */
async function check(flags: ServeFlags): Promise<void> {
  const isInside = flags.upstream === EMULATOR;
  // Without user name and password, which a URL may hold.
  const shown = isInside ? EMULATOR : new URL(flags.upstream).origin;
  const options = { url: flags.upstream, proxy: proxyFromEnvironment(), responseTimeoutMs: 30_000 };
  const failure = isInside ? null : await reachUpstream(options, systemTimers);
  if (failure !== null) throw new CommandError(`the upstream ${shown} cannot be reached: ${failure}`);
  await checkRedis(flags);
  await checkLedger(flags);
  await checkMemcached(flags);
  if (flags.json) printJson({ ok: true, upstream: shown });
  else
    printLine(
      `configuration fine, ${isInside ? 'the emulator would be started inside' : `${shown} answers`}`,
    );
}

/** The configuration file, where there is one. What reads it is loaded only then: a gateway runs with little in memory. */
async function readConfig(file: string | undefined): Promise<{ config: ConfigFile; catalogue: Catalogue }> {
  if (file === undefined) return { config: {}, catalogue: defaultCatalogue };
  const { catalogueFrom, readConfigFile } = await import('../config.ts');
  const config = readConfigFile(file);
  return { config, catalogue: catalogueFrom(config) };
}

async function startInside(ttlScale: number): Promise<RunningServer> {
  const { startEmulator } = await import('../../emulator/index.ts');
  return startEmulator({ port: 0, ttlScale });
}

interface PartsContext {
  readonly calendar: Awaited<ReturnType<typeof readKeepAliveCalendar>>;
  readonly catalogue: Catalogue;
  readonly rules: CacheRules;
  readonly logger: Logger;
}

/** What keeps things beside the requests: opened before the gateway, and closed after it. */
async function openParts(flags: ServeFlags, { calendar, catalogue, rules, logger }: PartsContext) {
  const secret = readSecret(flags);
  const planner = new LearnedPlanner({
    keepsAlive: flags.keepAlive === 'on',
    entriesAre: rules.open.entriesAre,
  });
  const warn = (alert: Alert): void => logger.warn(alert, 'alert');
  const watch = openServeAlerts(flags, catalogue, warn, systemTimers);
  const kept = await openServeLedger(flags);
  const state = await openServeState(planner, secret, flags);
  const gate = await openServeGate(flags);
  const keepAlive = await openServeKeepAlive(flags, calendar, secret, rules);
  const responses = await openServeResponses(flags, secret);
  return {
    engine: {
      mode: flags.mode,
      placement: flags.placement,
      diagnostics: flags.diagnostics,
      gate: gate.options,
      keepAlive: keepAlive.options,
      integrity: watch.integrity,
      rules,
      catalogue,
      secret,
      planner,
      ledger: kept.ledger,
      bodies: kept.bodies,
    },
    alerts: watch.alerts,
    responses: responses.tier,
    /** Once the last answer has been learned from. */
    close: async (isStarted: boolean): Promise<void> => {
      const parts = [gate, state, responses, kept, watch];
      // A gateway that has started closes its own keeper.
      await Promise.all([...parts, ...(isStarted ? [] : [keepAlive])].map((part) => part.close()));
    },
  };
}

async function serve(given: ServeFlags, command: Command): Promise<void> {
  const { config, catalogue } = await readConfig(given.config);
  const flags = withConfig(given, config, command);
  const isJson = flags.json ?? false;
  const named = checkUpstream(flags.upstream);
  if (!isLoopbackHost(flags.adminHost) && !flags.adminToken) {
    throw new UsageError(
      `--admin-host ${flags.adminHost} is open to other machines: give it an --admin-token`,
    );
  }
  const calendar = await readKeepAliveCalendar(flags);
  const metrics = serveMetrics(flags);
  checkWebhook(flags);
  if (flags.check) return check(flags);
  const logger = await createLogger(flags.logLevel);
  const context = { calendar, catalogue, rules: probedRules(flags), logger };
  const { close, ...parts } = await openParts(flags, context);
  const emulator = named === EMULATOR ? await startInside(flags.ttlScale) : null;
  const gateway = await startGateway({
    upstreamUrl: emulator?.url ?? named,
    listen: { host: flags.host, port: flags.port },
    adminListen: { host: flags.adminHost, port: flags.adminPort },
    adminToken: flags.adminToken || null,
    adminHosts: flags.adminAllowHost ?? [],
    proxy: emulator ? null : proxyFromEnvironment(),
    ...parts,
    ...metrics,
    log: requestLog(logger),
  }).catch(async (error: unknown) => {
    await Promise.all([emulator?.close(0), close(false)]);
    throw explainOtlp(error);
  });
  // Before anybody is told that we are here, and may ask us to end.
  const stopped = untilStopped();
  if (emulator) printLine(listeningLine('emulator', emulator.url, isJson));
  printLine(listeningLine('gateway', gateway.data.url, isJson));
  printLine(listeningLine('admin', gateway.admin.url, isJson));
  await stopped;
  await gateway.close();
  await close(true);
  await emulator?.close();
}

function addAdminOptions(command: Command): void {
  command
    .addOption(
      new Option('--admin-port <number>', 'port of the admin listener')
        .default(8789)
        .env('CACHEWRIGHT_ADMIN_PORT')
        .argParser(parsePort),
    )
    .addOption(
      new Option('--admin-host <address>', 'address of the admin listener; off loopback it needs a token')
        .default('127.0.0.1')
        .env('CACHEWRIGHT_ADMIN_HOST'),
    )
    .addOption(
      new Option('--admin-token <token>', 'what the admin listener asks for as authorization: Bearer').env(
        'CACHEWRIGHT_ADMIN_TOKEN',
      ),
    )
    .addOption(
      new Option(
        '--admin-allow-host <names>',
        'names besides loopback by which it may be called, with commas',
      )
        .env('CACHEWRIGHT_ADMIN_ALLOW_HOST')
        .argParser((text: string) => text.split(',').map((name) => name.trim())),
    );
}

/** `serve`: the gateway. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('the gateway: set ANTHROPIC_BASE_URL to it and change nothing else');
  for (const option of listenOptions(8788, 'CACHEWRIGHT_')) command.addOption(option);
  addAdminOptions(command);
  addStateOptions(command, defaultDataDir(process.env));
  addGateOptions(command);
  addKeepAliveOptions(command);
  addResponseOptions(command);
  addLedgerOptions(command);
  addMetricsOptions(command);
  addAlertOptions(command);
  command
    .addOption(
      new Option('--upstream <url>', `where requests go; the word ${EMULATOR} starts one inside`)
        .default('https://api.anthropic.com')
        .env('CACHEWRIGHT_UPSTREAM'),
    )
    .addOption(
      new Option('--mode <mode>', 'pass on, also say what would be done, or do it')
        .choices([...MODES])
        .default('optimize')
        .env('CACHEWRIGHT_MODE'),
    )
    .addOption(
      new Option('--placement <how>', "keep the client's markers, or replace them")
        .choices(['respect', 'override'])
        .default('respect')
        .env('CACHEWRIGHT_PLACEMENT'),
    )
    .addOption(
      new Option('--diagnostics <state>', 'ask the service why requests missed, where the client does not')
        .choices(['off', 'on'])
        .default('off')
        .env('CACHEWRIGHT_DIAGNOSTICS'),
    )
    .addOption(
      new Option(
        '--ttl-scale <factor>',
        'divides every TTL of the model, as the emulator started with the same does',
      )
        .default(1)
        .env('CACHEWRIGHT_TTL_SCALE')
        .argParser(parseFactor),
    )
    .addOption(
      new Option('--log-level <level>', 'how much is written to stderr')
        .choices([...LOG_LEVELS])
        .default('info')
        .env('CACHEWRIGHT_LOG_LEVEL'),
    )
    .addOption(
      new Option('--config <file>', 'JSON file with any of these options, and models').env(
        'CACHEWRIGHT_CONFIG',
      ),
    )
    .option('--check', 'judge configuration and upstream, then exit')
    .action((flags: ServeFlags) => serve(flags, command));
}
