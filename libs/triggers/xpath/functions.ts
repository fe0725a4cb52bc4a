import { type TreeNode } from '../tree/node.js';
import { textOf, toBoolean, toNumber, toText, type XPathValue } from './values.js';

/** Where an expression is evaluated. */
export interface Context {
  readonly node: TreeNode;
  /** From 1. */
  readonly position: number;
  readonly size: number;
}

type Implementation = (args: readonly XPathValue[], context: Context) => XPathValue;

const text = (args: readonly XPathValue[], index: number): string => toText(args[index] ?? '');
const number = (args: readonly XPathValue[], index: number): number => toNumber(args[index] ?? Number.NaN);
const nodes = (args: readonly XPathValue[]): readonly TreeNode[] =>
  typeof args[0] === 'object' ? args[0] : [];
const textOrContext = (args: readonly XPathValue[], { node }: Context): string =>
  args.length > 0 ? text(args, 0) : textOf(node);
const nameOf: Implementation = (args, { node }) => (args.length > 0 ? nodes(args)[0] : node)?.name ?? '';

/** Halves are rounded up, as XPath has it. */
const round = (value: number): number => Math.floor(value + 0.5);

function substring(whole: string, from: number, length: number): string {
  const begin = round(from);
  const end = begin + round(length);
  return [...whole].filter((_character, index) => index + 1 >= begin && index + 1 < end).join('');
}

function translate(whole: string, from: string, to: string): string {
  const [search, replace] = [[...from], [...to]];
  return [...whole]
    .map((character) => {
      const index = search.indexOf(character);
      return index < 0 ? character : (replace[index] ?? '');
    })
    .join('');
}

function before(whole: string, part: string): string {
  const index = whole.indexOf(part);
  return index < 0 ? '' : whole.slice(0, index);
}

function after(whole: string, part: string): string {
  const index = whole.indexOf(part);
  return index < 0 ? '' : whole.slice(index + part.length);
}

/** What the functions of `FUNCTIONS` do. */
export const IMPLEMENTATIONS: ReadonlyMap<string, Implementation> = new Map<string, Implementation>([
  ['last', (_args, { size }) => size],
  ['position', (_args, { position }) => position],
  ['count', (args) => nodes(args).length],
  ['local-name', nameOf],
  ['name', nameOf],
  ['namespace-uri', () => ''],
  ['string', textOrContext],
  ['concat', (args) => args.map(toText).join('')],
  ['starts-with', (args) => text(args, 0).startsWith(text(args, 1))],
  ['contains', (args) => text(args, 0).includes(text(args, 1))],
  ['substring-before', (args) => before(text(args, 0), text(args, 1))],
  ['substring-after', (args) => after(text(args, 0), text(args, 1))],
  [
    'substring',
    (args) => substring(text(args, 0), number(args, 1), args.length > 2 ? number(args, 2) : Infinity),
  ],
  ['string-length', (args, context) => [...textOrContext(args, context)].length],
  [
    'normalize-space',
    (args, context) =>
      textOrContext(args, context)
        .split(/[ \t\r\n]+/)
        .filter((word) => word !== '')
        .join(' '),
  ],
  ['translate', (args) => translate(text(args, 0), text(args, 1), text(args, 2))],
  ['boolean', ([value = '']) => toBoolean(value)],
  ['not', ([value = '']) => !toBoolean(value)],
  ['true', () => true],
  ['false', () => false],
  ['number', (args, context) => toNumber(args[0] ?? textOf(context.node))],
  ['sum', (args) => nodes(args).reduce((sum, node) => sum + toNumber(textOf(node)), 0)],
  ['floor', (args) => Math.floor(number(args, 0))],
  ['ceiling', (args) => Math.ceil(number(args, 0))],
  ['round', (args) => round(number(args, 0))],
]);
