import { DOMParser } from '@xmldom/xmldom';
import fc from 'fast-check';
import * as library from 'xpath';
import { document, element, leaf, type TreeNode } from '../tree/node.js';
import { toXml } from '../tree/serialize.js';
import { checkXpath } from './check-xpath.js';
import { evaluateXpath } from './evaluate.js';
import { needsOf } from './needs.js';
import { parseXpath } from './parser.js';

/*
 * Ours against the library `xpath` (over a DOM): the same expressions are expressions, and they say the same. Left out is where that
 * library differs from the recommendation: the axes following and preceding, which take ancestors along, and whether truth is less than nodes.
 */

const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES);

const { tree } = fc.letrec<{ tree: TreeNode }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    fc.tuple(name, fc.constantFrom('1', '2', 'x', '')).map(([tag, text]) => leaf(tag, text)),
    fc
      .tuple(
        name,
        fc.constantFrom<Record<string, string>>({}, { x: '1' }, { x: '2', y: 'x' }),
        fc.array(tie('tree'), { maxLength: 4 }),
      )
      .map(([tag, attributes, children]) => element(tag, attributes, children)),
  ),
}));
/** With one element, which the library's documents have to have. */
const facts = fc.array(tree, { maxLength: 4 }).map((children) => document([element('r', {}, children)]));

const axis = fc.constantFrom(
  ...['', '@', 'ancestor::', 'ancestor-or-self::', 'descendant::', 'descendant-or-self::'],
  ...['following-sibling::', 'parent::', 'preceding-sibling::', 'self::', '', '', ''],
);
const test = fc.constantFrom(...NAMES, '*', 'node()', 'text()', 'x');
const slash = fc.constantFrom('/', '/', '//');

const simple = fc.constantFrom(
  '1',
  '2',
  'last()',
  'position() < 2',
  "@x = '1'",
  '. = "x"',
  'text()',
  '0.5',
  'true()',
);

/** Paths whose steps have such predicates. */
function paths(condition: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const step = fc
    .tuple(axis, test, fc.option(condition, { nil: null, freq: 2 }))
    .map(([to, what, predicate]) => `${to}${what}${predicate === null ? '' : `[${predicate}]`}`);
  const start = fc.constantFrom('/r/', '', '/', '//', './/', '(//b)[1]/');
  return fc
    .tuple(start, step, fc.array(fc.tuple(slash, step), { maxLength: 2 }))
    .map(([from, first, more]) => from + first + more.map(([to, then]) => to + then).join(''));
}

/** Expressions over such operands. */
function expressions(operand: fc.Arbitrary<string>, path: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const operator = fc.constantFrom(...['=', '!=', ' and ', ' or ', '+', ' - ', '*', ' div ', ' mod ']);
  const order = fc.constantFrom('<', '<=', '>', '>=');
  const ordered = fc.oneof(path, fc.constantFrom('1', "'2'", '1.5'));
  const twofold = fc.constantFrom('concat', 'contains', 'starts-with', 'substring-before', 'substring-after');
  return fc.oneof(
    operand,
    fc.tuple(operand, operator, operand).map(([left, word, right]) => `${left} ${word} ${right}`),
    // In brackets: behind another comparison it would be one of a truth with nodes, of which the library says that no order holds.
    fc.tuple(ordered, order, ordered).map(([left, word, right]) => `(${left} ${word} ${right})`),
    fc.tuple(path, path).map(([left, right]) => `${left} | ${right}`),
    fc.tuple(fc.constantFrom('count', 'sum', 'name'), path).map(([call, inner]) => `${call}(${inner})`),
    fc
      .tuple(fc.constantFrom('not', 'string', 'number', 'normalize-space', 'string-length', ''), operand)
      .map(([call, inner]) => `${call}(${inner})`),
    fc.tuple(twofold, operand, operand).map(([call, left, right]) => `${call}(${left}, (${right}))`),
  );
}

const plain = paths(simple);
const values = fc.oneof(plain, fc.constantFrom('1', '0.5', "'x'", "'1'", 'true()', 'last()'));
const nested = paths(fc.oneof(simple, expressions(values, plain)));
const expression = expressions(fc.oneof(nested, expressions(values, plain)), nested);

/**
 * The library takes an empty text for the number 0, where the recommendation says that it is none; and has names mean attributes where a step stays at one
 * (`@x/self::x`), where they mean elements on all axes but `attribute`.
 */
function mend(): void {
  const { PathExpr, Step, NodeTest } = library as unknown as Steps;
  const { applyStep } = PathExpr;
  PathExpr.applyStep = (step, ...where) => {
    const nodes = applyStep(step, ...where);
    const isName = [NodeTest.NAMETESTANY, NodeTest.NAMETESTQNAME].includes(step.nodeTest.type);
    return isName && step.axis !== Step.ATTRIBUTE ? nodes.filter(({ nodeType }) => nodeType !== 2) : nodes;
  };
  const { XNumber, XString, XNodeSet } = library as unknown as Record<string, Mended>;
  for (const { prototype } of [XString, XNodeSet].filter((type) => type !== undefined)) {
    const { number } = prototype;
    prototype.number = function (this: { stringValue: () => string }) {
      return this.stringValue() === '' && XNumber !== undefined ? new XNumber(Number.NaN) : number.call(this);
    };
  }
}

/** How the library goes from a node along an axis. */
interface Steps {
  readonly PathExpr: {
    applyStep: (
      step: { readonly axis: number; readonly nodeTest: { readonly type: number } },
      ...where: unknown[]
    ) => Foreign[];
  };
  readonly Step: { readonly ATTRIBUTE: number };
  readonly NodeTest: { readonly NAMETESTANY: number; readonly NAMETESTQNAME: number };
}

