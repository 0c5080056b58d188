import {
  chainPrefixes,
  estimateBlock,
  isObject,
  partitionOf,
  PLATFORMS,
  defaultOpenQuestions,
  readPrompt,
  stringMember,
  type JsonObject,
  type Prompt,
} from '../core/index.ts';
import { parseTimestamp, sha256Text } from '../runtime/index.ts';
import { readUsage } from '../wire/index.ts';
import type { LoggedCall, LoggedPrompt } from './logged-call.ts';
import { readDiagnostics } from './transcript.ts';

/** Does the value look like a captured HTTP request? */
export function isCapture(value: JsonObject): boolean {
  return typeof value['method'] === 'string' && typeof value['path'] === 'string';
}

const timeOf = (value: unknown): number | null => (typeof value === 'string' ? parseTimestamp(value) : null);

const MESSAGES_PATH = /\/v1\/messages(?:\?|$)/;
/** A server that answers at once is not one that holds a prompt back: what a request wrote is readable to the next. */
const ANSWER_MS = 1;

function promptOf(body: JsonObject, cache: string): LoggedPrompt {
  const prompt = readPrompt(body);
  const chain = chainPrefixes(prompt, {
    partition: partitionFor(prompt),
    hash: sha256Text,
    countTokens: (block) => estimateBlock(block.value, prompt.model.facts.tokenizer).tokens,
    platform: PLATFORMS['claude-api'],
    countsOverhead: true,
  });
  return { cache, prompt, chain };
}

/** Keys are redacted in captures: one file's requests are taken to be one workspace's. */
function partitionFor(prompt: Prompt): string {
  const facts = {
    organization: '',
    workspace: '',
    modelId: prompt.model.facts.id,
    isBatch: false,
    inferenceGeo: null,
    betas: [],
  };
  return partitionOf(facts, PLATFORMS['claude-api'], defaultOpenQuestions);
}

/** Claude Code names its session and sub-agent; other clients do not. */
function clientOf({ headers }: JsonObject): string {
  if (!isObject(headers)) return '';
  const name = (header: string): string => stringMember(headers, header) ?? '';
  return `${name('x-claude-code-session-id')}\n${name('x-claude-code-agent-id')}`;
}

function isBillable(capture: JsonObject, response: unknown): boolean {
  if (capture['method'] !== 'POST' || !MESSAGES_PATH.test(String(capture['path']))) return false;
  return !isObject(response) || response['status'] === undefined || response['status'] === 200;
}

/**
 * A captured request as a call; null for one that bills nothing: other paths, errors. Without usage in the response,
 * what it would be billed is left to the model. A `thread` request has no prompt of its own and is passed over.
 */
export function captureCall(capture: JsonObject, path: string, number: number): LoggedCall | null {
  const { body, response } = capture;
  const atMs = timeOf(capture['t']);
  if (!isBillable(capture, response) || !isObject(body) || atMs === null) return null;
  const model = stringMember(body, 'model');
  if (model === null || !Array.isArray(body['messages']) || isObject(body['thread'])) return null;
  const answer = isObject(response) && isObject(response['body']) ? response['body'] : response;
  const usage = isObject(answer) ? readUsage(answer['usage']) : null;
  return {
    format: 'capture',
    key: `${path}\n${number}`,
    conversation: `${path}\n${clientOf(capture)}`,
    atMs,
    readyMs: atMs + ANSWER_MS,
    isDated: true,
    model,
    usage,
    history: 'extends',
    extendsKey: null,
    clientVersion: null,
    evidence: isObject(answer) ? readDiagnostics(answer) : null,
    prompt: promptOf(body, path),
    recorded: null,
  };
}
