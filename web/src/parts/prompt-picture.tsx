import type { JSX } from 'preact';

import type { PromptPart } from '../data/applications.ts';
import type { Plan } from '../data/types.ts';
import { formatBytes, formatCount, formatNumberOf, formatShare } from '../format.ts';
import { Table } from './table.tsx';

/** Below this share a part would not be seen. */
const SMALLEST = 3;

/** How often a part changes, as a colour and in words. */
function steadinessOf({ level, changes, compared }: PromptPart): readonly [look: string, words: string] {
  if (compared === 0) return ['unknown', 'nothing to compare with yet'];
  const share = `${formatShare(changes, compared)}, ${formatCount(changes)} of ${formatCount(compared)}`;
  if (changes === 0)
    return ['steady', level === 'messages' ? 'only grows' : `never, in ${formatCount(compared)}`];
  return [changes / compared > 0.2 ? 'restless' : 'wavering', share];
}

interface Placed extends PromptPart {
  readonly start: number;
  readonly width: number;
}

/** Where each part lies, in percent of the whole. */
function placeParts(parts: readonly PromptPart[]): readonly Placed[] {
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const widths = parts.map((part) => Math.max(SMALLEST, (100 * part.bytes) / Math.max(1, bytes)));
  const whole = widths.reduce((sum, width) => sum + width, 0);
  let start = 0;
  return parts.map((part, index) => {
    const width = (100 * (widths[index] ?? 0)) / whole;
    const placed = { ...part, start, width };
    start += width;
    return placed;
  });
}

/** Where a marker stands: at the end of the block on its path, as far as the number of blocks tells. */
function positionOf(path: string, parts: readonly Placed[]): number {
  const [level, index] = path.split('.');
  const part = parts.find((each) => each.level === level);
  if (!part) return 100;
  const number = Number(index);
  const share = Number.isInteger(number) ? Math.min(1, (number + 1) / Math.max(1, part.blocks)) : 1;
  return part.start + part.width * share;
}

/** A prompt from its beginning to its end, its parts by how often they change, with the markers in it. */
export function PromptPicture(props: {
  readonly parts: readonly PromptPart[];
  readonly markers: Plan['added'];
}): JSX.Element {
  const placed = placeParts(props.parts);
  const words = placed.map((part) => `${part.name}, ${formatBytes(part.bytes)}`).join('; ');
  return (
    <div class="prompt">
      <svg
        class="prompt-bar"
        role="img"
        aria-label={`${words}. ${formatNumberOf(props.markers.length, 'marker')}.`}
      >
        {placed.map((part) => (
          <rect
            key={part.level}
            class={`part-${steadinessOf(part)[0]}`}
            x={`${part.start}%`}
            width={`${part.width}%`}
            y="22"
            height="34"
          />
        ))}
        {placed.slice(1).map((part) => (
          <line
            key={part.level}
            class="part-edge"
            x1={`${part.start}%`}
            x2={`${part.start}%`}
            y1="22"
            y2="56"
          />
        ))}
        {props.markers.map((marker, index) => {
          const at = positionOf(marker.path, placed);
          const isAtEnd = at > 90;
          return (
            <g key={marker.path}>
              <line class="pin" x1={`${at}%`} x2={`${at}%`} y1="16" y2="62" />
              <text class="pin-text" x={`${at}%`} y="12" text-anchor={isAtEnd ? 'end' : 'middle'}>
                {index + 1}: {marker.ttl}
              </text>
            </g>
          );
        })}
      </svg>
      <Table
        caption="Parts of the prompt"
        rows={placed}
        keyOf={({ level }) => level}
        columns={[
          {
            name: 'Part',
            show: (part) => (
              <span class="unbroken">
                <span class={`swatch part-${steadinessOf(part)[0]}`} /> {part.name}
              </span>
            ),
          },
          { name: 'Changed', show: (part) => steadinessOf(part)[1] },
          { name: 'Blocks', isNumber: true, show: ({ blocks }) => formatCount(blocks) },
          { name: 'Length', isNumber: true, show: ({ bytes }) => formatBytes(bytes) },
        ]}
      />
    </div>
  );
}
