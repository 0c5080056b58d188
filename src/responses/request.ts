import { createHmac, type KeyObject } from 'node:crypto';

import { isObject, type JsonObject } from '../core/index.ts';
import { canonicalBody } from './canonical-body.ts';
import type { CallSettings, Rules, Ruling } from './rules.ts';
import { relevantHeaders, scopeOf, type HeaderMap } from './scope.ts';

/** The two forms in which the API answers. */
export type AnswerForm = 'json' | 'sse';

/** Why a request is neither answered from the cache nor remembered. */
export type BypassReason =
  | 'off'
  | 'bad-directive'
  | 'not-messages'
  | 'unreadable-body'
  | 'body-too-large'
  | 'duplicate-members'
  | 'too-deep'
  | 'no-credential'
  | 'temperature'
  | 'thread'
  | 'container'
  | 'server-tools'
  | 'no-output'
  | 'leader-failed';

/** How a call came. */
export interface CallOrigin {
  /** The same object for all calls that come over one connection. */
  readonly connection: object;
  /** The headers as they were written, names and values in turn. */
  readonly rawHeaders: readonly string[];
}

/** A request for messages as it came. */
export interface MessageCall {
  readonly body: Uint8Array | string;
  /** Any case of names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where a call came over a connection: by it, calls of one client are known again sooner. */
  readonly origin?: CallOrigin;
  /** Path and query. @default '/v1/messages' */
  readonly target?: string;
  /** Splits the scope of the credential, and is the scope where the headers hold no credential. */
  readonly scope?: string;
  /** Names by which the answer can be purged. */
  readonly tags?: readonly string[];
  /** Versions of contents of which the request was made, by which the answer can be purged. */
  readonly contents?: readonly string[];
  /** How long the answer counts as fresh; a call that gives it is eligible at any temperature. `'off'`: not at all. */
  readonly ttlMs?: number | 'off';
  readonly signal?: AbortSignal;
}

/** What decides whether a request is eligible. */
export interface Eligibility {
  readonly rules: Rules;
  readonly bodyBytesMax: number;
  /** The name of a request's scope for people, by which its answers can be purged and rules can ask; null: as in its key. */
  readonly scopeName: ((headers: HeaderMap) => string) | null;
}

/** A request that may be answered from the cache. */
export interface EligibleCall {
  readonly key: string;
  /** Under its name for people. */
  readonly scope: string;
  readonly model: string;
  readonly form: AnswerForm;
  readonly tags: readonly string[];
  readonly contents: readonly string[];
  /** What holds for it, by its own wish, the first rule that is for it, or as is usual. */
  readonly settings: CallSettings;
}

export type ReadCall =
  | { readonly kind: 'eligible'; readonly call: EligibleCall }
  | { readonly kind: 'bypass'; readonly reason: BypassReason };

/** Part of every key: answers kept by another version of the rules for keys are not found. */
const KEY_VERSION = 1;

/** Client-side tools of the API, and those of its own that only look up what the request holds. */
const HARMLESS_TOOLS: ReadonlySet<string> = new Set([
  'custom',
  'bash',
  'text_editor',
  'computer',
  'memory',
  'tool_search_tool_regex',
  'tool_search_tool_bm25',
]);

const DIRECTIVE = /^\d{1,9}$/;

function bypass(reason: BypassReason): ReadCall {
  return { kind: 'bypass', reason };
}

function isMessagesTarget(target: string): boolean {
  return (target.split('?')[0] ?? '').endsWith('/v1/messages');
}

/** What the header says; undefined when it says nothing that can be understood. */
function readDirective(value: string | undefined): number | 'off' | null | undefined {
  if (value === undefined) return null;
  if (value === 'off' || /^0+$/.test(value)) return 'off';
  return DIRECTIVE.test(value) ? Number(value) * 1000 : undefined;
}

function parseJson(body: Uint8Array | string): { readonly text: string; readonly root: JsonObject } | null {
  try {
    const text =
      typeof body === 'string'
        ? body
        : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    const root: unknown = JSON.parse(text);
    return isObject(root) ? { text, root } : null;
  } catch {
    return null;
  }
}

/** A tool type without the date by which versions are told apart. */
function toolName(type: string): string {
  return type.replace(/_\d{8}$/, '');
}

