import { type TreeNode } from '../tree/node.js';
import { along, REVERSE } from './axes.js';
import { type Context, IMPLEMENTATIONS } from './functions.js';
import { type Expression, type NodeTest, type Step } from './syntax.js';
import { compare, toBoolean, toNumber, type XPathValue } from './values.js';
import { XPathError } from './xpath-error.js';

/** Nodes that one evaluation may look at: about a tenth of a second. An expression is somebody's wish, the host is not to stand still for it. */
const MAX_LOOKS = 1_000_000;

/** Evaluates an expression at the root of a document. Throws XPathError when it would take too long. */
export function evaluateXpath(expression: Expression, root: TreeNode, maxLooks = MAX_LOOKS): XPathValue {
  return new Evaluation(maxLooks).value(expression, { node: root, position: 1, size: 1 });
}

class Evaluation {
  private looks = 0;

  constructor(private readonly maxLooks: number) {}

  value(expression: Expression, context: Context): XPathValue {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'negative':
        return -toNumber(this.value(expression.operand, context));
      case 'call': {
        const args = expression.args.map((argument) => this.value(argument, context));
        return IMPLEMENTATIONS.get(expression.name)?.(args, context) ?? '';
      }
      case 'binary':
        return this.binary(expression, context);
      case 'path':
        return this.path(expression, context);
    }
  }

  private binary(expression: Expression & { kind: 'binary' }, context: Context): XPathValue {
    const { operator } = expression;
    const left = this.value(expression.left, context);
    if (operator === 'or') return toBoolean(left) || toBoolean(this.value(expression.right, context));
    if (operator === 'and') return toBoolean(left) && toBoolean(this.value(expression.right, context));
    const right = this.value(expression.right, context);
    switch (operator) {
      case '|':
        return ordered([...(left as readonly TreeNode[]), ...(right as readonly TreeNode[])]);
      case '+':
        return toNumber(left) + toNumber(right);
      case '-':
        return toNumber(left) - toNumber(right);
      case '*':
        return toNumber(left) * toNumber(right);
      case 'div':
        return toNumber(left) / toNumber(right);
      case 'mod':
        return toNumber(left) % toNumber(right);
      case '=':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return compare(left, operator, right);
    }
  }

  private path(path: Expression & { kind: 'path' }, context: Context): readonly TreeNode[] {
    let nodes = this.origin(path, context);
    for (const predicate of path.predicates) nodes = this.filter(nodes, predicate);
    for (const step of path.steps) {
      const found = nodes.map((node) => this.step(step, node));
      nodes = found.length === 1 ? (found[0] ?? []) : ordered(found.flat());
    }
    return nodes;
  }

  private origin({ from }: Expression & { kind: 'path' }, context: Context): readonly TreeNode[] {
    if (from === 'context') return [context.node];
    if (from !== 'root') return this.value(from, context) as readonly TreeNode[];
    let { node } = context;
    while (node.parent !== null) node = node.parent;
    return [node];
  }

  /** What one step selects from one node, in the order of the document. */
  private step({ axis, test, predicates }: Step, node: TreeNode): readonly TreeNode[] {
    let found: TreeNode[] = [];
    for (const candidate of along(axis, node)) {
      this.look();
      if (passes(test, candidate, axis === 'attribute')) found.push(candidate);
    }
    for (const predicate of predicates) found = this.filter(found, predicate);
    return REVERSE.has(axis) ? found.reverse() : found;
  }

  private filter(nodes: readonly TreeNode[], predicate: Expression): TreeNode[] {
    return nodes.filter((node, index) => {
      this.look();
      const value = this.value(predicate, { node, position: index + 1, size: nodes.length });
      return typeof value === 'number' ? value === index + 1 : toBoolean(value);
    });
  }

  private look(): void {
    this.looks += 1;
    if (this.looks > this.maxLooks) throw new XPathError('looks at too many nodes', 0);
  }
}

function passes(test: NodeTest, node: TreeNode, attributes: boolean): boolean {
  if (test.kind === 'name') {
    if (node.kind !== (attributes ? 'attribute' : 'element')) return false;
    return test.name === null || test.name === node.name;
  }
  return test.type === 'node' || (test.type === 'text' && node.kind === 'text');
}

function ordered(nodes: readonly TreeNode[]): readonly TreeNode[] {
  return [...new Set(nodes)].sort((a, b) => a.order - b.order);
}