interface Mended {
  new (value: number): unknown;
  readonly prototype: { number: () => unknown };
}

/** The library's types leave out how it parses. */
const reference = library as unknown as { parse(text: string): { evaluate(at: { node: unknown }): unknown } };

type Plain = string | number | boolean | string[];

/** Where a node stands: names and positions from the root. */
function place(node: TreeNode): string {
  if (node.parent === null) return '';
  const mark = node.kind === 'attribute' ? `@${node.name}` : String(node.parent.children.indexOf(node));
  return `${place(node.parent)}/${mark}`;
}

function ours(text: string, root: TreeNode): Plain {
  const value = evaluateXpath(parseXpath(text), root);
  return typeof value === 'object' ? value.map(place) : value;
}

interface Foreign {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly parentNode: Foreign | null;
  readonly ownerElement: Foreign | null;
  readonly childNodes: ArrayLike<Foreign>;
}

function foreignPlace(node: Foreign): string {
  if (node.nodeType === 9) return '';
  if (node.nodeType === 2 && node.ownerElement !== null)
    return `${foreignPlace(node.ownerElement)}/@${node.nodeName}`;
  const { parentNode } = node;
  if (parentNode === null) return '';
  return `${foreignPlace(parentNode)}/${Array.from(parentNode.childNodes).indexOf(node)}`;
}

function theirs(text: string, root: TreeNode): Plain {
  const node = new DOMParser().parseFromString(toXml(root), 'text/xml');
  const value = reference.parse(text).evaluate({ node }) as {
    toArray?: () => Foreign[];
    stringValue: () => string;
    bool?: unknown;
  };
  if (value.toArray !== undefined) return value.toArray().map(foreignPlace);
  switch (value.constructor.name) {
    case 'XNumber':
      return (value as unknown as { num: number }).num;
    case 'XBoolean':
      return (value as unknown as { b: boolean }).b;
    default:
      return value.stringValue();
  }
}

const TOKENS = [
  '/',
  '//',
  '..',
  '.',
  '@',
  '(',
  ')',
  '[',
  ']',
  ',',
  '|',
  '+',
  '-',
  '=',
  '<',
  '*',
  'and',
  'div',
  'a',
  "'x'",
  '1',
  'child::',
  'text()',
  'last()',
  'count(',
];

beforeAll(mend);

describe('XPath beside a library', () => {
  it('says the same of the same tree', () => {
    fc.assert(
      fc.property(facts, expression, (root, text) => {
        expect(ours(text, root)).toEqual(theirs(text, root));
      }),
      { numRuns: 400 },
    );
  });

  it('knows what follows and what precedes by their definitions', () => {
    fc.assert(
      fc.property(facts, test, (root, what) => {
        const all = evaluateXpath(parseXpath('//node()'), root) as readonly TreeNode[];
        const within = (node: TreeNode, other: TreeNode | null): boolean =>
          other !== null && (other === node || within(node, other.parent));
        const passing = evaluateXpath(parseXpath(`//${what}`), root) as readonly TreeNode[];
        all.forEach((node, index) => {
          const one = `(//node())[${index + 1}]`;
          const after = passing.filter((other) => other.order > node.order && !within(node, other));
          const before = passing.filter((other) => other.order < node.order && !within(other, node));
          expect(evaluateXpath(parseXpath(`${one}/following::${what}`), root)).toEqual(after);
          expect(evaluateXpath(parseXpath(`${one}/preceding::${what}`), root)).toEqual(before);
          const nearest = evaluateXpath(parseXpath(`${one}/preceding::${what}[1]`), root);
          expect(nearest).toEqual(before.slice(-1));
        });
      }),
      { numRuns: 200 },
    );
  });

  it('takes what the library takes, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 7 }), (tokens) => {
        const text = tokens.join(' ');
        // The library multiplies by what comes after a comma.
        if (text.includes(', *')) return;
        const fault = checkXpath(text);
        // What is wrong by its types, or by its functions' arguments, the library says only when it is evaluated.
        if (fault !== null && /takes|no path|gone on from/.test(fault.error)) return;
        let parsed = true;
        try {
          reference.parse(text);
        } catch {
          parsed = false;
        }
        expect([text, fault === null]).toEqual([text, parsed]);
      }),
      { numRuns: 3000 },
    );
  });

  it('needs no more of the tree than it says', () => {
    fc.assert(
      fc.property(facts, expression, (root, text) => {
        const [r] = root.children;
        const top = r?.children ?? [];
        const copy = (node: TreeNode): TreeNode =>
          node.children.every(({ kind }) => kind === 'text')
            ? leaf(node.name, node.children[0]?.value ?? '', { attributes: attributesOf(node) })
            : element(node.name, attributesOf(node), node.children.map(copy));
        const { roots } = needsOf(parseXpath(text));
        const whole = document(top.map(copy));
        const part = document(top.filter(({ name: tag }) => roots === 'all' || roots.has(tag)).map(copy));
        const said = (tree: TreeNode): unknown => {
          const value = evaluateXpath(parseXpath(text), tree);
          return typeof value === 'object' ? value.map((node) => toXml(node)) : value;
        };
        expect(said(part)).toEqual(said(whole));
      }),
      { numRuns: 400 },
    );
  });
});

function attributesOf(node: TreeNode): Record<string, string> {
  return Object.fromEntries(node.attributes.map((attribute) => [attribute.name, attribute.value]));
}
