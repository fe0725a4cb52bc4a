import { type TreeNode } from './node.js';

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** How XML is written. */
export interface SerializeOptions {
  /** A line for each element, two blanks deeper for each level. */
  readonly indent?: boolean;
  /** Without the elements that move by themselves, unless they are asked for themselves. */
  readonly still?: boolean;
}

/** A node as XML. An attribute is written as `name="value"`, the root as its elements, one after the other. */
export function toXml(node: TreeNode, options: SerializeOptions = {}): string {
  return lines(node, options, '').join(options.indent === true ? '\n' : '');
}

function lines(node: TreeNode, options: SerializeOptions, margin: string): string[] {
  switch (node.kind) {
    case 'text':
      return [margin + escapeText(node.value)];
    case 'attribute':
      return [`${margin}${node.name}="${escapeAttribute(node.value)}"`];
    case 'root':
      return shown(node, options).flatMap((child) => lines(child, options, margin));
    case 'element':
      return elementLines(node, options, margin);
  }
}

function elementLines(node: TreeNode, options: SerializeOptions, margin: string): string[] {
  const attributes = node.attributes.map(({ name, value }) => ` ${name}="${escapeAttribute(value)}"`);
  const head = `${margin}<${node.name}${attributes.join('')}`;
  const children = shown(node, options);
  if (children.length === 0) return [`${head}/>`];
  if (children.every(({ kind }) => kind === 'text')) {
    return [`${head}>${children.map(({ value }) => escapeText(value)).join('')}</${node.name}>`];
  }
  const deeper = options.indent === true ? `${margin}  ` : '';
  return [
    `${head}>`,
    ...children.flatMap((child) => lines(child, options, deeper)),
    `${margin}</${node.name}>`,
  ];
}

function shown({ children }: TreeNode, { still }: SerializeOptions): readonly TreeNode[] {
  return still === true ? children.filter(({ moves }) => !moves) : children;
}

function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => ESCAPES[character] ?? character);
}

function escapeAttribute(text: string): string {
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? character);
}
