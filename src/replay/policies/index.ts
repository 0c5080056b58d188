import type { ReplayPolicy } from '../policy.ts';
import { articlePolicy } from './article.ts';
import { cachewrightPolicy, keepAlivePolicy } from './cachewright.ts';
import { clairvoyantPolicy } from './clairvoyant.ts';
import { fixedPolicies } from './fixed.ts';
import { gatedPolicy } from './gated.ts';
import { keepAlivePolicies } from './keep-alive.ts';

/** With the gate, but without keep-alive: for looking at the gate alone. */
const gated = gatedPolicy(cachewrightPolicy);

/** Every policy that `replay` knows, in the order in which it shows them. */
export const POLICIES: readonly ReplayPolicy[] = [
  ...fixedPolicies,
  articlePolicy,
  ...keepAlivePolicies,
  cachewrightPolicy,
  keepAlivePolicy,
  gatedPolicy(keepAlivePolicy),
  gated,
  clairvoyantPolicy,
];

const onlyOnRequest: ReadonlySet<ReplayPolicy> = new Set([...keepAlivePolicies, gated]);

/** What is run unless other policies are asked for: naive keep-alive sends more pings than there are requests. */
export const defaultPolicyNames: readonly string[] = POLICIES.filter(
  (policy) => !onlyOnRequest.has(policy),
).map((policy) => policy.name);

/** The policy of a name; null when there is none. */
export function findPolicy(name: string): ReplayPolicy | null {
  return POLICIES.find((policy) => policy.name === name) ?? null;
}
