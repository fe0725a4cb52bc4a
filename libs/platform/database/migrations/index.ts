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
];
