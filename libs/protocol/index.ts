export * from './constants.js';
export * from './messages.js';
export * from './reasons.js';
export * from './standing.js';
