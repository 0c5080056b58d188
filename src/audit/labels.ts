import type { AuditPolicy, PartName } from './report-data.ts';

/** How a part is told to people. */
export interface PartLabel {
  readonly label: string;
  readonly isMiss: boolean;
}

/** Every part, in the order in which parts of equal cost are shown. */
export const PART_LABELS: Readonly<Record<PartName, PartLabel>> = {
  read: { label: 'read from the cache', isMiss: false },
  new_content: { label: 'new content', isMiss: false },
  output: { label: 'output', isMiss: false },
  server_tools: { label: 'web searches', isMiss: false },
  side_steps: { label: 'steps with a prompt of their own', isMiss: false },
  start: { label: 'start of a conversation', isMiss: true },
  expired: { label: 'expired', isMiss: true },
  changed_tools: { label: 'changed prefix: tools', isMiss: true },
  changed_system: { label: 'changed prefix: system', isMiss: true },
  changed_messages: { label: 'changed prefix: messages', isMiss: true },
  changed_somewhere: { label: 'changed prefix: client updated', isMiss: true },
  compaction: { label: 'compaction', isMiss: true },
  model_switch: { label: 'model switch', isMiss: true },
  in_flight: { label: 'sent before it was readable', isMiss: true },
  unmarked: { label: 'sent again without a breakpoint', isMiss: true },
  below_minimum: { label: "below the model's minimum", isMiss: true },
  unknown: { label: 'unknown', isMiss: true },
};

/** How a policy is told to people. */
export const POLICY_LABELS: Readonly<Record<AuditPolicy['name'], string>> = {
  'no-caching': 'no caching',
  'automatic-5m': 'automatic caching, 5m',
  'always-1h': 'everything at 1h',
  cachewright: 'Cachewright',
};