function hasServerTools({ tools, mcp_servers: servers }: JsonObject, allowed: readonly string[]): boolean {
  if (servers !== undefined && servers !== null && !(Array.isArray(servers) && servers.length === 0))
    return true;
  if (tools === undefined || tools === null) return false;
  if (!Array.isArray(tools)) return true;
  return tools.some((tool: unknown) => {
    if (!isObject(tool)) return true;
    const { type = 'custom' } = tool;
    if (typeof type !== 'string') return true;
    return !HARMLESS_TOOLS.has(toolName(type)) && !allowed.includes(toolName(type));
  });
}

/** What in the body keeps it from being answered from the cache. */
function bodyBypass(root: JsonObject, settings: CallSettings, isOptedIn: boolean): BypassReason | null {
  const { stream, model, thread, container, temperature } = root;
  if (typeof model !== 'string' || !Array.isArray(root['messages'])) return 'unreadable-body';
  if (stream !== undefined && typeof stream !== 'boolean') return 'unreadable-body';
  if (thread !== undefined) return 'thread';
  if (container !== undefined && container !== null) return 'container';
  if (hasServerTools(root, settings.serverTools)) return 'server-tools';
  // Sent to write the prompt cache: an answer from ours would not do that.
  if (root['max_tokens'] === 0) return 'no-output';
  return temperature === 0 || isOptedIn || settings.temperatures === 'any' ? null : 'temperature';
}

/** Names of headers in lower case. */
export function lowerNames(headers: Readonly<Record<string, string>>): HeaderMap {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function readTags(call: MessageCall, headers: HeaderMap): readonly string[] {
  const given = (headers['x-cachewright-tags'] ?? '').split(',').map((tag) => tag.trim());
  return [...new Set([...(call.tags ?? []), ...given])].filter((tag) => tag !== '').toSorted();
}

/** Why a call does not come as far as its body; else how long its answer counts as fresh. */
function readWish(call: MessageCall, headers: HeaderMap, bodyBytesMax: number): BypassReason | number | null {
  if (!isMessagesTarget(call.target ?? '/v1/messages')) return 'not-messages';
  const directive = readDirective(headers['x-cachewright-response-cache']);
  if (directive === undefined) return 'bad-directive';
  if (call.ttlMs === 'off' || directive === 'off') return 'off';
  return call.body.length > bodyBytesMax ? 'body-too-large' : (directive ?? call.ttlMs ?? null);
}

/** What holds for a call that is readable so far. */
function ruleFor(
  call: MessageCall,
  headers: HeaderMap,
  root: JsonObject,
  { rules, scopeName }: Eligibility,
): Ruling {
  const names = [call.scope, headers['x-cachewright-scope']].filter((name) => name !== undefined);
  return rules.for({
    model: String(root['model']),
    target: call.target ?? '/v1/messages',
    tags: readTags(call, headers),
    scopes: () => (scopeName ? [...names, scopeName(headers)] : names),
  });
}

/**
 * Reads a call: whether it is eligible, and the key under which its answer is kept.
 *
 * @param headers with names in lower case
 */
export function readCall(
  call: MessageCall,
  headers: HeaderMap,
  eligibility: Eligibility,
  secret: KeyObject,
): ReadCall {
  const wish = readWish(call, headers, eligibility.bodyBytesMax);
  if (typeof wish === 'string') return bypass(wish);
  const parsed = parseJson(call.body);
  if (!parsed) return bypass('unreadable-body');
  const { text, root } = parsed;
  const { settings, isOff } = ruleFor(call, headers, root, eligibility);
  if (isOff && wish === null) return bypass('off');
  const reason = bodyBypass(root, settings, wish !== null);
  if (reason) return bypass(reason);
  const scope = scopeOf(secret, headers, call.scope ?? null);
  if (scope === null) return bypass('no-credential');
  const canonical = canonicalBody(text);
  if ('problem' in canonical) return bypass(canonical.problem);
  const target = call.target ?? '/v1/messages';
  // Whoever wants no kept refusals does not meet those that another rule keeps.
  const refusals = settings.keepRefusals ? ['refusals'] : [];
  const key = createHmac('sha256', secret)
    .update(JSON.stringify([KEY_VERSION, scope, target, relevantHeaders(headers), ...refusals]))
    .update('\n')
    .update(canonical.text)
    .digest('hex');
  return {
    kind: 'eligible',
    call: {
      key,
      scope: eligibility.scopeName?.(headers) ?? scope,
      model: String(root['model']),
      form: root['stream'] === true ? 'sse' : 'json',
      tags: readTags(call, headers),
      contents: [...new Set(call.contents)].toSorted(),
      settings: wish === null ? settings : { ...settings, ttlMs: wish },
    },
  };
}
