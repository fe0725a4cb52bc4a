import { type TreeNode } from '../tree/node.js';

/** What an expression comes to. Nodes are in the order of the document, each once. */
export type XPathValue = string | number | boolean | readonly TreeNode[];

/** The text in a node. */
export function textOf(node: TreeNode): string {
  if (node.kind === 'attribute' || node.kind === 'text') return node.value;
  const only = node.children.length === 1 ? node.children[0] : undefined;
  if (only?.kind === 'text') return only.value;
  return node.children.map(textOf).join('');
}

/** As string() has it. */
export function toText(value: XPathValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  const [first] = value;
  return first === undefined ? '' : textOf(first);
}

/** As number() has it. */
export function toNumber(value: XPathValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const text = toText(value).replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  return /^-?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
}

/** As boolean() has it. */
export function toBoolean(value: XPathValue): boolean {
  if (typeof value === 'object') return value.length > 0;
  return typeof value === 'number' ? value !== 0 && !Number.isNaN(value) : Boolean(value);
}

/** XPath writes numbers without exponents. */
function numberText(value: number): string {
  const text = String(value === 0 ? 0 : value);
  const parts = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = '', first = '', fraction = '', power] = parts;
  const exponent = Number(power);
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${first}${fraction}`;
  return `${sign}${first}${fraction.padEnd(exponent, '0')}`;
}

type Relation = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** Compares as section 3.4 says: nodes by any of them that does. */
export function compare(left: XPathValue, relation: Relation, right: XPathValue): boolean {
  if (typeof left === 'object') {
    if (typeof right === 'object') return compareNodes(left, relation, right);
    return compareEach(left, right, (a, b) => compareScalars(a, relation, b));
  }
  if (typeof right === 'object') return compareEach(right, left, (a, b) => compareScalars(b, relation, a));
  return compareScalars(left, relation, right);
}

function compareEach(
  nodes: readonly TreeNode[],
  other: string | number | boolean,
  holds: (node: string | number | boolean, other: string | number | boolean) => boolean,
): boolean {
  if (typeof other === 'boolean') return holds(nodes.length > 0, other);
  return nodes.some((node) =>
    holds(typeof other === 'number' ? toNumber(textOf(node)) : textOf(node), other),
  );
}

function compareNodes(left: readonly TreeNode[], relation: Relation, right: readonly TreeNode[]): boolean {
  if (relation === '=') {
    const texts = new Set(right.map(textOf));
    return left.some((node) => texts.has(textOf(node)));
  }
  if (relation === '!=') {
    const texts = new Set([...left, ...right].map(textOf));
    return left.length > 0 && right.length > 0 && texts.size > 1;
  }
  // Whether any of these is before any of those is a question about the least and the most of them.
  const numbers = (nodes: readonly TreeNode[]): number[] =>
    nodes.map((node) => toNumber(textOf(node))).filter((value) => !Number.isNaN(value));
  const [a, b] = [numbers(left), numbers(right)];
  if (a.length === 0 || b.length === 0) return false;
  const upwards = relation === '<' || relation === '<=';
  const extreme = (values: readonly number[], least: boolean): number =>
    values.reduce((best, value) => (least ? Math.min(best, value) : Math.max(best, value)));
  return compareScalars(extreme(a, upwards), relation, extreme(b, !upwards));
}

function compareScalars(
  left: string | number | boolean,
  relation: Relation,
  right: string | number | boolean,
): boolean {
  if (relation === '=' || relation === '!=') {
    const equal =
      typeof left === 'boolean' || typeof right === 'boolean'
        ? toBoolean(left) === toBoolean(right)
        : typeof left === 'number' || typeof right === 'number'
          ? toNumber(left) === toNumber(right)
          : left === right;
    return equal === (relation === '=');
  }
  const [a, b] = [toNumber(left), toNumber(right)];
  switch (relation) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
}
