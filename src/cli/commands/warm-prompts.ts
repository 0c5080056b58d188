import { canonicalJson, hasKeyOrder, isObject, stringMember, type JsonObject } from '../../core/index.ts';
import { describeFileError, readLines, UnreadableFileError } from '../../logs/index.ts';
import type { WarmPrompt } from '../../warming/index.ts';
import { parseBody } from '../../wire/index.ts';
import { UsageError } from '../errors.ts';

/** Prompts of files, and how many captured requests were none. */
export interface PromptFiles {
  readonly prompts: readonly WarmPrompt[];
  readonly passedOver: number;
}

/** Headers of a captured request that shape what it may ask for; no credentials. */
const KEPT_HEADERS = ['anthropic-beta', 'anthropic-version'];

const MESSAGES_PATH = /\/v1\/messages(?:\?|$)/;

/** A JSON value with the order of its keys; null where the text is none. A list is read inside an object. */
function parseValue(text: string): { readonly value: unknown } | null {
  const isList = /^\s*\[/.test(text);
  const parsed = parseBody(Buffer.from(isList ? `{"items":${text}}` : text));
  if (!parsed.ok) return null;
  return { value: isList ? parsed.value['items'] : parsed.value };
}

/** A body out of a larger document, read anew where the order of its keys would be lost (spec 1.3). */
function detach(body: JsonObject, isOrdered: boolean): JsonObject {
  if (!isOrdered) return body;
  const parsed = parseBody(Buffer.from(canonicalJson(body, true)));
  return parsed.ok ? parsed.value : body;
}

function pickHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (!isObject(headers)) return {};
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    KEPT_HEADERS.includes(name.toLowerCase()) && typeof value === 'string'
      ? [[name.toLowerCase(), value]]
      : [],
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

function isBody(value: JsonObject): boolean {
  return ['messages', 'system', 'tools'].some((name) => name in value);
}

/** Collects the prompts of one file. */
class PromptReader {
  readonly prompts: WarmPrompt[] = [];
  passedOver = 0;

  /** @throws UsageError with the place, for a value that is no prompt in any form. */
  add(value: unknown, place: string, isOrdered: boolean): void {
    if (Array.isArray(value)) return this.#addAll(value, place, isOrdered);
    if (!isObject(value)) throw new UsageError(`${place} is no JSON object`);
    const ordered = isOrdered || hasKeyOrder(value);
    if (Array.isArray(value['requests'])) return this.#addAll(value['requests'], place, ordered);
    if (typeof value['method'] === 'string' && typeof value['path'] === 'string') {
      return this.#addCapture(value, place, ordered);
    }
    const { params, body } = value;
    if (isObject(params)) {
      const id = stringMember(value, 'custom_id') ?? place;
      this.prompts.push({ id, body: detach(params, ordered), isBatch: true });
    } else if (isObject(body) && isBody(body)) {
      const id = stringMember(value, 'id') ?? place;
      this.prompts.push({ id, body: detach(body, ordered), headers: pickHeaders(value['headers']) });
    } else if (isBody(value)) {
      this.prompts.push({ id: place, body: isOrdered ? detach(value, true) : value });
    } else {
      throw new UsageError(`${place} is neither a Messages request, a captured one, nor a batch`);
    }
  }

  #addAll(values: readonly unknown[], place: string, isOrdered: boolean): void {
    for (const [index, value] of values.entries()) this.add(value, `${place}#${index + 1}`, isOrdered);
  }

  #addCapture(capture: JsonObject, place: string, isOrdered: boolean): void {
    const { body } = capture;
    const isMessage = capture['method'] === 'POST' && MESSAGES_PATH.test(String(capture['path']));
    if (!isMessage || !isObject(body)) {
      this.passedOver += 1;
      return;
    }
    this.prompts.push({ id: place, body: detach(body, isOrdered), headers: pickHeaders(capture['headers']) });
  }
}

/** A whole number that JavaScript cannot hold, and so would write as another one: another prefix. */
function findLostNumber(text: string): string | null {
  if (!/\d{16}/.test(text)) return null;
  let lost: string | null = null;
  JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source ?? '';
    if (typeof value === 'number' && /^-?\d+$/.test(source) && BigInt(source) !== BigInt(value))
      lost ??= source;
    return value;
  });
  return lost;
}

async function readTexts(
  path: string,
): Promise<readonly { readonly text: string; readonly number: number }[]> {
  const lines: { text: string; number: number }[] = [];
  try {
    for await (const { text, number, problem } of readLines(path)) {
      if (problem !== null) throw new UsageError(`${path}:${number} cannot be read: ${problem}`);
      lines.push({ text, number });
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (error instanceof UnreadableFileError) throw new UsageError(error.message);
    throw new UsageError(`${path} ${describeFileError(error)}`);
  }
  return lines;
}

async function readFile(path: string, reader: PromptReader): Promise<void> {
  const lines = await readTexts(path);
  const full = lines.filter(({ text }) => text.trim() !== '');
  const [first] = full;
  if (!first) throw new UsageError(`${path} is empty`);
  const isJsonLines = full.length > 1 && parseValue(first.text) !== null;
  const documents = isJsonLines ? full : [{ text: lines.map(({ text }) => text).join('\n'), number: 0 }];
  for (const { text, number } of documents) {
    const place = isJsonLines ? `${path}:${number}` : path;
    const parsed = parseValue(text);
    if (!parsed) throw new UsageError(`${place} is no JSON`);
    const lost = findLostNumber(text);
    if (lost !== null) throw new UsageError(`${place} has ${lost}, which cannot be sent as it is`);
    const { value } = parsed;
    const isOrdered = Array.isArray(value) && text.includes('"') && /"\d+"\s*:/.test(text);
    reader.add(value, place, isOrdered);
  }
}

/**
 * Prompts from files of JSON or JSON Lines, compressed or not: Messages requests, `{"id","body"}`, captured requests,
 * and batches (`custom_id` and `params`).
 *
 * @throws UsageError for a file that cannot be read, and for a line that is no prompt.
 */
export async function readPromptFiles(paths: readonly string[]): Promise<PromptFiles> {
  const reader = new PromptReader();
  for (const path of paths) await readFile(path, reader);
  return { prompts: reader.prompts, passedOver: reader.passedOver };
}
