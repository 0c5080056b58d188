import { skipSpaceBack } from './json-bytes.ts';

/**
 * Writes a member at the end of a JSON object that is the whole body and has a member already. Bytes are only inserted: cut
 * out what came in, and it is the body again.
 *
 * @throws RangeError when the body does not end with an object.
 * @example insertMember(Buffer.from('{"a":1}'), 'b', 'null').toString() // {"a":1,"b":null}
 */
export function insertMember(body: Uint8Array, name: string, value: string): Buffer {
  const end = skipSpaceBack(body, body.length);
  if (body[end - 1] !== 0x7d) throw new RangeError('the body is no JSON object');
  const at = skipSpaceBack(body, end - 1);
  const member = Buffer.from(`,${JSON.stringify(name)}:${value}`);
  return Buffer.concat([body.subarray(0, at), member, body.subarray(at)]);
}
