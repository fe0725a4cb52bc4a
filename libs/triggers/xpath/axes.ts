import { type TreeNode } from '../tree/node.js';
import { type Axis } from './syntax.js';

/** Axes that are walked against the order of the document. */
export const REVERSE: ReadonlySet<Axis> = new Set<Axis>([
  'ancestor',
  'ancestor-or-self',
  'parent',
  'preceding',
  'preceding-sibling',
]);

/** The nodes on an axis, in the order of the axis. */
export function* along(axis: Axis, node: TreeNode): Generator<TreeNode> {
  switch (axis) {
    case 'self':
      yield node;
      return;
    case 'child':
      yield* node.children;
      return;
    case 'attribute':
      yield* node.attributes;
      return;
    case 'parent':
      if (node.parent !== null) yield node.parent;
      return;
    case 'descendant':
      for (const child of node.children) yield* along('descendant-or-self', child);
      return;
    case 'descendant-or-self':
      yield node;
      for (const child of node.children) yield* along('descendant-or-self', child);
      return;
    case 'ancestor':
      for (let up = node.parent; up !== null; up = up.parent) yield up;
      return;
    case 'ancestor-or-self':
      for (let up: TreeNode | null = node; up !== null; up = up.parent) yield up;
      return;
    case 'following-sibling':
      yield* siblings(node).after;
      return;
    case 'preceding-sibling':
      yield* siblings(node).before.reverse();
      return;
    case 'following':
      yield* following(node);
      return;
    case 'preceding':
      for (let at: TreeNode | null = node; at !== null; at = at.parent)
        for (const sibling of siblings(at).before.reverse())
          yield* [...along('descendant-or-self', sibling)].reverse();
      return;
  }
}

function* following(node: TreeNode): Generator<TreeNode> {
  // What is in the element of an attribute comes after the attribute.
  if (node.kind === 'attribute' && node.parent !== null) yield* along('descendant', node.parent);
  for (let at: TreeNode | null = node; at !== null; at = at.parent)
    for (const sibling of siblings(at).after) yield* along('descendant-or-self', sibling);
}

/** The nodes beside a node. An attribute has none. */
function siblings(node: TreeNode): { before: TreeNode[]; after: TreeNode[] } {
  const all = node.kind === 'attribute' ? [] : (node.parent?.children ?? []);
  const index = all.indexOf(node);
  return { before: all.slice(0, Math.max(0, index)), after: index < 0 ? [] : all.slice(index + 1) };
}
