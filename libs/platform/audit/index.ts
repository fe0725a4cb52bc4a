export { AuditEntry } from './audit-entry.entity.js';
export { Audit, type AuditRecord } from './audit.js';
export { AuditModule } from './audit.module.js';
export { doneBy } from './done-by.js';
