import { isObject, objectsIn, type JsonObject } from './reference-json.ts';
import { innerBlocks } from './reference-markers.ts';
import { blocksOf } from './reference-render.ts';
import { countWords } from './reference-words.ts';
import type { Step } from './sequences.ts';

function describeMarker(block: JsonObject): string {
  const inner = innerBlocks(block).map(describeMarker).join('');
  const marker = block['cache_control'];
  const ttl = isObject(marker) ? (marker['ttl'] ?? '5m') : 'bad';
  const own = marker === undefined || marker === null ? '' : `*${typeof ttl === 'string' ? ttl : 'bad'}`;
  return inner === '' ? own : `${own}{${inner}}`;
}

function describeBlock(block: JsonObject): string {
  const flags = block['defer_loading'] === true ? '~' : '';
  return `${flags}${String(block['type'] ?? block['name'])}:${countWords(block)}${describeMarker(block)}`;
}

/** Runs of like blocks in short: `tool_use:4 x12`. */
function describeBlocks(blocks: readonly JsonObject[]): string {
  const names = blocks.map(describeBlock);
  const starts = names.flatMap((name, index) => (name === names[index - 1] ? [] : [index]));
  return starts
    .map((start, index) => {
      const length = (starts[index + 1] ?? names.length) - start;
      return length === 1 ? names[start] : `${names[start]} x${length}`;
    })
    .join(' ');
}

function describeBody(body: JsonObject): string {
  const { tools, system, messages, ...rest } = body;
  const turns = objectsIn(messages).map((message) => {
    const { role, content, ...members } = message;
    const extra = Object.keys(members).length === 0 ? '' : JSON.stringify(members);
    return `    ${String(role)}${extra}${typeof content === 'string' ? ' (string)' : ''} ${describeBlocks(blocksOf(content))}`;
  });
  return [
    `    ${JSON.stringify(rest)}`,
    `    tools ${describeBlocks(objectsIn(tools))}`,
    `    system${typeof system === 'string' ? ' (string)' : ''} ${describeBlocks(blocksOf(system))}`,
    ...turns,
  ].join('\n');
}

/** A step for people: sizes in tokens, `*5m` for a marker, `{}` around inner ones, `~` for deferred tools. */
export function describeStep(step: Step): string {
  if (step.kind === 'advance') return `advance ${step.ms} ms`;
  const head = `${step.kind} ${step.workspace}${step.kind === 'request' && step.beginAfterMs > 0 ? ` begins after ${step.beginAfterMs} ms` : ''}`;
  return typeof step.body === 'string' ? `${head}\n    broken JSON` : `${head}\n${describeBody(step.body)}`;
}
