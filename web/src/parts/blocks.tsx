import type { ComponentChildren, JSX } from 'preact';

import { formatCount, formatShare, formatUsd } from '../format.ts';

/** A part of a screen under a heading of its own. */
export function Section(props: {
  readonly title: string;
  readonly note?: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="panel">
      <h2>{props.title}</h2>
      {props.note !== undefined && <p class="note">{props.note}</p>}
      {props.children}
    </section>
  );
}

/** One number, what it is, and what it is made of. */
export function Tile(props: {
  readonly name: string;
  readonly value: string;
  readonly detail?: ComponentChildren;
  readonly tone?: 'gain' | 'loss' | 'plain';
}): JSX.Element {
  return (
    <div class="tile">
      <dt>{props.name}</dt>
      <dd>
        <strong class={props.tone ?? 'plain'}>{props.value}</strong>
        {props.detail !== undefined && <span class="detail">{props.detail}</span>}
      </dd>
    </div>
  );
}

/** Numbers side by side. */
export function Tiles(props: { readonly children: ComponentChildren }): JSX.Element {
  return <dl class="tiles">{props.children}</dl>;
}

/** A share as a tile, always with its numerator and denominator. */
export function ShareTile(props: {
  readonly name: string;
  readonly numerator: number;
  readonly denominator: number;
  readonly of: string;
}): JSX.Element {
  const { name, numerator, denominator, of } = props;
  const detail =
    denominator === 0 ? `no ${of} yet` : `${formatCount(numerator)} of ${formatCount(denominator)} ${of}`;
  return <Tile name={name} value={formatShare(numerator, denominator)} detail={detail} />;
}

/** How a sum of money is to be coloured. */
export function toneOf(usd: number): 'gain' | 'loss' | 'plain' {
  if (usd === 0) return 'plain';
  return usd > 0 ? 'gain' : 'loss';
}

/** Money with its sign in a colour and in letters. */
export function Signed(props: { readonly usd: number }): JSX.Element {
  return <span class={toneOf(props.usd)}>{formatUsd(props.usd)}</span>;
}

/** Nothing to show: why, and what to do. */
export function Empty(props: { readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** Something is being read for the first time, or could not be. */
export function Waiting(props: { readonly problem: string | null }): JSX.Element {
  return props.problem === null ? (
    <p class="waiting">Reading…</p>
  ) : (
    <p class="problem" role="alert">
      {props.problem}.
    </p>
  );
}

/** What is shown is older than it should be, for this reason. */
export function Trouble(props: { readonly problem: string | null }): JSX.Element | null {
  return props.problem === null ? null : (
    <p class="problem" role="status">
      {props.problem}.
    </p>
  );
}

/** Numbers of a chart, for those who read rather than look. */
export function Numbers(props: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <details class="numbers">
      <summary>Show as a table</summary>
      {props.children}
    </details>
  );
}

/** One of a few, chosen by radio buttons that look like one switch. */
export function Choice(props: {
  readonly legend: string;
  readonly name: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly value: string;
  readonly onChoose: (value: string) => void;
}): JSX.Element {
  return (
    <fieldset class="choice">
      <legend>{props.legend}</legend>
      <div>
        {props.options.map(([value, label]) => (
          <label key={value}>
            <input
              type="radio"
              name={props.name}
              value={value}
              checked={value === props.value}
              onChange={() => props.onChoose(value)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
