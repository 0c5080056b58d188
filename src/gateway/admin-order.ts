import type { Context } from 'hono';

const VALUE_LENGTH_MAX = 1_000;

/**
 * What is to be dropped, of a body that names one thing: a member of one of the names with a text, or `all` with true.
 *
 * @returns null where it is no such order
 */
export async function readOrder<Order>(context: Context, names: readonly string[]): Promise<Order | null> {
  const body: unknown = await context.req.json().catch(() => null);
  if (typeof body !== 'object' || body === null) return null;
  const members = Object.entries(body as Readonly<Record<string, unknown>>);
  const [first] = members;
  if (members.length !== 1 || !first) return null;
  const [name, value] = first;
  if (name === 'all') return value === true ? ({ all: true } as Order) : null;
  if (!names.includes(name) || typeof value !== 'string') return null;
  return value !== '' && value.length <= VALUE_LENGTH_MAX ? ({ [name]: value } as Order) : null;
}
