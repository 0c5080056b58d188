import { Option, type Command } from 'commander';

import type { GateOptions } from '../engine/index.ts';
import { openRedisLeases, type Leases } from '../store/index.ts';
import { parseFactor } from './options.ts';

/** What says whether requests wait for another that writes what they would read. */
export interface GateFlags {
  readonly gate: 'on' | 'off';
  /** Seconds. */
  readonly gateDeadline?: number;
  /** May hold a password: it is never printed. */
  readonly redis?: string;
}

/** The gate of a gateway. */
export interface ServeGate {
  readonly options: Partial<GateOptions>;
  close(): Promise<void>;
}

/** The gate as the flags want it; with Redis, one for all gateways of the fleet. The URL has been judged by now. */
export async function openServeGate({ gate, gateDeadline, redis }: GateFlags): Promise<ServeGate> {
  const leases: Leases | null =
    gate === 'on' && redis !== undefined ? await openRedisLeases({ url: redis }) : null;
  return {
    options: { state: gate, deadlineMs: gateDeadline === undefined ? null : gateDeadline * 1000, leases },
    close: async () => leases?.close(),
  };
}

/** Adds the options that `GateFlags` come from. */
export function addGateOptions(command: Command): void {
  command
    .addOption(
      new Option('--gate <state>', 'whether requests wait for another that writes what they would read')
        .choices(['on', 'off'])
        .default('on')
        .env('CACHEWRIGHT_GATE'),
    )
    .addOption(
      new Option('--gate-deadline <seconds>', 'the longest that a request waits; left out, it is learned')
        .env('CACHEWRIGHT_GATE_DEADLINE')
        .argParser(parseFactor),
    );
}
