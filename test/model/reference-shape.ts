import { demand, isObject, type JsonObject } from './reference-json.ts';

const ROLES: readonly unknown[] = ['user', 'assistant', 'system'];

function checkBlock(block: JsonObject, where: string): void {
  const { type, text, content } = block;
  if (type === 'text') demand(typeof text === 'string', `${where} holds a text block without text`);
  if (type === 'tool_result' && content !== undefined) checkBlocks(content, `${where} of a tool result`);
}

function checkBlocks(content: unknown, where: string): void {
  if (typeof content === 'string') return;
  demand(Array.isArray(content), `${where} must be a string or a list`);
  for (const block of content as unknown[]) {
    demand(isObject(block) && typeof block['type'] === 'string', `${where} holds something that is no block`);
    checkBlock(block, where);
  }
}

function checkMaxTokens(body: JsonObject): void {
  const maxTokens = body['max_tokens'];
  demand(Number.isInteger(maxTokens) && (maxTokens as number) >= 0, 'max_tokens must be a whole number');
}

/** Pre-warm requests exclude what needs output (spec 1.6, last row). */
function checkPrewarm(body: JsonObject): void {
  if (body['max_tokens'] !== 0) return;
  demand(body['stream'] !== true, 'max_tokens 0 with stream');
  const thinking = body['thinking'];
  demand(!isObject(thinking) || thinking['type'] !== 'enabled', 'max_tokens 0 with enabled thinking');
  const outputConfig = body['output_config'];
  demand(
    !isObject(outputConfig) || (outputConfig['format'] ?? null) === null,
    'max_tokens 0 with output format',
  );
  const choice = isObject(body['tool_choice']) ? body['tool_choice']['type'] : undefined;
  demand(choice !== 'any' && choice !== 'tool', 'max_tokens 0 with forced tool choice');
  demand((body['compaction'] ?? null) === null, 'max_tokens 0 with compaction');
}

/** Refuses malformed types (design 4.3). `max_tokens` is looked at only where it belongs: not by `count_tokens`. */
export function checkShape(body: unknown, endpoint: 'messages' | 'count_tokens'): JsonObject {
  demand(isObject(body), 'the body must be an object');
  demand(typeof body['model'] === 'string', 'model must be a string');
  demand(Array.isArray(body['messages']), 'messages must be a list');
  for (const message of body['messages'] as unknown[]) {
    demand(isObject(message), 'a message must be an object');
    demand(ROLES.includes(message['role']), 'a message needs a known role');
    checkBlocks(message['content'], 'content');
  }
  if (body['system'] !== undefined) checkBlocks(body['system'], 'system');
  const tools = body['tools'];
  demand(
    tools === undefined || (Array.isArray(tools) && tools.every(isObject)),
    'tools must be a list of objects',
  );
  const { thinking } = body;
  demand(thinking === undefined || thinking === null || isObject(thinking), 'thinking must be an object');
  if (endpoint === 'messages') {
    demand(
      body['stream'] === undefined || typeof body['stream'] === 'boolean',
      'stream must be true or false',
    );
    checkMaxTokens(body);
    checkPrewarm(body);
  }
  return body;
}
