// Contents with versions and ages, and what an edit would cost before anybody makes it. Nothing is sent.
import { contentRegistry } from 'cachewright/content';

// In memory; give it a `store`, such as `await openSqliteStore({ file })` of cachewright/store, to keep it.
const registry = contentRegistry();
const handbook = 'Parcels are sent on the next working day. Returns are free for thirty days. '.repeat(200);
await registry.register({
  name: 'handbook',
  source: 'https://intranet.example/handbook',
  maxAgeMs: 3_600_000,
  load: () => Promise.resolve(handbook),
});

for (const question of ['When is my parcel sent?', 'May I send it back?']) {
  const { request, contents, forecast } = await registry.smartRequest({
    prompt: 'support',
    model: 'claude-sonnet-5-5',
    requestsPerHour: 120,
    layers: [
      { name: 'rules', system: 'You answer customers, in two sentences. '.repeat(100) },
      { name: 'handbook', stored: 'system' },
      { name: 'question', messages: question },
    ],
  });
  // await client.messages.create({ model: 'claude-sonnet-5-5', max_tokens: 500, ...request });
  const markers = JSON.stringify(request).split('cache_control').length - 1;
  const written = forecast.write5mTokens + forecast.write1hTokens;
  console.log(
    `rules ${contents['rules']?.status}, handbook ${contents['handbook']?.status}, ${markers} markers`,
  );
  console.log(`will write ${written} tokens and read ${forecast.readTokens}`);
}

const preview = await registry.previewEdit('handbook', handbook.replace('next working day', 'same day'));
console.log(
  `changes bytes ${preview.change?.startByte}-${preview.change?.endByte}: ${preview.change?.before}`,
);
for (const { prompt, layer, lost } of preview.prompts)
  console.log(`${prompt}: live prefixes lost by an edit of ${layer}: ${lost.length}`);
console.log(`writing them again costs $${preview.rewriteUsd.toFixed(4)} more than reading them`);
