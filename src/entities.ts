import { EnrollSecret, Enrolment, Host, Label, LabelMember } from '#libs/agents/index';
import { Connection, ConnectionGuardRail, ConnectionSecret, GuardRail } from '#libs/connections/index';
import { Execution, OutputChunk, Rollout, Target } from '#libs/executions/index';
import { AuditEntry } from '#libs/platform/audit/index';
import { Content, Script } from '#libs/scripts/index';
import {
  Campaign,
  CampaignResult,
  Pack,
  PackQuery,
  PackTarget,
  Policy,
  PolicyLabel,
  PolicyResult,
  QueryLabel,
  QueryResult,
  SavedQuery,
} from '#libs/queries/index';
import { ApiToken, Organization, Session, Team, TeamRole, User } from '#libs/sessions/index';

/** Every table of the schema; checked against the migrations in CI. */
export const ENTITIES = [
  ApiToken,
  AuditEntry,
  Campaign,
  CampaignResult,
  Connection,
  ConnectionGuardRail,
  ConnectionSecret,
  Content,
  EnrollSecret,
  Enrolment,
  Execution,
  GuardRail,
  Host,
  Label,
  LabelMember,
  Organization,
  OutputChunk,
  Pack,
  PackQuery,
  PackTarget,
  Policy,
  PolicyLabel,
  PolicyResult,
  QueryLabel,
  QueryResult,
  Rollout,
  SavedQuery,
  Script,
  Session,
  Target,
  Team,
  TeamRole,
  User,
];
