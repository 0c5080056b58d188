import type { JSX } from 'preact';

import type { AlertList } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';

const EVERY_MS = 60_000;

/** How many things are bad now, beside the way to them; nothing where none is. */
export function AlertCount(): JSX.Element | null {
  const { value } = usePolled('firing', askFor<AlertList>('/api/v1/alerts?limit=1'), EVERY_MS);
  const count = value?.firing.length ?? 0;
  if (count === 0) return null;
  return (
    <span class="badge">
      {count} <span class="hidden">bad now</span>
    </span>
  );
}
