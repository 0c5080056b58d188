import { isObject, stringMember, type JsonObject, type ModelFacts } from '../core/index.ts';
import { readUsage } from '../wire/index.ts';
import {
  askTwice,
  bodyOf,
  cacheableText,
  callApi,
  sendMessage,
  textBlock,
  waitFor,
  writtenTokensOf,
} from './prompts.ts';
import type { Question, Reply, Script, ScriptContext } from './types.ts';

const always = (): null => null;

/** A beta value that no longer does anything but is accepted (spec 2.5): only its being there can matter. */
const SPENT_BETA = 'extended-cache-ttl-2025-04-11';

const BATCH_POLLS_MAX = 90;
const BATCH_POLL_MS = 30_000;
const SECOND_MS = 1000;

/** Enough for an answer with one search. */
const SEARCH_TOKENS = 400;

function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** What the only request of a batch read, from its lines of results. */
function readInResults(text: string): number {
  const [first = ''] = text.split('\n');
  if (first === '') return 0;
  const result = asObject(asObject(JSON.parse(first))['result']);
  return readUsage(asObject(result['message'])['usage'])?.readTokens ?? 0;
}

/** A prefix written by a plain request, then asked for by a batch. */
function* askBatch(context: ScriptContext): Script {
  const body = bodyOf(context, [textBlock(cacheableText(context, 'base'), '1h')]);
  yield* sendMessage(body);
  const requests = [{ custom_id: 'probe', params: body }];
  let batch = asObject((yield* callApi('POST', '/v1/messages/batches', { requests })).json);
  const id = stringMember(batch, 'id') ?? '';
  for (let poll = 0; poll < BATCH_POLLS_MAX && batch['processing_status'] === 'in_progress'; poll += 1) {
    yield* waitFor(BATCH_POLL_MS);
    batch = asObject((yield* callApi('GET', `/v1/messages/batches/${id}`, null)).json);
  }
  const results = yield* callApi('GET', `/v1/messages/batches/${id}/results`, null);
  const read = readInResults(results.text);
  return { value: read > 0, seen: `the batch read ${read}` };
}

function askGeography(context: ScriptContext): Script {
  const system = [textBlock(cacheableText(context, 'base'), '5m')];
  const first = sendMessage(bodyOf(context, system, { inference_geo: 'global' }));
  const second = sendMessage(bodyOf(context, system, { inference_geo: 'us' }));
  return askTwice(first, second, (read) => read === 0);
}

function askBetas(context: ScriptContext): Script {
  const body = bodyOf(context, [textBlock(cacheableText(context, 'base'), '5m')]);
  return askTwice(
    sendMessage(body),
    sendMessage(body, { 'anthropic-beta': SPENT_BETA }),
    (read) => read === 0,
  );
}

/** An entry that ends inside a run of tool results, and a later marker that can only find it by testing that end. */
function askCollapsedRun(context: ScriptContext): Script {
  const ids = ['toolu_probe_1', 'toolu_probe_2', 'toolu_probe_3'];
  const tools = [{ name: 'look', description: 'Looks.', input_schema: { type: 'object', properties: {} } }];
  const marker = { cache_control: { type: 'ephemeral', ttl: '5m' } };
  const bodyWith = (markedId: string | null): object => {
    const results = ids.map((id) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: `seen ${id}`,
      ...(id === markedId && marker),
    }));
    const uses = ids.map((id) => ({ type: 'tool_use', id, name: 'look', input: {} }));
    const end = { ...textBlock('Say yes.'), ...(markedId === null && marker) };
    const messages = [
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: uses },
      { role: 'user', content: [...results, end] },
    ];
    return bodyOf(context, [textBlock(cacheableText(context, 'base'))], { tools, messages });
  };
  const [first = ''] = ids;
  return askTwice(sendMessage(bodyWith(first)), sendMessage(bodyWith(null)), (read) =>
    read > 0 ? 'any' : 'last',
  );
}

/** The same system prompt under another effort: lost when effort is rendered ahead of it. */
function askConfigRender(context: ScriptContext): Script {
  const system = [textBlock(cacheableText(context, 'base'), '5m')];
  const other = context.model.defaultEffort === 'low' ? 'medium' : 'low';
  const second = sendMessage(bodyOf(context, system, { output_config: { effort: other } }));
  return askTwice(sendMessage(bodyOf(context, system)), second, (read) => {
    const isAhead = read === 0;
    if (isAhead === context.model.rendersConfigAhead) return 'model';
    return isAhead ? 'ahead' : 'messages';
  });
}

function askOutputFormat(context: ScriptContext): Script {
  const system = [textBlock(cacheableText(context, 'base'), '5m')];
  const withFormat = (name: string): object => {
    const properties = { [name]: { type: 'boolean' } };
    const schema = { type: 'object', properties, required: [name], additionalProperties: false };
    return bodyOf(context, system, { output_config: { format: { type: 'json_schema', schema } } });
  };
  const [first, second] = [sendMessage(withFormat('yes')), sendMessage(withFormat('no'))];
  return askTwice(first, second, (read) => (read > 0 ? 'messages' : 'system'));
}

