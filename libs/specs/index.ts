export { SpecsModule } from './specs.module.js';
