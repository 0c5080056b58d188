import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isGoverned, judgeImport } from './import-table.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const table = JSON.parse(readFileSync(new URL('../import-table.json', import.meta.url), 'utf8'));

/** @typedef {{ type: string, value?: unknown, quasis?: { value: { cooked: string } }[], expressions?: unknown[] }} Node */
/** @typedef {{ filename: string, report: (finding: { node: unknown, message: string }) => void }} RuleContext */

/** Our own lint rules, loaded by oxlint. The built-in no-restricted-imports does not see `import()` and `typeof import()`. */
export default {
  meta: { name: 'house' },
  rules: { 'import-table': { create: createImportTableRule } },
};

/** @param {RuleContext} context */
function createImportTableRule(context) {
  const path = relative(root, context.filename).split(sep).join('/');
  if (!isGoverned(path)) return {};
  /** @param {Node | null | undefined} source */
  const judge = (source) => {
    if (!source) return;
    const message = judgeImport(table, path, literalOf(source));
    if (message !== undefined) context.report({ node: source, message });
  };
  return {
    ImportDeclaration: (/** @type {{ source: Node }} */ node) => judge(node.source),
    ExportAllDeclaration: (/** @type {{ source: Node }} */ node) => judge(node.source),
    ExportNamedDeclaration: (/** @type {{ source: Node | null }} */ node) => judge(node.source),
    ImportExpression: (/** @type {{ source: Node }} */ node) => judge(node.source),
    TSImportType: (/** @type {{ source: Node }} */ node) => judge(node.source),
  };
}

/** @param {Node} node @returns {string | undefined} */
function literalOf(node) {
  if (node.type === 'TemplateLiteral' && node.expressions?.length === 0)
    return node.quasis?.[0]?.value.cooked;
  return typeof node.value === 'string' ? node.value : undefined;
}
