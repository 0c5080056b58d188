import { toUsd, type PicoUsd } from '../core/index.ts';
import type { Money } from './report-data.ts';

/** An amount as the report holds it. */
export function toMoney(pico: PicoUsd): Money {
  return { picoUsd: pico.toString(), usd: toUsd(pico) };
}
