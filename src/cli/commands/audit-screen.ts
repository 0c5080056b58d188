import picocolors from 'picocolors';

import type { AuditPart, AuditReport, Money, Ratio } from '../../audit/index.ts';
import { formatUsd, toUsd } from '../../core/index.ts';
import { formatTime } from '../../runtime/index.ts';

/** Columns of a line. */
const WIDTH = 100;
const MODELS_SHOWN = 2;
const NOTES_SHOWN = 4;

const count = (value: number): string => value.toLocaleString('en-US');
const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
const dollars = (money: Money): string => formatUsd(BigInt(money.picoUsd));
const heading = (text: string): string => picocolors.bold(picocolors.cyan(text));

function percent(share: number | null): string {
  return share === null ? 'n/a' : `${(share * 100).toFixed(1)} %`;
}

function shareOf(money: Money, whole: Money): string {
  return whole.usd === 0 ? 'n/a' : percent(money.usd / whole.usd);
}

function cut(text: string, width: number): string {
  // Names of files come from elsewhere: nothing in them may steer the terminal.
  const plain = text.replaceAll(/\p{Cc}/gu, '?');
  return plain.length <= width ? plain : `${plain.slice(0, width - 1)}…`;
}

/** Sentences broken at words, so that no line is longer than the screen. */
function wrap(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > WIDTH - indent.length - 2) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((own, index) => `${index === 0 ? indent : `${indent}  `}${own}`);
}

function period({ fromMs, toMs }: AuditReport): string {
  if (fromMs === null || toMs === null) return 'no dates in the log';
  const [from, to] = [fromMs, toMs].map((timeMs) => formatTime(timeMs).slice(0, 10));
  return from === to ? `${from}` : `${from} to ${to}`;
}

function showSummary(report: AuditReport): readonly string[] {
  const { files, calls, conversations, repeatedCalls, estimatedCalls, paid, hitRatio, models } = report;
  const repeats = repeatedCalls > 0 ? `, ${count(repeatedCalls)} logged again (billed once)` : '';
  const ratioLine = (name: string, ratio: Ratio, noun: string): string =>
    `${name.padEnd(11)}${percent(ratio.ratio).padStart(10)}  ${count(ratio.numerator)} of ${plural(ratio.denominator, noun)}`;
  const shown = models
    .slice(0, MODELS_SHOWN)
    .map((model) => `${cut(model.model, 28)} ${dollars(model.cost)}`);
  const more = models.length > MODELS_SHOWN ? `, ${models.length - MODELS_SHOWN} more` : '';
  return [
    `${plural(files, 'file')}, ${plural(calls, 'call')} in ${plural(conversations, 'conversation')}${repeats}; ${period(report)}`,
    '',
    `${picocolors.bold((estimatedCalls > 0 ? 'Estimated' : 'Paid').padEnd(11))}${picocolors.bold(dollars(paid).padStart(10))}  ${shown.join(', ')}${more}`,
    ratioLine('Hit ratio', hitRatio.byTokens, 'input token'),
    ratioLine('', hitRatio.byRequests, 'request'),
  ];
}

function partLine(part: AuditPart, paid: Money): string {
  const beyond = part.isMiss ? dollars(part.beyondReading) : '';
  const cells = [
    `  ${part.label.padEnd(35)}`,
    dollars(part.cost).padStart(12),
    shareOf(part.cost, paid).padStart(9),
    (part.tokens === 0 ? '' : count(part.tokens)).padStart(16),
    count(part.calls).padStart(10),
    beyond.padStart(13),
  ];
  return cells.join('');
}

/** The sum of what was missed, as a line above its reasons. */
function missedHeading({ parts, paid }: AuditReport): string {
  const picoUsd = parts.reduce((sum, part) => (part.isMiss ? sum + BigInt(part.cost.picoUsd) : sum), 0n);
  const cost: Money = { picoUsd: picoUsd.toString(), usd: toUsd(picoUsd) };
  return heading(
    `${'Missed, by reason'.padEnd(37)}${dollars(cost).padStart(12)}${shareOf(cost, paid).padStart(9)}`,
  );
}

function showParts(report: AuditReport): readonly string[] {
  const columns = [
    'Paid for'.padEnd(37),
    'dollars'.padStart(12),
    'share'.padStart(9),
    'tokens'.padStart(16),
    'calls'.padStart(10),
    'over a read'.padStart(13),
  ];
  const lines = (isMiss: boolean): readonly string[] =>
    report.parts.filter((part) => part.isMiss === isMiss).map((part) => partLine(part, report.paid));
  const misses = lines(true);
  return [
    heading(columns.join('')),
    ...lines(false),
    ...(misses.length > 0 ? [missedHeading(report), ...misses] : [heading('Missed: nothing')]),
  ];
}

function showHourWrites({ hourWrites }: AuditReport): readonly string[] {
  const { tokens, cost, paid, notNeeded, neverRead } = hourWrites;
  if (tokens === 0) return [];
  const share = (part: number): string => percent(part / tokens);
  return [
    '',
    `${heading('1h writes')} ${dollars(cost)} for ${count(tokens)} tokens, by what came of them`,
    `  a pause needed it         ${share(paid.tokens).padStart(7)}`,
    `  a 5m write would have done ${share(notNeeded.tokens).padStart(6)}   ${dollars(notNeeded.premium)} too much`,
    `  never read again          ${share(neverRead.tokens).padStart(7)}   ${dollars(neverRead.premium)} too much`,
  ];
}

function showPolicies({ policies, paid }: AuditReport): readonly string[] {
  const lines = policies.map(({ label, cost, saved }) => {
    const pico = BigInt(saved.picoUsd);
    const size = formatUsd(pico < 0n ? -pico : pico);
    const against = pico < 0n ? picocolors.red(`${size} more`) : picocolors.green(`${size} less`);
    return `  ${label.padEnd(35)}${dollars(cost).padStart(12)}${shareOf(cost, paid).padStart(9)}   ${pico === 0n ? 'the same' : against}`;
  });
  return ['', heading('The same calls would have cost (modelled)'), ...lines];
}

function showChanges({ changes }: AuditReport): readonly string[] {
  if (changes.length === 0) return ['', heading('Worth changing: nothing that the log shows')];
  const lines = changes.flatMap((change, index) => [
    `  ${index + 1}. ${picocolors.green(`${dollars(change.saved)} less`.padStart(16))}  ${change.title}`,
    picocolors.dim(`${' '.repeat(23)}${change.detail}`),
  ]);
  return ['', heading('Worth most (they overlap: do not add them up)'), ...lines];
}

function showNotes({ notes, moreNotes, assumptions }: AuditReport): readonly string[] {
  const hidden = notes.length - NOTES_SHOWN + moreNotes;
  const lines = notes
    .slice(0, NOTES_SHOWN)
    .map(({ path, note }) => `  ${cut(`${path}: ${note}`.replace(`${path}: ${path}`, path), WIDTH - 2)}`);
  return [
    ...(lines.length > 0 ? ['', heading('Files to look at'), ...lines] : []),
    ...(hidden > 0 ? [`  and ${count(hidden)} more; --json lists the first 20`] : []),
    '',
    heading('Assumptions'),
    ...assumptions.flatMap((text) => wrap(text, '  ')).map((line) => picocolors.dim(line)),
  ];
}

/** The report as one screen of text: at most 100 columns, about 50 lines. */
export function renderAudit(report: AuditReport): string {
  return [
    ...showSummary(report),
    '',
    ...showParts(report),
    ...showHourWrites(report),
    ...showPolicies(report),
    ...showChanges(report),
    ...showNotes(report),
  ].join('\n');
}