function refuseUnforced(model: ModelFacts): string | null {
  return model.toolOverhead.forcedTokens === null ? 'the model takes no forced tool_choice' : null;
}

/** The same system prompt under a forced choice: what it reads has grown, or is lost, where the overhead lies below it. */
function askToolChoice(context: ScriptContext): Script {
  const system = [textBlock(cacheableText(context, 'base'), '5m')];
  const tools = [{ name: 'look', description: 'Looks.', input_schema: { type: 'object', properties: {} } }];
  const withChoice = (type: string): object => bodyOf(context, system, { tools, tool_choice: { type } });
  const [first, second] = [sendMessage(withChoice('auto')), sendMessage(withChoice('any'))];
  return askTwice(first, second, (read, written) => (read === written ? 'messages' : 'system'));
}

/** A search by the service under four markers of ours: does it mark its own result as a fifth position? */
function* askServerBreakpoints(context: ScriptContext): Script {
  const texts = ['second', 'third', 'fourth'].map((label) => `${label} ${context.nonce}`);
  const system = [cacheableText(context, 'base'), ...texts].map((text) => textBlock(text, '5m'));
  const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 1 }];
  const messages = [
    { role: 'user', content: 'Search the web once for the length of the Danube, then say yes.' },
  ];
  const body = bodyOf(context, system, { tools, messages, max_tokens: SEARCH_TOKENS });
  const counted = yield* callApi('POST', '/v1/messages/count_tokens', body);
  const reply = yield* sendMessage(body);
  const promptTokens = Number(asObject(counted.json)['input_tokens'] ?? 0);
  const content: unknown = asObject(reply.json)['content'];
  const blocks: readonly unknown[] = Array.isArray(content) ? content : [];
  const hasSearched = blocks.some((block) => asObject(block)['type'] === 'web_search_tool_result');
  const written = writtenTokensOf(reply);
  const seen = hasSearched ? `wrote ${written} with a prompt of ${promptTokens}` : 'the model did not search';
  return { value: hasSearched ? written <= promptTokens : undefined, seen };
}

const FINGERPRINT_AGES_MS = [60, 290, 900, 1800, 3540, 3660].map((seconds) => seconds * SECOND_MS);

function reasonOf(reply: Reply): string {
  const diagnostics = asObject(asObject(reply.json)['diagnostics']);
  return stringMember(asObject(diagnostics['cache_miss_reason']), 'type') ?? '';
}

/** One message named again and again as the previous one, until it is no longer known. */
function* askFingerprint(context: ScriptContext): Script {
  const asking = (id: string | null): object =>
    bodyOf(context, [textBlock(context.nonce)], { diagnostics: { previous_message_id: id } });
  const first = yield* sendMessage(asking(null));
  const id = stringMember(asObject(first.json), 'id') ?? '';
  const known: number[] = [];
  let passedMs = 0;
  for (const ageMs of FINGERPRINT_AGES_MS) {
    yield* waitFor(ageMs - passedMs);
    passedMs = ageMs;
    const reply = yield* sendMessage(asking(id));
    if (reasonOf(reply) !== 'previous_message_not_found') known.push(ageMs);
  }
  const longest = Math.max(0, ...known);
  return { value: longest, seen: `known for ${longest / SECOND_MS} s at least` };
}

/** What belongs to the key of an entry, and where settings lie in the prompt. */
export const KEY_QUESTIONS: readonly Question[] = [
  {
    name: 'configRender',
    title: 'is effort rendered ahead of the system prompt',
    refusal: always,
    script: askConfigRender,
  },
  {
    name: 'outputFormatLevel',
    title: 'does another output format lose the system prompt',
    refusal: always,
    script: askOutputFormat,
  },
  {
    name: 'toolChoiceOverheadLevel',
    title: 'do the tokens of a forced tool choice lie in the system prompt',
    refusal: refuseUnforced,
    script: askToolChoice,
  },
  {
    name: 'collapsedRunEnds',
    title: 'is an entry found that ends inside a run of tool results',
    refusal: always,
    script: askCollapsedRun,
  },
  {
    name: 'serverBreakpointsCount',
    title: "do the service's own breakpoints after a web search count toward four",
    refusal: always,
    script: askServerBreakpoints,
  },
  { name: 'betaHeadersInKey', title: 'do beta headers divide the cache', refusal: always, script: askBetas },
  {
    name: 'geographyInKey',
    title: 'does inference_geo divide the cache',
    refusal: (model) => (model.hasGeoPricing ? null : 'the model takes no inference_geo'),
    script: askGeography,
  },
  { name: 'batchSharesEntries', title: 'do batches share the cache', refusal: always, script: askBatch },
  {
    name: 'fingerprintLifetimeMs',
    title: 'how long diagnostics remember a message',
    refusal: always,
    script: askFingerprint,
  },
];
