import { readFileSync } from 'node:fs';

import { z } from 'zod';

import {
  defaultCatalogue,
  extendCatalogue,
  picoPerToken,
  resolveModel,
  type Catalogue,
  type ModelOverride,
} from '../core/index.ts';
import { KEEP_ALIVE_STATES, MODES, type KeepAliveState, type Mode } from '../engine/index.ts';
import { LOG_LEVELS, type LogLevel } from '../runtime/index.ts';
import { UsageError } from './errors.ts';
import type { ResponseRuleConfig } from './serve-responses.ts';

/** Prices in configuration, in dollars per MTok as the price list gives them. */
interface PriceConfig {
  readonly validFrom: string;
  readonly inputUsdPerMTok: number;
  readonly outputUsdPerMTok: number;
  readonly readMultiplier: number;
  readonly writeMultiplier5m: number;
  readonly writeMultiplier1h: number;
}

/** A model to add to the catalogue, or facts of a known one to replace. */
interface ModelConfig {
  readonly id: string;
  readonly aliases?: string[] | undefined;
  readonly minCacheableTokens?: number | undefined;
  readonly prices?: PriceConfig[] | undefined;
}

/** What a configuration file may say. */
export interface ConfigFile {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly adminPort?: number | undefined;
  readonly adminHost?: string | undefined;
  readonly adminToken?: string | undefined;
  readonly adminAllowHost?: string[] | undefined;
  readonly upstream?: string | undefined;
  readonly mode?: Mode | undefined;
  readonly placement?: 'respect' | 'override' | undefined;
  readonly diagnostics?: 'off' | 'on' | undefined;
  readonly ttlScale?: number | undefined;
  readonly logLevel?: LogLevel | undefined;
  readonly json?: boolean | undefined;
  readonly dataDir?: string | undefined;
  readonly secretFile?: string | undefined;
  readonly stateEvery?: number | undefined;
  readonly redis?: string | undefined;
  readonly responseCache?: number | 'off' | undefined;
  readonly responses?: ResponseRuleConfig[] | undefined;
  readonly memcached?: string | undefined;
  readonly ledger?: 'off' | 'memory' | 'file' | undefined;
  readonly ledgerDays?: number | undefined;
  readonly keepBodies?: number | 'off' | undefined;
  readonly keepBodiesKib?: number | undefined;
  readonly keepBodiesMib?: number | undefined;
  readonly keepBodiesMax?: number | undefined;
  readonly keepBodiesRedact?: string[] | undefined;
  readonly postgres?: string | undefined;
  readonly otlp?: string | undefined;
  readonly otlpEvery?: number | undefined;
  readonly gate?: 'on' | 'off' | undefined;
  readonly gateDeadline?: number | undefined;
  readonly keepAlive?: KeepAliveState | undefined;
  readonly keepAliveLead?: number | undefined;
  readonly keepAlivePings?: number | undefined;
  readonly keepAliveMinTokens?: number | undefined;
  readonly keepAliveHour?: number | undefined;
  readonly keepAliveDay?: number | undefined;
  readonly keepAliveWindow?: string[] | undefined;
  readonly webhook?: string | undefined;
  readonly budgetHour?: number | undefined;
  readonly budgetDay?: number | undefined;
  readonly budgetMonth?: number | undefined;
  readonly models?: ModelConfig[] | undefined;
}

const usdPerMTok: z.ZodNumber = z.number().nonnegative();
const dollars: z.ZodNumber = z.number().nonnegative();
const port: z.ZodNumber = z.number().int().min(0).max(65_535);

const priceConfig: z.ZodType<PriceConfig> = z.strictObject({
  validFrom: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day, YYYY-MM-DD')
    .default('2024-08-14'),
  inputUsdPerMTok: usdPerMTok,
  outputUsdPerMTok: usdPerMTok,
  readMultiplier: z.number().nonnegative(),
  writeMultiplier5m: z.number().nonnegative().default(1.25),
  writeMultiplier1h: z.number().nonnegative().default(2),
});

const modelConfig: z.ZodType<ModelConfig> = z.strictObject({
  id: z.string().min(1),
  aliases: z.array(z.string()).optional(),
  minCacheableTokens: z.number().int().nonnegative().optional(),
  prices: z.array(priceConfig).min(1).optional(),
});

const secondsOrOff = 'must be "off" or a number of seconds above 0';
const seconds: z.ZodNumber = z.number().positive(secondsOrOff).max(1e9, 'must be at most 1e9 seconds');
const pattern: z.ZodString = z.string().min(1).max(200);

