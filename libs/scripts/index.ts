export { Content } from './content.entity.js';
export { ContentsService } from './contents.service.js';
export { ScriptsModule } from './scripts.module.js';
