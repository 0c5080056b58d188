import { ASSISTANT_LINES, CUSTOMER_LINES, SHOP_TOOLS, writeHandbook } from '../../src/cli/demo/handbook.ts';
import { startEmulator } from '../../src/emulator/index.ts';
import { createResponseTier } from '../../src/engine/index.ts';
import { seededRandom, type Random } from '../../src/runtime/index.ts';
import { startTestGateway, type CleanUp, type TestGateway } from '../support/gateway.ts';
import { sendJson } from '../support/http-client.ts';
import { ManualTime } from '../support/manual-time.ts';

const MINUTE_MS = 60_000;
const HANDBOOK = writeHandbook(90, seededRandom(20));

interface World {
  readonly gateway: TestGateway;
  readonly emulatorUrl: string;
  readonly time: ManualTime;
}

/** Lets time pass for both: the service's entries and the gateway's records. */
async function pass({ emulatorUrl, time }: World, ms: number): Promise<void> {
  await sendJson(emulatorUrl, { advanceMs: ms }, { path: '/_emulator/clock' });
  time.advance(ms);
}

async function ask(world: World, body: object, tag: string, more: readonly string[] = []): Promise<void> {
  const text = ASSISTANT_LINES[0];
  await sendJson(world.emulatorUrl, { text }, { path: '/_emulator/script' });
  await sendJson(
    world.gateway.url,
    { max_tokens: 400, ...body },
    {
      headers: [
        ...(more.includes('x-api-key') ? [] : ['x-api-key', 'sk-ant-day']),
        'x-cachewright-tags',
        tag,
        ...more,
      ],
    },
  );
  await world.gateway.ledger.next();
}

/** Three turns, a minute apart; in the middle of every fourth conversation somebody goes for a coffee. */
async function converse(world: World, number: number, tools: readonly object[]): Promise<void> {
  let messages: readonly object[] = [];
  for (const [turn, line] of CUSTOMER_LINES.slice(0, 3).entries()) {
    messages = [...messages, { role: 'user', content: turn === 0 ? `Case ${number}: ${line}` : line }];
    await ask(world, { model: 'claude-sonnet-5-5', system: HANDBOOK, tools, messages }, 'shop');
    messages = [...messages, { role: 'assistant', content: ASSISTANT_LINES[0] }];
    await pass(world, number % 4 === 3 && turn === 1 ? 9 * MINUTE_MS : MINUTE_MS);
  }
}

/** Another application puts the time in front of its instructions. */
async function report(world: World): Promise<void> {
  const system = `It is ${new Date(world.time.nowMs()).toISOString()}.\n${HANDBOOK}`;
  const messages = [{ role: 'user', content: 'What is new?' }];
  await ask(world, { model: 'claude-haiku-5-5', system, messages }, 'report');
}

/** A question that is asked again and again, word for word. */
async function repeat(world: World): Promise<void> {
  const messages = [{ role: 'user', content: 'When are you open?' }];
  const body = { model: 'claude-haiku-5-5', temperature: 0, system: 'Be brief.', messages };
  await ask(world, body, 'faq', ['x-cachewright-response-cache', '86400']);
}

/** The same tools in another order for every hour. */
function reordered(hour: number): readonly object[] {
  const turn = hour % SHOP_TOOLS.length;
  return [...SHOP_TOOLS.slice(turn), ...SHOP_TOOLS.slice(0, turn)].toReversed();
}

/** Hours of traffic, and in which of them the client sends its tools in another order for every conversation. */
export interface Traffic {
  readonly hours: number;
  /** Conversations in an hour. */
  readonly conversations: number;
  readonly isReordered: (hour: number) => boolean;
}

/** A day whose last quarter has the planted change. */
const aDay: Traffic = { hours: 24, conversations: 2, isReordered: (hour) => hour >= 18 };

/** Two days: the change came yesterday, ten hours long, and all has been well for longer than the newest requests tell. */
export const changedYesterday: Traffic = {
  hours: 40,
  conversations: 4,
  isReordered: (hour) => hour >= 16 && hour < 26,
};

