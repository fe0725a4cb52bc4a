export { AuditEntry } from './audit-entry.entity.js';
export { Audit, AUDIT_COLUMNS, type AuditRecord, auditValues } from './audit.js';
export { AuditModule } from './audit.module.js';
export { AuditCheckpoint } from './record/audit-checkpoint.entity.js';
export { AuditSeal } from './record/audit-seal.entity.js';
export { doneBy } from './done-by.js';
