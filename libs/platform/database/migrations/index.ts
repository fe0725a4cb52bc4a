import { CreateLedger1790000000000 } from './1790000000000-create-ledger.js';
import { AddTeamsScriptsAndTokens1790100000000 } from './1790100000000-add-teams-scripts-and-tokens.js';
import { IndexHostLists1790200000000 } from './1790200000000-index-host-lists.js';
import { AddCampaigns1790400000000 } from './1790400000000-add-campaigns.js';
import { AddLabelsAndQueries1790500000000 } from './1790500000000-add-labels-and-queries.js';
import { AddPacksAndPolicies1790600000000 } from './1790600000000-add-packs-and-policies.js';
import { IndexAgentLabels1790690000000 } from './1790690000000-index-agent-labels.js';
import { AddDrainingAndTokenScopes1790700000000 } from './1790700000000-add-draining-and-token-scopes.js';
import { AddRollouts1790710000000 } from './1790710000000-add-rollouts.js';
import { AddJobs1790720000000 } from './1790720000000-add-jobs.js';
import { AddRefuse1790730000000 } from './1790730000000-add-refuse.js';
import { UseHostIndexesOnlyByHost1790740000000 } from './1790740000000-use-host-indexes-only-by-host.js';
import { AddConnections1790800000000 } from './1790800000000-add-connections.js';
import { CountMasked1790810000000 } from './1790810000000-count-masked.js';
import { AddExecSessions1790820000000 } from './1790820000000-add-exec-sessions.js';
import { AddApprovals1790830000000 } from './1790830000000-add-approvals.js';
import { CountHosts1790850000000 } from './1790850000000-count-hosts.js';
import { AddScriptInstances1790900000000 } from './1790900000000-add-script-instances.js';
import { AddInstanceHistory1790910000000 } from './1790910000000-add-instance-history.js';
import { PlaceHostsInLists1790915000000 } from './1790915000000-place-hosts-in-lists.js';
import { StoreOutputFast1790920000000 } from './1790920000000-store-output-fast.js';
import { AddSigning1790925000000 } from './1790925000000-add-signing.js';
import { AddAuditChain1790930000000 } from './1790930000000-add-audit-chain.js';
import { ListNoDeniedInstanceRuns1790940000000 } from './1790940000000-list-no-denied-instance-runs.js';
import { AddAgentKeys1790945000000 } from './1790945000000-add-agent-keys.js';
import { TellHistoryFromIndexes1790950000000 } from './1790950000000-tell-history-from-indexes.js';
import { VersionHistoryNames1790951000000 } from './1790951000000-version-history-names.js';
import { WalkAlongKilledRuns1790960000000 } from './1790960000000-walk-along-killed-runs.js';
import { RemoveRunsByStatement1790970000000 } from './1790970000000-remove-runs-by-statement.js';

/** In the order they run; a new one goes to the end and never changes once it has landed. */
export const MIGRATIONS = [
  CreateLedger1790000000000,
  AddTeamsScriptsAndTokens1790100000000,
  IndexHostLists1790200000000,
  AddCampaigns1790400000000,
  AddLabelsAndQueries1790500000000,
  AddPacksAndPolicies1790600000000,
  IndexAgentLabels1790690000000,
  AddDrainingAndTokenScopes1790700000000,
  AddRollouts1790710000000,
  AddJobs1790720000000,
  AddRefuse1790730000000,
  UseHostIndexesOnlyByHost1790740000000,
  AddConnections1790800000000,
  CountMasked1790810000000,
  AddExecSessions1790820000000,
  AddApprovals1790830000000,
  CountHosts1790850000000,
  AddScriptInstances1790900000000,
  AddInstanceHistory1790910000000,
  PlaceHostsInLists1790915000000,
  StoreOutputFast1790920000000,
  AddSigning1790925000000,
  AddAuditChain1790930000000,
  ListNoDeniedInstanceRuns1790940000000,
  AddAgentKeys1790945000000,
  TellHistoryFromIndexes1790950000000,
  VersionHistoryNames1790951000000,
  WalkAlongKilledRuns1790960000000,
  RemoveRunsByStatement1790970000000,
];