async function liveHour(world: World, hour: number, traffic: Traffic): Promise<void> {
  const beganMs = world.time.nowMs();
  for (let index = 0; index < traffic.conversations; index += 1) {
    const tools = traffic.isReordered(hour) ? reordered(hour + index) : SHOP_TOOLS;
    await converse(world, traffic.conversations * hour + index, tools);
  }
  await report(world);
  await pass(world, MINUTE_MS);
  await report(world);
  await repeat(world);
  await pass(world, 60 * MINUTE_MS - (world.time.nowMs() - beganMs));
}

/** A gateway that has had its traffic, by default of a day, which ends at `endMs`: a planted change of the tools' order among it. */
export async function startDay(
  cleanUp: CleanUp,
  endMs: number,
  traffic: Traffic = aDay,
): Promise<TestGateway> {
  const emulator = cleanUp.add(await startEmulator({ port: 0, clock: 'manual' }));
  const time = new ManualTime(endMs - traffic.hours * 60 * MINUTE_MS);
  const secret = new Uint8Array(32).fill(7);
  const gateway = cleanUp.add(
    await startTestGateway(emulator.url, {
      engine: { clock: time, timers: time, secret },
      responses: createResponseTier({ isOn: true, secret, clock: time }),
    }),
  );
  const world: World = { gateway, emulatorUrl: emulator.url, time };
  for (let hour = 0; hour < traffic.hours; hour += 1) await liveHour(world, hour, traffic);
  return gateway;
}

const PROGRAM_HOURS = 48;
/** Yesterday, for ten hours. */
const isShuffled = (hour: number): boolean => hour >= 26 && hour < 36;

function shuffle<Item>(items: readonly Item[], random: Random): readonly Item[] {
  return items
    .map((item) => [random(), item] as const)
    .toSorted(([one], [other]) => one - other)
    .map(([, item]) => item);
}

/**
 * Three programs under keys of their own: one that sends its tools in a random order for a while, one that asks another
 * model in between every time, and one that edits its system prompt now and then.
 */
export async function startManyPrograms(cleanUp: CleanUp, endMs: number, seed: number): Promise<TestGateway> {
  const emulator = cleanUp.add(await startEmulator({ port: 0, clock: 'manual' }));
  const time = new ManualTime(endMs - PROGRAM_HOURS * 60 * MINUTE_MS);
  const engine = { clock: time, timers: time, secret: new Uint8Array(32).fill(9) };
  const gateway = cleanUp.add(await startTestGateway(emulator.url, { engine }));
  const world: World = { gateway, emulatorUrl: emulator.url, time };
  const random = seededRandom(seed);
  const handbooks = [60, 130, 40].map((chapters) => writeHandbook(chapters, random));
  for (let hour = 0; hour < PROGRAM_HOURS; hour += 1) {
    const beganMs = time.nowMs();
    const from = (program: number, body: object): Promise<void> =>
      ask(world, { system: handbooks[program], ...body }, `program-${program}`, [
        'x-api-key',
        `key-${program}`,
      ]);
    const question = [{ role: 'user', content: `Question ${Math.floor(random() * 1e6)}` }];
    for (const messages of [question, question]) {
      const tools = isShuffled(hour) ? shuffle(SHOP_TOOLS, random) : SHOP_TOOLS;
      await from(0, { model: 'claude-sonnet-5-5', tools, messages });
      await pass(world, (1 + random() * 3) * MINUTE_MS);
    }
    for (const model of ['claude-opus-5-5', 'claude-sonnet-5-5'])
      await from(1, { model, messages: question });
    const edited = hour % 3 === 0 ? `Version ${hour}. ${handbooks[2]}` : handbooks[2];
    await from(2, { model: 'claude-haiku-5-5', system: edited, messages: question });
    await pass(world, 60 * MINUTE_MS - (time.nowMs() - beganMs));
  }
  return gateway;
}
