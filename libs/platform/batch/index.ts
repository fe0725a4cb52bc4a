export { Batcher } from './batcher.js';
export { groupBy } from './group-by.js';
