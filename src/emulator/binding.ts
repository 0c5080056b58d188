import {
  isObject,
  isThinkingType,
  pathText,
  readPrompt,
  resolveModel,
  stringMember,
  type Block,
  type JsonObject,
  type ModelFacts,
  type Prompt,
} from '../core/index.ts';
import { sha256Text } from '../runtime/index.ts';
import { withMessages } from './cache-server.ts';
import { invalidRequest, type ApiError } from './errors.ts';

/** `strict`: signatures of thinking blocks bind them to model and conversation (spec 7.4); `off`: they mean nothing. */
export type BindingMode = 'off' | 'strict';

/** A signature in its parts: whose it is, the conversation before the block, and a sum that tells it from any text. */
const SIGNATURE = /^sig_01([\w-]{12})([\w-]{43})([\w-]{12})$/;

function shortHash(text: string): string {
  return sha256Text(text).slice(0, 12);
}

function writeSignature(model: ModelFacts, conversation: string): string {
  const owner = shortHash(model.id);
  return `sig_01${owner}${conversation}${shortHash(owner + conversation)}`;
}

/** What a signed summary carries: the prompt and the conversation that it stands for, its text, and a sum. */
const SUMMARY_SIGNATURE = /^cmp_01([\w-]{43})([\w-]{43})([\w-]{12})([\w-]{12})$/;

interface SummaryBond {
  readonly prompt: string;
  readonly conversation: string;
  readonly text: string;
}

function writeSummarySignature({ prompt, conversation, text }: SummaryBond): string {
  const signed = `${prompt}${conversation}${shortHash(text)}`;
  return `cmp_01${signed}${shortHash(signed)}`;
}

/** null where the signature is none of ours. */
function readSummarySignature(signature: string): SummaryBond | null {
  const [, prompt = '', conversation = '', text = '', sum] = SUMMARY_SIGNATURE.exec(signature) ?? [];
  return sum === shortHash(`${prompt}${conversation}${text}`) ? { prompt, conversation, text } : null;
}

type Verdict = 'valid' | 'unreadable' | 'edited';

function judgeSignature(signature: string, model: ModelFacts, conversation: string): Verdict {
  const [, owner = '', signed = '', sum] = SIGNATURE.exec(signature) ?? [];
  if (owner !== shortHash(model.id) || sum !== shortHash(owner + signed)) return 'unreadable';
  return signed === conversation ? 'valid' : 'edited';
}

/** Members that say nothing: markers, absent ones, and the caller that every plain tool call has. */
function isSilent(name: string, member: unknown): boolean {
  if (name === 'cache_control' || member === null) return true;
  return name === 'caller' && isObject(member) && member['type'] === 'direct';
}

