export { Content } from './content.entity.js';
export { ContentsService, digestOfContent } from './contents.service.js';
export { ScriptsModule } from './scripts.module.js';
