import { isObject, resolveModel, type JsonObject, type ModelFacts } from '../core/index.ts';
import { copyJson, readBlocks, type HistoryMessage } from './message.ts';

/** What stands before the messages of a conversation, and stays as it is. */
export interface Settings {
  readonly model: string;
  readonly maxTokens: number;
  readonly system: readonly JsonObject[];
  readonly tools: readonly JsonObject[];
  /** Other members of the request: `thinking`, `tool_choice`, `output_config` and the like. */
  readonly parameters: JsonObject;
}

/** The same as a caller gives it. */
export interface GivenSettings {
  readonly model: string;
  readonly maxTokens: number;
  readonly system?: string | readonly object[] | undefined;
  readonly tools?: readonly object[] | undefined;
  readonly parameters?: object | undefined;
}

const OWN_MEMBERS = [
  'model',
  'max_tokens',
  'messages',
  'system',
  'tools',
  'cache_control',
  'stream',
  'thread',
];

/** @throws RangeError for parameters that are the conversation's own. */
function readParameters(given: object): JsonObject {
  const parameters = copyJson(given);
  if (!isObject(parameters)) throw new RangeError('parameters must be an object');
  const own = OWN_MEMBERS.find((name) => (parameters[name] ?? null) !== null);
  if (own !== undefined) throw new RangeError(`parameters cannot hold ${own} in a conversation`);
  // A member that is null is as good as absent, and SDKs send some.
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !OWN_MEMBERS.includes(name)));
}

/** @throws RangeError for settings that make no request. */
export function readSettings(given: GivenSettings): Settings {
  const { model, maxTokens } = given;
  if (typeof model !== 'string' || model === '') throw new RangeError('model must be the id of a model');
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw new RangeError(`maxTokens must be a whole number from 1 on, got ${maxTokens}`);
  return {
    model,
    maxTokens,
    system: readBlocks(given.system ?? [], 'system'),
    tools: readBlocks(given.tools ?? [], 'tools'),
    parameters: readParameters(given.parameters ?? {}),
  };
}

export function factsOf({ model }: Settings): ModelFacts {
  return resolveModel(model).facts;
}

/** Is what stands before the messages another? */
export function hasOtherPrompt(before: Settings, after: Settings): boolean {
  return (['model', 'tools', 'system'] as const).some(
    (part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]),
  );
}

/** The request without markers. */
export function toBody(settings: Settings, messages: readonly HistoryMessage[]): JsonObject {
  const { model, maxTokens, system, tools, parameters } = settings;
  return {
    model,
    max_tokens: maxTokens,
    ...parameters,
    ...(tools.length > 0 && { tools }),
    ...(system.length > 0 && { system }),
    messages,
  };
}
