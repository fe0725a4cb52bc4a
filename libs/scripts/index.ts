export { Content } from './content.entity.js';
export { ContentsService, digestOfContent } from './contents.service.js';
export { Script } from './script.entity.js';
export { ScriptsModule } from './scripts.module.js';
