import type { JSX } from 'preact';

import { formatCount, formatShare } from '../format.ts';
import type { Tokens } from '../data/types.ts';

interface Part {
  readonly name: string;
  readonly value: number;
  /** Class that has its colour. */
  readonly look: string;
}

/** Tokens of a prompt by what is paid for them. */
export function tokenParts(tokens: Omit<Tokens, 'outputTokens'>): readonly Part[] {
  return [
    { name: 'Read from the cache', value: tokens.readTokens, look: 'read' },
    { name: 'Written for 5 minutes', value: tokens.write5mTokens, look: 'write5m' },
    { name: 'Written for an hour', value: tokens.write1hTokens, look: 'write1h' },
    { name: 'Not cached', value: tokens.uncachedTokens, look: 'uncached' },
  ];
}

/** A whole by its parts: a bar, and below it what each colour is with its number, so the bar itself need not be read. */
export function PartsBar(props: {
  readonly parts: readonly Part[];
  readonly unit: string;
  readonly isBare?: boolean;
}): JSX.Element {
  const { parts, unit, isBare = false } = props;
  const total = parts.reduce((sum, { value }) => sum + value, 0);
  const shown = parts.filter(({ value }) => value > 0);
  const words = shown.map(({ name, value }) => `${name}: ${formatShare(value, total)}`).join(', ');
  return (
    <div class="parts">
      <svg
        class="parts-bar"
        viewBox="0 0 100 6"
        preserveAspectRatio="none"
        role="img"
        aria-label={words || 'nothing'}
      >
        {shown.map(({ name, value, look }, index) => {
          const before = shown.slice(0, index).reduce((sum, part) => sum + part.value, 0);
          return (
            <rect
              key={name}
              class={`fill-${look}`}
              x={(100 * before) / total}
              y="0"
              width={(100 * value) / total}
              height="6"
            />
          );
        })}
      </svg>
      {!isBare && (
        <ul class="legend">
          {parts.map(({ name, value, look }) => (
            <li key={name}>
              <span class={`swatch swatch-${look}`} />
              {name}
              <strong>{formatShare(value, total)}</strong>
              <span class="quiet">
                {formatCount(value)} {unit}
              </span>
            </li>
          ))}
          <li class="quiet">
            of {formatCount(total)} {unit} in all
          </li>
        </ul>
      )}
    </div>
  );
}
