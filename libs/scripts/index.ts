export { Content } from './content.entity.js';
export { ContentsService, digestOfContent } from './contents.service.js';
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
