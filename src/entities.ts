import { EnrollSecret, Enrolment, Host } from '#libs/agents/index';
import { Execution, OutputChunk, Target } from '#libs/executions/index';
import { AuditEntry } from '#libs/platform/audit/index';
import { Content } from '#libs/scripts/index';
import { Organization, Session, User } from '#libs/sessions/index';

/** Every table of the schema; checked against the migrations in CI. */
export const ENTITIES = [
  AuditEntry,
  Content,
  EnrollSecret,
  Enrolment,
  Execution,
  Host,
  Organization,
  OutputChunk,
  Session,
  Target,
  User,
];
