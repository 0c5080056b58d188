import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import { CleanUp } from '../support/gateway.ts';
import type { GrafanaDashboard } from './dashboard-schema.ts';
import { readExpression, type Selector } from './promql.ts';
import { scrapeGateway, type Scraped } from './scraped-gateway.ts';

interface Target {
  readonly refId: string;
  readonly expr: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

/** What is asked of it here, of all that it may have. */
interface Asked {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const dashboardText = readFileSync(join(root, 'grafana/cachewright.json'), 'utf8');
const rulesFile = join(root, 'grafana/prometheus-rules.yaml');
const dashboard = JSON.parse(dashboardText) as Asked & GrafanaDashboard;
/** Every rule is written in this one form, which a test holds it to. */
const RULE = /^ {6}- alert: (\w+)\n {8}expr: \|-\n((?: {10}.*\n)+) {8}for: \d+[mh]\n/gm;
const rules = [...readFileSync(rulesFile, 'utf8').matchAll(RULE)].map(([, name = '', expr = '']) => ({
  name,
  expr,
}));

const expressions: readonly (readonly [where: string, expr: string])[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr }) => [`${title} ${refId}`, expr] as const),
  ),
  ...rules.map(({ name, expr }) => [name, expr] as const),
];

/** What Prometheus adds to every point that it scrapes. */
const ADDED_LABELS = ['instance', 'le'];

function isMatched({ matchers }: Selector, labels: Readonly<Record<string, string>>): boolean {
  return matchers
    .filter(({ label }) => !ADDED_LABELS.includes(label) || labels[label] !== undefined)
    .every(({ label, operator, value }) =>
      operator === '=' ? labels[label] === value : new RegExp(`^(?:${value})$`).test(labels[label] ?? ''),
    );
}

const cleanUp = new CleanUp();
let scraped: Scraped;
beforeAll(async () => {
  scraped = await scrapeGateway(cleanUp);
});
afterAll(() => cleanUp.run());

/** What the compiler says of a dashboard against the types that Grafana publishes of its schema. */
function findSchemaErrors(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachewright-grafana-'));
  const schema = join(root, 'test/grafana/dashboard-schema.ts');
  try {
    const typed = `import type { GrafanaDashboard } from ${JSON.stringify(schema)};\nexport const dashboard: GrafanaDashboard = ${text};`;
    writeFileSync(join(folder, 'dashboard.ts'), typed);
    const options = { noEmit: true, strict: true, module: 'esnext', moduleResolution: 'bundler', types: [] };
    const compilerOptions = { ...options, allowImportingTsExtensions: true };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['dashboard.ts'] }),
    );
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (error) {
    return String((error as { readonly stdout?: unknown }).stdout ?? error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the dashboard', () => {
  it('is one by the schema that Grafana publishes', () => {
    expect(findSchemaErrors(dashboardText)).toBe('');
  });

  it.each([
    ['a member that there is not', '"graphTooltip": 1', '"graphTooltips": 1'],
    ['a value that is not allowed', '"displayMode": "basic"', '"displayMode": "rainbow"'],
    ['a kind of panel that is not known', '"type": "stat"', '"type": "status"'],
  ])('would not be one with %s', (_what, from, to) => {
    expect(dashboardText).toContain(from);
    expect(findSchemaErrors(dashboardText.replace(from, to))).toContain('error TS');
  });

  it('asks the questions of the gateway’s own pages, in their order', () => {
    const app = readFileSync(join(root, 'web/src/app.tsx'), 'utf8');
    const questions = [...app.matchAll(/question: '([^']+)'/g)].map(([, question]) => question);
    const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows.length).toBeGreaterThan(6);
    expect(rows).toEqual(questions);
  });

  it('has a question for the title of every panel', () => {
    expect(dashboard.panels.map(({ title }) => title).filter((title) => !title.endsWith('?'))).toEqual([]);
  });

  it('has panels of their own ids and places, each with a description of what it shows', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_none, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
    expect(dashboardText).not.toContain('"description": ""');
  });

  it('finds its choices in labels that there are', () => {
    const asked = dashboard.templating.list.filter(({ type }) => type === 'query');
    expect(asked.map(({ name }) => name)).toEqual(['instance', 'model']);
    for (const { query } of asked) {
      const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
      const [point] = scraped.get(metric) ?? [];
      expect(Object.keys({ ...point, instance: '' })).toContain(label);
    }
  });
});

const PROMTOOL = '/usr/bin/promtool';

function needPromtool(context: TestContext): void {
  if (!existsSync(PROMTOOL)) context.skip(`needs ${PROMTOOL}: apt-get install prometheus`);
}

/** What it says; that something is wrong is an error with it. */
function promtool(...args: readonly string[]): string {
  return execFileSync(PROMTOOL, args, { encoding: 'utf8', stdio: 'pipe' });
}

describe('the alert rules', () => {
  it('are all written in one form', () => {
    const all = readFileSync(rulesFile, 'utf8').match(/- alert:/g) ?? [];
    expect(rules).toHaveLength(all.length);
    expect(rules.length).toBeGreaterThan(6);
  });

  it('are rules to Prometheus itself', (context) => {
    needPromtool(context);
    expect(promtool('check', 'rules', rulesFile)).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  it('fire when something is bad, each of them, and not when all is as usual', (context) => {
    needPromtool(context);
    const cases = join(root, 'test/grafana/rules-test.yaml');
    expect(promtool('test', 'rules', cases)).toContain('SUCCESS');
    const tried = readFileSync(cases, 'utf8');
    for (const { name } of rules)
      expect(tried).toMatch(new RegExp(`alertname: ${name}\\n +exp_alerts:\\n +- exp_labels`));
  });
});

describe.each(expressions)('%s', (_where, expr) => {
  const { errors, selectors, groupedBy } = readExpression(expr);

  it('is PromQL', () => {
    expect(errors).toEqual([]);
    expect(selectors.length).toBeGreaterThan(0);
  });

  it('finds what a gateway tells', () => {
    for (const selector of selectors) {
      const points = scraped.get(selector.metric) ?? [];
      expect(points, selector.metric).not.toEqual([]);
      const found = points.filter((labels) => isMatched(selector, labels));
      expect(found.length, JSON.stringify(selector)).toBeGreaterThan(0);
      const labels = new Set([...found.flatMap((point) => Object.keys(point)), 'instance']);
      for (const label of groupedBy) expect(labels, selector.metric).toContain(label);
    }
  });
});