const responseRule: z.ZodType<ResponseRuleConfig> = z.strictObject({
  model: pattern.optional(),
  path: pattern.optional(),
  tag: pattern.optional(),
  scope: pattern.optional(),
  ttlS: z.union([z.literal('off'), seconds], { error: secondsOrOff }),
  staleWhileRevalidateS: z.number().nonnegative().max(1e9).optional(),
  staleIfErrorS: z.number().nonnegative().max(1e9).optional(),
  temperatures: z.enum(['zero', 'any']).optional(),
  serverTools: z.array(z.string().min(1)).optional(),
  keepRefusals: z.boolean().optional(),
  variants: z.number().int().min(1).max(100).optional(),
});

const configFile: z.ZodType<ConfigFile> = z.strictObject({
  port: port.optional(),
  host: z.string().optional(),
  adminPort: port.optional(),
  adminHost: z.string().min(1).optional(),
  adminToken: z.string().min(1).optional(),
  adminAllowHost: z.array(z.string().min(1)).optional(),
  upstream: z.string().optional(),
  mode: z.enum(MODES).optional(),
  placement: z.enum(['respect', 'override']).optional(),
  diagnostics: z.enum(['off', 'on']).optional(),
  ttlScale: z.number().positive().optional(),
  logLevel: z.enum(LOG_LEVELS).optional(),
  json: z.boolean().optional(),
  dataDir: z.string().min(1).optional(),
  secretFile: z.string().min(1).optional(),
  stateEvery: z.number().positive().optional(),
  redis: z.string().min(1).optional(),
  responses: z.array(responseRule).max(1_000).optional(),
  responseCache: z.union([z.literal('off'), z.number().int().positive()]).optional(),
  memcached: z.string().min(1).optional(),
  ledger: z.enum(['off', 'memory', 'file']).optional(),
  ledgerDays: z.number().int().positive().optional(),
  keepBodies: z.union([z.literal('off'), z.number().int().positive().max(99_999)]).optional(),
  keepBodiesKib: z.number().int().positive().max(8_192).optional(),
  keepBodiesMib: z.number().int().positive().max(1e6).optional(),
  keepBodiesMax: z.number().int().positive().max(1e8).optional(),
  keepBodiesRedact: z.array(z.string().min(1).max(1_000)).max(100).optional(),
  postgres: z.string().min(1).optional(),
  otlp: z.string().min(1).optional(),
  otlpEvery: z.number().positive().optional(),
  gate: z.enum(['on', 'off']).optional(),
  gateDeadline: z.number().positive().optional(),
  keepAlive: z.enum(KEEP_ALIVE_STATES).optional(),
  keepAliveLead: z.number().positive().optional(),
  keepAlivePings: z.number().int().nonnegative().optional(),
  keepAliveMinTokens: z.number().int().nonnegative().optional(),
  keepAliveHour: dollars.optional(),
  keepAliveDay: dollars.optional(),
  keepAliveWindow: z.array(z.string().min(1)).optional(),
  webhook: z.string().min(1).optional(),
  budgetHour: z.number().positive().optional(),
  budgetDay: z.number().positive().optional(),
  budgetMonth: z.number().positive().optional(),
  models: z.array(modelConfig).optional(),
});

/** Reads and judges a configuration file. */
export function readConfigFile(file: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new UsageError(`the configuration file ${file} cannot be read`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `the configuration file ${file} is no JSON: ${error instanceof Error ? error.message : 'malformed'}`,
    );
  }
  const parsed = configFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue?.path.join('.') ?? '';
  throw new UsageError(
    `the configuration file ${file}: ${place === '' ? '' : `${place}: `}${issue?.message ?? 'malformed'}`,
  );
}

function toOverride(model: ModelConfig): ModelOverride {
  const { id, aliases, minCacheableTokens, prices } = model;
  const records = prices?.map((price) => ({
    validFrom: price.validFrom,
    inputPicoUsd: picoPerToken(price.inputUsdPerMTok),
    outputPicoUsd: picoPerToken(price.outputUsdPerMTok),
    readPerMille: Math.round(price.readMultiplier * 1000),
    write5mPerMille: Math.round(price.writeMultiplier5m * 1000),
    write1hPerMille: Math.round(price.writeMultiplier1h * 1000),
    longPrompt: null,
    fast: null,
  }));
  return {
    id: resolveModel(id).kind === 'exact' ? resolveModel(id).facts.id : id,
    ...(aliases ? { aliases } : {}),
    ...(minCacheableTokens === undefined ? {} : { minCacheableTokens }),
    ...(records ? { prices: records } : {}),
  };
}

/** The catalogue with the models of a configuration file. */
export function catalogueFrom(config: ConfigFile): Catalogue {
  return extendCatalogue(defaultCatalogue, (config.models ?? []).map(toOverride));
}
