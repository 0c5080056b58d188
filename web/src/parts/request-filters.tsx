import type { JSX } from 'preact';

import { MISS_REASONS } from '../data/miss-reasons.ts';
import { route, setParams } from '../data/route.ts';
import { formatWord } from '../format.ts';

/** What else the list of requests is narrowed by. */
export function RequestFilters(): JSX.Element {
  const { reason = '', cost = '' } = route.value.params;
  const reasons = new Set([...MISS_REASONS, ...(reason === '' ? [] : [reason])]);
  return (
    <>
      <label class="field">
        Missed
        <select value={reason} onChange={(event) => setParams({ reason: event.currentTarget.value || null })}>
          <option value="">anything or nothing</option>
          {[...reasons].map((name) => (
            <option key={name} value={name}>
              {formatWord(name)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        Billed at least $
        <input
          type="number"
          min="0"
          step="any"
          placeholder="any"
          value={cost}
          onChange={(event) => setParams({ cost: event.currentTarget.value.trim() || null })}
        />
      </label>
    </>
  );
}
