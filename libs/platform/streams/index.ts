export { Watchers } from './watchers.js';
