import type { SeriesTurn } from './series.ts';

/** What an alert is about. */
interface About {
  readonly rule: string;
  readonly scope: string | null;
  readonly model: string | null;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const dollars = (usd: number): string => {
  const size = Math.abs(usd);
  return `${usd < 0 ? '-' : ''}$${size >= 1 ? size.toFixed(2) : size.toPrecision(3)}`;
};

/** How each signal, or budget, is told: its name, and its values. */
const WORDS: Readonly<Record<string, readonly [name: string, show: (value: number) => string]>> = {
  hit_ratio: ['the hit ratio', percent],
  cost_per_request: ['the cost of a typical request', dollars],
  error_rate: ['the share of failed requests', percent],
  integrity: ['the share of bills that nothing explains', percent],
  'keep-alive-loss': ['what keep-alive saved in the last day, less what it cost,', dollars],
  'spend-hour': ['the spending of this hour', dollars],
  'spend-day': ['the spending of this day', dollars],
  'spend-month': ['the spending of this month', dollars],
};

/** One turn in words. */
export function sentenceOf(signal: string, turn: SeriesTurn, { scope, model }: About): string {
  const [name, show] = WORDS[signal] ?? [signal, String];
  const where = [model && ` of ${model}`, scope && ` in scope ${scope}`].filter(Boolean).join('');
  const value = show(turn.value);
  const isBudget = signal.startsWith('spend-');
  const before =
    turn.usual === null ? '' : `, ${isBudget ? 'past its limit of' : 'where'} ${show(turn.usual)}`;
  const usual = before && !isBudget ? `${before} was usual` : before;
  if (turn.state === 'firing') return `${name}${where} is ${value}${usual}.`;
  if (turn.samples === 0) return `${name}${where} was ${value}: nobody asked for a day, and it is let go.`;
  const end = turn.isNewNormal ? 'has been so for three days and is now taken as usual' : 'is good again';
  return `${name}${where} is ${value}: it ${end}.`;
}
