import { type InstanceDefinition } from '#libs/protocol/index';
import { checkXpath, type Needs, needsOf, parseXpath } from '#libs/triggers/index';
import { allNeeds } from '../facts-tree/facts-tree.js';

/** What of the tree all triggers of these look at, whether they are at it now or not. */
export function needsOfInstances(instances: readonly InstanceDefinition[]): Needs {
  const triggers = instances.flatMap(({ start_trigger: start, stop_trigger: stop }) => [start, stop]);
  const settings = triggers.flatMap((trigger) => (trigger.type === 'xpath' ? [trigger.setting] : []));
  return allNeeds(
    settings.filter((setting) => checkXpath(setting) === null).map((setting) => needsOf(parseXpath(setting))),
  );
}
