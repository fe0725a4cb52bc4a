import { parseXpath } from './parser.js';
import { XPathError } from './xpath-error.js';

/** What is wrong with an expression. */
export interface XPathFault {
  /** For people. */
  readonly error: string;
  /** Characters from 0. */
  readonly position: number;
}

/** Whether this is an XPath 1.0 expression that facts can be asked with: null when it is. */
export function checkXpath(text: string): XPathFault | null {
  return faultOf(() => parseXpath(text));
}

/** As `checkXpath`, of a trigger's setting: it selects nodes, or it is a condition. Numbers and texts never turn true. */
export function checkTriggerXpath(text: string): XPathFault | null {
  return faultOf(() => {
    const { type } = parseXpath(text);
    if (type === 'nodes' || type === 'boolean') return;
    const what = type === 'number' ? 'a number' : 'a text';
    throw new XPathError(`this is ${what}, which is no condition: compare it with something`, 0);
  });
}

function faultOf(check: () => unknown): XPathFault | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof XPathError) return { error: error.message, position: error.position };
    throw error;
  }
}
