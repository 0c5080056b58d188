import { isObject, type JsonObject } from '../../core/index.ts';

/** What is wrong with one record of a source; the reader adds where it stands. */
export class RecordProblem extends Error {
  override readonly name = 'RecordProblem';
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** A number that is not negative. @throws RecordProblem */
export function amountMember(record: JsonObject, name: string): number {
  const value = record[name];
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new RecordProblem(`'${name}' is ${shown(value)}, not a number of 0 or more`);
}

/** The same, or null where there is none or `null`. @throws RecordProblem */
export function optionalAmount(record: JsonObject, name: string): number | null {
  return record[name] === undefined || record[name] === null ? null : amountMember(record, name);
}

/** A whole number that is not negative. @throws RecordProblem */
export function countMember(record: JsonObject, name: string): number {
  const value = record[name];
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new RecordProblem(`'${name}' is ${shown(value)}, not a whole number of 0 or more`);
}

/** @throws RecordProblem */
export function listMember(record: JsonObject, name: string): readonly unknown[] {
  const value = record[name];
  if (Array.isArray(value)) return value;
  throw new RecordProblem(`'${name}' is ${shown(value)}, not a list`);
}

/** The objects of a list. @throws RecordProblem where an element is something else */
export function objectsMember(record: JsonObject, name: string): readonly JsonObject[] {
  return listMember(record, name).map((element, index) => {
    if (isObject(element)) return element;
    throw new RecordProblem(`'${name}[${index}]' is ${shown(element)}, not an object`);
  });
}

/** A list of whole numbers, as block ids are. @throws RecordProblem */
export function idsMember(record: JsonObject, name: string): readonly number[] {
  const ids = listMember(record, name);
  const wrong = ids.find((id) => !Number.isSafeInteger(id));
  if (wrong !== undefined) throw new RecordProblem(`'${name}' holds ${shown(wrong)}, not a whole number`);
  return ids as readonly number[];
}
