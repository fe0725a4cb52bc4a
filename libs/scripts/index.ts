export { Content } from './content.entity.js';
export { ContentsService, digestOfContent } from './contents.service.js';
export {
  checkInstanceName,
  INSTANCE_NAME,
  InstanceFields,
  settingsOf,
  TriggerPair,
  triggersOf,
} from './instances/instance-fields.js';
export { aimsOf } from './instances/instance-aims.js';
export {
  type InstanceHost,
  InstancesRepository,
  type StoredInstance,
} from './instances/instances.repository.js';
export { candidatesOf, hasTwin, meantBy, stemOf, twinOf } from './instances/script-names.js';
export { timeoutOf } from './instances/instance-timeout.js';
export { InstanceChanges } from './instances/instance-changes.js';
export { InstanceChannel } from './instances/delivery/instance-channel.js';
export { InstanceSetsService } from './instances/delivery/instance-sets.service.js';
export { InstancesService } from './instances/instances.service.js';
export { ScriptInstanceTarget } from './instances/script-instance-target.entity.js';
export { ScriptInstance } from './instances/script-instance.entity.js';
export { ScriptChanges } from './script-changes.js';
export {
  ADHOC_SCRIPT_LIMIT,
  checkScriptContents,
  refuseSecretVariables,
  SAVED_SCRIPT_LIMIT,
  type ScriptLimit,
} from './script-contents.js';
export { Script } from './script.entity.js';
export { type SavedScript } from './scripts.repository.js';
export { ScriptsService } from './scripts.service.js';
export { ScriptsModule } from './scripts.module.js';
