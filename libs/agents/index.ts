export { AgentsModule } from './agents.module.js';
export { HostListChange } from './cuts/host-list-change.entity.js';
export { HostListCount } from './cuts/host-list-count.entity.js';
export { HostListCut } from './cuts/host-list-cut.entity.js';
export { DrainingChanges } from './draining/draining-changes.js';
export { HostLoad } from './draining/host-load.js';
export { FactsChannel } from './facts-tree/facts-channel.js';
export { EnrollSecret } from './enroll-secret.entity.js';
export { EnrollSecrets, type GlobalSecret } from './enroll-secrets.repository.js';
export { Enrolment } from './enrolment.entity.js';
export { HostChange } from './host-change.entity.js';
export { Host } from './host.entity.js';
export { type DetailedHost, HostDetails } from './host-details.js';
export { type HostDetailPartsDto, type HostPackDto } from './hosts.dto.js';
export { isForPlatform, osFamily } from './labels/os-family.js';
export { HostMoves } from './host-moves.js';
export { HostRemovals } from './host-removals.js';
export { HostsService, RUNNABLE_COLUMNS, type RunnableHost } from './hosts.service.js';
export { isBuiltin } from './labels/builtin-labels.js';
export { LabelChanges } from './labels/label-changes.js';
export { LabelMember } from './labels/label-member.entity.js';
export {
  LabelMembership,
  type MembershipChange,
  type MembershipVerdict,
} from './labels/label-membership.service.js';
export {
  type LabelChange,
  type LabelFields,
  LabelSets,
  type StoredLabel,
} from './labels/label-sets.repository.js';
export { Label } from './labels/label.entity.js';
export { type Connected, type KnownAgent, PresenceService } from './presence.service.js';
export { type CommandLine, HostRights, type RightsHost } from './rights/host-rights.service.js';
export { type SelectedHost } from './selectors/compile-selector.js';
export { digestOfHosts } from './selectors/digest.js';
export { type HostSelection, selectableTeams, SelectorsService } from './selectors/selectors.service.js';
export { OptionalStatement, SignedStatementDto, StatementSignatureDto } from './statements/statement.dto.js';
export { type KeptStatement, StatementsService, usedBefore } from './statements/statements.service.js';
export { type NamedSelection, type Selection, TargetsService, UNKNOWN_TEAM } from './targets.service.js';
