import { CommandError } from '../errors.ts';
import { seededRandom } from '../../runtime/index.ts';
import { ASSISTANT_LINES, CUSTOMER_LINES, SHOP_TOOLS, writeHandbook } from './handbook.ts';

/** Model of the demo's requests. */
export const DEMO_MODEL = 'claude-sonnet-5-5';

const CONVERSATIONS = 8;
const HANDBOOK_RULES = 90;

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: unknown;
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': 'sk-ant-demo',
      'anthropic-version': '2023-06-01',
      ...headers,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok)
    throw new CommandError(`the demo's traffic failed: ${response.status} ${await response.text()}`);
  return response.json();
}

/** The tool calls of the second turn, as an agent loop adds them: the call, then its result. */
function toolTurns(turn: number): readonly Message[] {
  if (turn !== 1) return [];
  const call = {
    type: 'tool_use',
    id: 'toolu_demo_1',
    name: 'find_order',
    input: { order_id: 'A-20418', postcode: '90402' },
  };
  const found = {
    order: 'A-20418',
    items: [
      { name: 'mug, blue', price: 24.9 },
      { name: 'tray, oak', price: 39.0 },
    ],
    parcels: 2,
    paid: 63.9,
  };
  const result = { type: 'tool_result', tool_use_id: 'toolu_demo_1', content: JSON.stringify(found) };
  return [
    { role: 'assistant', content: [call] },
    { role: 'user', content: [result] },
  ];
}

/** One customer's conversation, every request a plain one: strings, no markers, the way most code sends them. */
async function converse(urls: DemoUrls, system: string, customer: number): Promise<number> {
  let messages: readonly Message[] = [];
  let requests = 0;
  for (const [turn, line] of CUSTOMER_LINES.entries()) {
    const opening = turn === 0 ? `Customer ${customer + 1}: ${line}` : line;
    messages = [...messages, { role: 'user', content: opening }];
    for (const extra of [[], ...(turn === 1 ? [toolTurns(turn)] : [])]) {
      messages = [...messages, ...extra];
      const text = ASSISTANT_LINES[turn] ?? '';
      await post(`${urls.emulator}/_emulator/script`, { text });
      await post(
        `${urls.gateway}/v1/messages`,
        { model: DEMO_MODEL, max_tokens: 400, system, tools: SHOP_TOOLS, messages },
        { 'x-cachewright-tags': 'demo' },
      );
      requests += 1;
    }
    messages = [...messages, { role: 'assistant', content: ASSISTANT_LINES[turn] ?? '' }];
  }
  return requests;
}

/** Where the demo's traffic goes. */
export interface DemoUrls {
  readonly gateway: string;
  readonly emulator: string;
}

/** Runs the demo's traffic; gives the number of requests sent. */
export async function runTraffic(urls: DemoUrls): Promise<number> {
  const system = writeHandbook(HANDBOOK_RULES, seededRandom(20));
  let requests = 0;
  // One after the other: answers are scripted in order, and the first conversation warms the rest.
  for (let customer = 0; customer < CONVERSATIONS; customer += 1)
    requests += await converse(urls, system, customer);
  return requests;
}
