export { Batcher } from './batcher.js';
export { groupBy } from './group-by.js';
export { type Lane, Lanes } from './lanes.js';
export { Recurring } from './recurring.js';
export { Rounds } from './rounds.js';
