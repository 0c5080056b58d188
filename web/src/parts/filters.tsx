import type { ComponentChildren, JSX } from 'preact';

import { askFor, usePolled } from '../data/use-polled.ts';
import { RANGES, USUAL_RANGE } from '../data/range.ts';
import { route, setParams } from '../data/route.ts';
import type { Timeline } from '../data/types.ts';
import { Choice } from './blocks.tsx';

/** One bucket of a year: only its models are wanted. */
const MODELS_PATH = `/api/v1/timeline?bucketMs=${365 * 86_400_000}`;
const MODELS_EVERY_MS = 60_000;

function ModelFilter(): JSX.Element {
  const { value } = usePolled('models', askFor<Timeline>(MODELS_PATH), MODELS_EVERY_MS);
  const chosen = route.value.params['model'] ?? '';
  const names = new Set([
    ...(value?.rows.map(({ model }) => model) ?? []),
    ...(chosen === '' ? [] : [chosen]),
  ]);
  return (
    <label class="field">
      Model
      <select value={chosen} onChange={(event) => setParams({ model: event.currentTarget.value || null })}>
        <option value="">All</option>
        {[...names].toSorted().map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function TextFilter(props: { readonly name: 'tag' | 'scope'; readonly label: string }): JSX.Element {
  const { name, label } = props;
  return (
    <label class="field">
      {label}
      <input
        type="search"
        placeholder="any"
        value={route.value.params[name] ?? ''}
        onChange={(event) => setParams({ [name]: event.currentTarget.value.trim() || null })}
      />
    </label>
  );
}

/** A time as the browser's field for it has it: local, without a zone. */
function toLocal(text: string | undefined): string {
  const timeMs = Date.parse(text ?? '');
  if (Number.isNaN(timeMs)) return '';
  const local = new Date(timeMs);
  local.setMinutes(local.getMinutes() - local.getTimezoneOffset());
  return local.toISOString().slice(0, 16);
}

function TimeFilter(props: { readonly name: 'from' | 'to'; readonly label: string }): JSX.Element {
  const { name, label } = props;
  const choose = (text: string): void => {
    const timeMs = Date.parse(text);
    setParams({ range: 'custom', [name]: Number.isNaN(timeMs) ? null : new Date(timeMs).toISOString() });
  };
  return (
    <label class="field">
      {label}
      <input
        type="datetime-local"
        value={toLocal(route.value.params[name])}
        onChange={(event) => choose(event.currentTarget.value)}
      />
    </label>
  );
}

/** Which requests a screen is about; all of it goes into the URL. */
export function Filters(props: { readonly children?: ComponentChildren }): JSX.Element {
  const range = route.value.params['range'] ?? USUAL_RANGE;
  const options = Object.entries(RANGES).map(([value, { label }]) => [value, label] as const);
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <Choice
        legend="Time"
        name="range"
        options={[...options, ['custom', 'From–to']]}
        value={range}
        onChoose={(value) => setParams({ range: value, from: null, to: null })}
      />
      {range === 'custom' && (
        <>
          <TimeFilter name="from" label="From" />
          <TimeFilter name="to" label="To" />
        </>
      )}
      <ModelFilter />
      <TextFilter name="tag" label="Tag" />
      <TextFilter name="scope" label="Scope" />
      {props.children}
    </form>
  );
}
