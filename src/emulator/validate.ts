import { z } from 'zod';

import { isObject, readMarkers, type JsonObject } from '../core/index.ts';
import { invalidRequest, type ApiError } from './errors.ts';

/** A block whose required members have the right type; members and block types not known here pass. */
const requiredByType: { readonly [type: string]: z.ZodType } = {
  text: z.looseObject({ text: z.string() }),
  thinking: z.looseObject({ thinking: z.string(), signature: z.string().optional() }),
  redacted_thinking: z.looseObject({ data: z.string() }),
  tool_use: z.looseObject({ id: z.string().optional(), name: z.string(), input: z.looseObject({}) }),
  tool_result: z.looseObject({
    tool_use_id: z.string().optional(),
    content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).nullish(),
    is_error: z.boolean().nullish(),
  }),
  image: z.looseObject({ source: z.looseObject({}) }),
  document: z.looseObject({ source: z.looseObject({}) }),
};

const block = z.looseObject({ type: z.string() }).superRefine((value, context) => {
  // A type such as `constructor` must find nothing.
  const shape = Object.hasOwn(requiredByType, value.type) ? requiredByType[value.type] : undefined;
  const result = shape?.safeParse(value);
  if (!result || result.success) return;
  for (const issue of result.error.issues) {
    context.addIssue({ code: 'custom', path: [value.type, ...issue.path], message: issue.message });
  }
});

const message = z.looseObject({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(block)]),
});

const countable = z.looseObject({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  system: z.union([z.string(), z.array(block)]).nullish(),
  tools: z
    .array(
      z.looseObject({
        type: z.string().nullish(),
        name: z.string().optional(),
        input_schema: z.looseObject({}).optional(),
      }),
    )
    .nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  thinking: z.looseObject({ type: z.string() }).nullish(),
  output_config: z.looseObject({}).nullish(),
});

const creatable = countable.extend({
  max_tokens: z.number().int().nonnegative(),
  stream: z.boolean().nullish(),
});

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'invalid request';
  const deepest = issue.code === 'invalid_union' ? deepestOf(issue) : issue;
  const path = deepest.path.map(String).join('.');
  return path === '' ? deepest.message : `${path}: ${deepest.message}`;
}

/** Of the ways in which a union failed, the one that got furthest says most. */
function deepestOf(issue: z.core.$ZodIssueInvalidUnion): { path: PropertyKey[]; message: string } {
  const inner = issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0];
  return inner ? { path: [...issue.path, ...inner.path], message: inner.message } : issue;
}

/** Why `max_tokens: 0` cannot be used with this body; null when it can (spec 1.6, 10.2). */
function prewarmProblem(body: JsonObject, isBatch: boolean): string | null {
  if (body['max_tokens'] !== 0) return null;
  const thinking = isObject(body['thinking']) ? body['thinking']['type'] : null;
  const choice = isObject(body['tool_choice']) ? body['tool_choice']['type'] : null;
  const config = isObject(body['output_config']) ? body['output_config'] : {};
  const reasons: [boolean, string][] = [
    [isBatch, 'in a batch'],
    [body['stream'] === true, 'with stream: true'],
    [thinking === 'enabled', 'with thinking.type "enabled"'],
    [(config['format'] ?? null) !== null, 'with output_config.format'],
    [choice === 'any' || choice === 'tool', `with tool_choice "${String(choice)}"`],
    [(body['compaction'] ?? null) !== null, 'with compaction'],
  ];
  const found = reasons.find(([applies]) => applies);
  return found ? `max_tokens: 0 cannot be used ${found[1]}` : null;
}

/** Error message and details with which the API refuses message threads here (spec 2.5). */
function threadProblem(body: JsonObject): ApiError | null {
  if ((body['thread'] ?? null) === null) return null;
  return invalidRequest('thread: message threads are not supported here; send the whole conversation', {
    error_code: 'thread_unsupported_request',
    unsupported: ['cache_control'],
  });
}

/** Which endpoint a body was sent to: they ask for different members. */
export type Endpoint = 'messages' | 'count_tokens' | 'batch';

/**
 * Judges a body as far as the emulator does: malformed types, markers (spec 1.5, 1.6), what cannot go
 * with `max_tokens: 0`, and threads. Everything else is accepted.
 */
export function validateBody(body: unknown, endpoint: Endpoint): ApiError | null {
  if (!isObject(body)) return invalidRequest('the request body must be a JSON object');
  const thread = threadProblem(body);
  if (thread) return thread;
  const parsed = (endpoint === 'count_tokens' ? countable : creatable).safeParse(body);
  if (!parsed.success) return invalidRequest(describeIssue(parsed.error));
  const markers = readMarkers(body);
  if ('problem' in markers) return invalidRequest(markers.problem.message);
  // Counting generates nothing, so nothing about generating can be wrong with it.
  const prewarm = endpoint === 'count_tokens' ? null : prewarmProblem(body, endpoint === 'batch');
  return prewarm ? invalidRequest(prewarm) : null;
}
