import { parser } from '@prometheus-io/lezer-promql';

/** A metric that an expression asks for, and which of its points. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

/** An expression as Prometheus's own grammar reads it. */
export interface ReadExpression {
  /** Texts that are no PromQL. */
  readonly errors: readonly string[];
  readonly selectors: readonly Selector[];
  /** Labels that it groups by. */
  readonly groupedBy: readonly string[];
}

type Node = ReturnType<typeof parser.parse>['topNode'];

/** What Grafana puts in place of its variables. */
const VARIABLES: readonly (readonly [name: string, value: string])[] = [
  ['$__rate_interval', '5m'],
  ['$__range', '24h'],
  ['$instance', '.*'],
  ['$model', '.*'],
];

function readSelector(node: Node, textOf: (node: Node | null) => string): Selector {
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return {
    metric: textOf(node.getChild('Identifier')),
    matchers: matchers.map((matcher) => ({
      label: textOf(matcher.getChild('LabelName')),
      operator: textOf(matcher.getChild('MatchOp')),
      value: textOf(matcher.getChild('StringLiteral')).slice(1, -1),
    })),
  };
}

/** Reads an expression of a panel or of an alert rule. */
export function readExpression(expression: string): ReadExpression {
  const text = VARIABLES.reduce((filled, [name, value]) => filled.replaceAll(name, value), expression);
  const textOf = (node: Node | null): string => (node ? text.slice(node.from, node.to) : '');
  const errors: string[] = text.includes('$') ? [`a variable that is not known: ${text}`] : [];
  const selectors: Selector[] = [];
  const groupedBy: string[] = [];
  parser.parse(text).iterate({
    enter({ node }) {
      if (node.type.isError) errors.push(`${text.slice(0, node.from)} <here> ${text.slice(node.from)}`);
      if (node.name === 'VectorSelector') selectors.push(readSelector(node, textOf));
      if (node.name === 'GroupingLabels') groupedBy.push(...node.getChildren('LabelName').map(textOf));
    },
  });
  return { errors, selectors, groupedBy };
}
