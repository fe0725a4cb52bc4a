/** The audit chain's format and its verification: no database, no server. What an auditor runs. */
export * from './export-lines.js';
export * from './format.js';
export * from './spans.js';
export * from './verifier.js';
