import {
  type FactsQueryAck,
  Limits,
  type StartTrigger,
  type StopTrigger,
  type TriggerCheck,
  type TriggerCheckAck,
  type TriggerOutlook,
} from '#libs/protocol/index';
import {
  checkCron,
  CronTimes,
  evaluateXpath,
  type Expression,
  type Needs,
  needsOf,
  parseXpath,
  toBoolean,
  toXml,
  XPathError,
  type XPathValue,
} from '#libs/triggers/index';
import { errorMessage } from '../platform/files.js';
import { allNeeds, type FactsTree } from './facts-tree/facts-tree.js';

const SHOWN_CHARACTERS = 300;

/**
 * Answers a question about the tree.
 * @param watched what instances look at: their files are in the tree as well
 */
export async function askFacts(
  tree: FactsTree,
  watched: Needs,
  xpath: string | null,
): Promise<FactsQueryAck> {
  try {
    if (xpath === null) {
      const needs = { roots: 'all', files: watched.files } as const;
      return bounded(await tree.read(needs, (root) => toXml(root, { indent: true })));
    }
    const value = await evaluate(tree, watched, parseXpath(xpath));
    if (typeof value !== 'object')
      return { value: typeof value === 'number' && !Number.isFinite(value) ? String(value) : value };
    return bounded(value.map((node) => toXml(node, { indent: true })).join('\n'));
  } catch (error) {
    return { error: explain(error) };
  }
}

/** Says what triggers would do now. */
export async function checkTriggers(
  tree: FactsTree,
  watched: Needs,
  check: TriggerCheck,
): Promise<TriggerCheckAck> {
  const { start_trigger: start, stop_trigger: stop } = check;
  return {
    ...(start !== undefined && { start: await outlook(tree, watched, start, 'starts') }),
    ...(stop !== undefined && { stop: await outlook(tree, watched, stop, 'stops') }),
  };
}

async function outlook(
  tree: FactsTree,
  watched: Needs,
  trigger: StartTrigger | StopTrigger,
  does: 'starts' | 'stops',
): Promise<TriggerOutlook> {
  try {
    switch (trigger.type) {
      case 'manual':
        return { would_fire: false, why: `only a person ${does} it` };
      case 'schedule':
        return schedule(trigger.setting, trigger.timezone);
      case 'xpath': {
        const value = await evaluate(tree, watched, parseXpath(trigger.setting));
        if (typeof value !== 'object') return condition(toBoolean(value), does);
        const xml = value.map((node) => toXml(node, { still: true })).join(' ');
        if (value.length === 0)
          return { would_fire: false, why: 'selects nothing now; fires when that appears' };
        const what = value.length === 1 ? 'one node' : `${value.length} nodes`;
        return {
          would_fire: false,
          why: `selects ${what} now, fires when that changes or disappears: ${shown(xml)}`,
        };
      }
    }
  } catch (error) {
    return { would_fire: false, why: '', error: explain(error) };
  }
}

function condition(holds: boolean, does: string): TriggerOutlook {
  if (!holds) return { would_fire: false, why: 'is false now; fires when it turns true' };
  return { would_fire: true, why: `is true now; ${does} it when it was not known to be so before` };
}

function schedule(setting: string, timezone: string | undefined): TriggerOutlook {
  const fault = checkCron(setting, timezone);
  if (fault !== null) return { would_fire: false, why: '', error: fault };
  const next = new CronTimes(setting, timezone).next(Date.now());
  if (next === null) return { would_fire: false, why: '', error: 'this never comes to pass' };
  return { would_fire: false, why: `fires next at ${new Date(next).toISOString()}`, next_at: next };
}

async function evaluate(tree: FactsTree, watched: Needs, expression: Expression): Promise<XPathValue> {
  const needs = needsOf(expression);
  const { files } = allNeeds([needs, watched]);
  return tree.read({ roots: needs.roots, files }, (root) => evaluateXpath(expression, root));
}

function bounded(xml: string): FactsQueryAck {
  if (Buffer.byteLength(xml) <= Limits.factsXmlBytes) return { xml };
  return { error: `this is more than ${Limits.factsXmlBytes} bytes of XML: ask for less of it` };
}

function shown(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

function explain(error: unknown): string {
  return error instanceof XPathError
    ? `${error.message} (at character ${error.position + 1})`
    : errorMessage(error);
}
