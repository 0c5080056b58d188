import type { JSX } from 'preact';

import type { Root } from '../data/types.ts';
import { askFor, usePolled } from '../data/use-polled.ts';

const EVERY_MS = 60_000;

/** What the gateway is set to, so that nobody has to guess. */
export function InForce(): JSX.Element | null {
  const { value, problem } = usePolled('root', askFor<Root>('/'), EVERY_MS);
  if (problem !== null) return <p class="in-force loss">Not connected</p>;
  if (!value) return null;
  return (
    <dl class="in-force">
      <dt>Mode</dt>
      <dd>{value.mode}</dd>
      <dt>Upstream</dt>
      <dd>{value.upstream.replace(/^https?:\/\//, '')}</dd>
    </dl>
  );
}