/** A value with all that the binding ignores taken out: key order, white space at the ends of texts, string forms. */
function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(essence);
  if (!isObject(value)) return value;
  const isText = value['type'] === 'text';
  const hasShorthand = value['type'] === 'tool_result' || value['type'] === 'content';
  const members = Object.entries(value).filter(([name, member]) => !isSilent(name, member));
  const plain = members.map(([name, member]): [string, unknown] => {
    if (typeof member !== 'string') return [name, essence(member)];
    if (isText && name === 'text') return [name, member.trim()];
    return [name, hasShorthand && name === 'content' ? [{ text: member.trim(), type: 'text' }] : member];
  });
  return Object.fromEntries(plain.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function describe(value: unknown): string {
  return JSON.stringify(essence(value));
}

/** A message that lasts for one turn is gone later on, so that nothing can be bound to it. */
function isFleeting(block: Block, messages: readonly unknown[]): boolean {
  const message = block.level === 'messages' ? messages[Number(block.path[1])] : null;
  return isObject(message) && message['clear_at'] === 'next_user_message';
}

/** What a conversation is, up to any block: tools whatever their order, then every block but thinking. */
class Conversation {
  #hash: string;
  #promptHash: string | null = null;

  constructor(prompt: Prompt) {
    const tools = prompt.blocks
      .filter((block) => block.level === 'tools')
      .map(({ value }) => describe(value));
    this.#hash = sha256Text(tools.toSorted().join('\n'));
  }

  get hash(): string {
    return this.#hash;
  }

  /** The same up to the first message. */
  get promptHash(): string {
    return this.#promptHash ?? this.#hash;
  }

  add(speaker: string, value: JsonObject): void {
    const bond = value['type'] === 'compaction' ? readSummarySignature(signatureOf(value)) : null;
    // A summary stands for the conversation that it was made of, so that what was bound to that stays valid.
    if (bond?.prompt === this.promptHash) this.#hash = bond.conversation;
    else if (!isThinkingType(value['type']))
      this.#hash = sha256Text(`${this.#hash}\n${speaker}|${describe(value)}`);
  }

  addBlock(block: Block, messages: readonly unknown[]): void {
    if (block.level === 'tools' || isFleeting(block, messages)) return;
    if (block.level === 'messages') this.#promptHash ??= this.#hash;
    this.add(block.role ?? 'prompt', block.value);
  }
}

function signatureOf(value: JsonObject): string {
  return stringMember(value, 'signature') ?? '';
}

function messagesOf(body: JsonObject): readonly unknown[] {
  return Array.isArray(body['messages']) ? body['messages'] : [];
}

/** Where a thinking block carries what binds it. */
export function signatureMember(type: unknown): 'data' | 'signature' {
  return type === 'redacted_thinking' ? 'data' : 'signature';
}

function withoutBlocks(body: JsonObject, paths: ReadonlySet<string>): JsonObject {
  const messages = messagesOf(body).map((message, index) => {
    const content: unknown = isObject(message) ? message['content'] : null;
    if (!isObject(message) || !Array.isArray(content)) return message;
    const kept = content.filter((_block, at) => !paths.has(`messages.${index}.content.${at}`));
    return kept.length === content.length ? message : { ...message, content: kept };
  });
  return withMessages(body, messages);
}

function editedError(block: Block): ApiError {
  const place = `${pathText(block.path)}: Invalid \`${signatureMember(block.type)}\` in \`${block.type}\` block.`;
  const advice = 'Send thinking blocks back only after the unchanged messages that they followed.';
  return invalidRequest(`${place} The block is bound to a different conversation. ${advice}`);
}

/**
 * What a model with bound thinking makes of a replayed conversation (spec 7.4): blocks that it cannot read are
 * dropped before anything is hashed or counted; a block whose conversation was edited is refused. Everything
 * else, and every body for another model, stays the very same object.
 *
 * @example admitThinking(body) // { body } or { error }
 */
export function admitThinking(
  body: JsonObject,
): { readonly body: JsonObject } | { readonly error: ApiError } {
  const { facts } = resolveModel(stringMember(body, 'model') ?? '');
  const prompt = readPrompt(body);
  if (!facts.thinking.isBound || !prompt.blocks.some(({ type }) => isThinkingType(type))) return { body };
  const conversation = new Conversation(prompt);
  const messages = messagesOf(body);
  const unreadable = new Set<string>();
  for (const block of prompt.blocks) {
    conversation.addBlock(block, messages);
    if (!isThinkingType(block.type)) continue;
    const signature = stringMember(block.value, signatureMember(block.type)) ?? '';
    const verdict = judgeSignature(signature, facts, conversation.hash);
    if (verdict === 'edited') return { error: editedError(block) };
    if (verdict === 'unreadable') unreadable.add(pathText(block.path));
  }
  return { body: unreadable.size === 0 ? body : withoutBlocks(body, unreadable) };
}

/**
 * Signs the thinking blocks of an answer to a body: bound to its model and to the conversation before each.
 *
 * @returns a function that takes the blocks of the answer before the one to sign.
 */
export function bindThinking(body: JsonObject): (preceding: readonly JsonObject[]) => string {
  const prompt = readPrompt(body);
  const messages = messagesOf(body);
  return (preceding) => {
    const conversation = new Conversation(prompt);
    for (const block of prompt.blocks) conversation.addBlock(block, messages);
    for (const block of preceding) conversation.add('assistant', block);
    return writeSignature(prompt.model.facts, conversation.hash);
  };
}

/** Signs the summary of a body's conversation: whatever was bound to that stays valid behind it. */
export function bindSummary(body: JsonObject, text: string): string {
  const prompt = readPrompt(body);
  const conversation = new Conversation(prompt);
  for (const block of prompt.blocks) conversation.addBlock(block, messagesOf(body));
  return writeSummarySignature({ prompt: conversation.promptHash, conversation: conversation.hash, text });
}

/** Was a summary's block changed after it was returned? */
export function summaryProblem(block: JsonObject): ApiError | null {
  const bond = readSummarySignature(signatureOf(block));
  const refuse = (code: string, message: string): ApiError =>
    invalidRequest(`messages.0.content.0.compaction: ${message}`, { error_code: `compaction_${code}` });
  if (!bond) return refuse('signature_invalid', 'the signature does not verify');
  const isSame = bond.text === shortHash(String(block['content']));
  return isSame ? null : refuse('content_mismatch', 'the content differs from what was signed');
}
