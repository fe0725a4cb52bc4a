/*
 * The tree that expressions are about: XML's elements, attributes and text, without namespaces, comments and processing
 * instructions. The root may have several elements, so that a path begins with what it is about: /networking/eth0.
 */

/** One node; its `order` is that of the document, set when it is put into one. */
export interface TreeNode {
  readonly kind: 'root' | 'element' | 'attribute' | 'text';
  /** Of elements and attributes. */
  readonly name: string;
  /** Of attributes and text. */
  readonly value: string;
  readonly attributes: readonly TreeNode[];
  readonly children: readonly TreeNode[];
  /** Its value moves by itself all the time: that is no change of what contains it. */
  readonly moves: boolean;
  parent: TreeNode | null;
  order: number;
}

/** What an attribute or an element of text may hold. */
export type Scalar = string | number | boolean;

const NOTHING: readonly TreeNode[] = [];
// What XML cannot hold at all.
const UNSPEAKABLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function node(kind: TreeNode['kind'], name: string, value: string, more: Partial<TreeNode> = {}): TreeNode {
  const made: TreeNode = {
    kind,
    name,
    value,
    attributes: NOTHING,
    children: NOTHING,
    moves: false,
    parent: null,
    order: 0,
    ...more,
  };
  for (const part of [...made.attributes, ...made.children]) part.parent = made;
  return made;
}

function cleaned(value: Scalar): string {
  return String(value).replace(UNSPEAKABLE, '\ufffd');
}

/** An element with elements in it. */
export function element(
  name: string,
  attributes: Readonly<Record<string, Scalar>>,
  children: readonly TreeNode[],
): TreeNode {
  const named = Object.entries(attributes).map(([key, value]) => node('attribute', key, cleaned(value)));
  return node('element', name, '', { attributes: named, children });
}

/** An element that holds text. */
export function leaf(
  name: string,
  value: Scalar,
  { attributes = {}, moves = false }: { attributes?: Readonly<Record<string, Scalar>>; moves?: boolean } = {},
): TreeNode {
  const text = cleaned(value);
  const children = text === '' ? [] : [node('text', '', text)];
  const named = Object.entries(attributes).map(([key, entry]) => node('attribute', key, cleaned(entry)));
  return node('element', name, '', { attributes: named, children, moves });
}

/** Puts elements into a document. They belong to it from now on, and to no other. */
export function document(children: readonly TreeNode[]): TreeNode {
  const root = node('root', '', '', { children });
  let order = 0;
  const count = (part: TreeNode): void => {
    part.order = order;
    order += 1;
    for (const attribute of part.attributes) count(attribute);
    for (const child of part.children) count(child);
  };
  count(root);
  return root;
}

/** Makes a name that XML takes: what it cannot hold becomes an underscore. */
export function elementName(text: string): string {
  const name = text.replace(/[^\p{L}\p{N}._-]/gu, '_');
  return /^[\p{L}_]/u.test(name) ? name : `_${name}`;
}
