import { type Expression, type Step } from './syntax.js';

/** What of the tree an expression can see: elements of the root, by name, or everything. */
export interface Needs {
  readonly roots: ReadonlySet<string> | 'all';
  /** Paths of files that it names: /files/file[@path = '/etc/hosts'] */
  readonly files: readonly string[];
}

/** Axes that lead out of the element of the root in which they begin. */
const AWAY = new Set([
  'parent',
  'ancestor',
  'ancestor-or-self',
  'following',
  'preceding',
  'following-sibling',
  'preceding-sibling',
]);
/** Functions that without an argument are about the context node's text. */
const ABOUT_CONTEXT = new Set(['string', 'string-length', 'normalize-space', 'number']);

/** Finds out what of the tree has to be there for this expression. */
export function needsOf(expression: Expression): Needs {
  const roots = new Set<string>();
  const files: string[] = [];
  let all = false;
  const visitStep = ({ axis, test, predicates }: Step): void => {
    if (AWAY.has(axis)) all = true;
    if (test.kind === 'name' && test.name === 'file') files.push(...predicates.flatMap(pathsNamed));
    for (const predicate of predicates) visit(predicate, false);
  };
  const visit = (part: Expression, atRoot: boolean): void => {
    switch (part.kind) {
      case 'literal':
        return;
      case 'negative':
        return visit(part.operand, atRoot);
      case 'binary':
        visit(part.left, atRoot);
        return visit(part.right, atRoot);
      case 'call':
        if (atRoot && part.args.length === 0 && ABOUT_CONTEXT.has(part.name)) all = true;
        for (const argument of part.args) visit(argument, atRoot);
        return;
      case 'path': {
        if (typeof part.from === 'object') visit(part.from, atRoot);
        else if (part.from === 'root' || atRoot) {
          const first = part.steps.find(({ axis }) => axis !== 'self');
          if (first?.axis === 'child' && first.test.kind === 'name' && first.test.name !== null)
            roots.add(first.test.name);
          else all = true;
        }
        for (const predicate of part.predicates) visit(predicate, false);
        for (const step of part.steps) visitStep(step);
      }
    }
  };
  visit(expression, true);
  return { roots: all ? 'all' : roots, files: [...new Set(files)] };
}

/** The texts that @path is compared with. */
function pathsNamed(part: Expression): string[] {
  if (part.kind !== 'binary') return [];
  if (part.operator !== '=') return [...pathsNamed(part.left), ...pathsNamed(part.right)];
  const pair = [part.left, part.right];
  const text = pair.find((side) => side.kind === 'literal');
  const path = pair.find((side) => side.kind === 'path');
  const step = path?.from === 'context' && path.steps.length === 1 ? path.steps[0] : undefined;
  const isPath = step?.axis === 'attribute' && step.test.kind === 'name' && step.test.name === 'path';
  return isPath && typeof text?.value === 'string' ? [text.value] : [];
}
