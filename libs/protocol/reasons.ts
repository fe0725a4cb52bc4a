/**
 * Why a target ended as it did, for programs. Stands beside the human message in every answer.
 * New codes may be added; existing ones never change their meaning.
 */
export const ReasonCode = {
  /** The interpreter or command does not exist. */
  notFound: 'not_found',
  /** It exists but may not be executed. */
  notExecutable: 'not_executable',
  /** The working directory does not exist or may not be entered. */
  badCwd: 'bad_cwd',
  /** The operating system user to run as does not exist, or the agent may not become it. */
  badUser: 'bad_user',
  /** The agent runs with scripts disabled. */
  scriptsDisabled: 'scripts_disabled',
  /** The interpreter is not among those that the agent's operator allows. */
  interpreterNotAllowed: 'interpreter_not_allowed',
  /** The agent could not write its journal (disk full, say), so it refused to start. */
  journalUnavailable: 'journal_unavailable',
  /** The bytes received do not match the content hash in the order. */
  contentMismatch: 'content_mismatch',
  /** The agent could not prepare or start the process for another reason; the message says which. */
  startFailed: 'start_failed',
  /** The run took longer than its timeout. */
  timeout: 'timeout',
  /** A person or API call asked for the end. */
  cancelRequested: 'cancel_requested',
  /** The agent is being shut down. */
  agentShutdown: 'agent_shutdown',
  /** The agent died between start and its journal's end; the outcome is unknown. */
  agentDied: 'agent_died',
  /** The agent's journal is another one than the order was sent to; the outcome is unknown. */
  journalReplaced: 'journal_replaced',
  /** The agent was not heard from for longer than the lease; the outcome is unknown. */
  agentSilent: 'agent_silent',
  /** The request's expiry passed before the start. */
  expired: 'expired',
  /** The saved script is not for this platform (`.ps1` for Windows, `.sh` for all others). */
  incompatiblePlatform: 'incompatible_platform',
  /** The saved script was replaced or deleted before it had run. */
  scriptWithdrawn: 'script_withdrawn',
  /** The output held what a rule forbids; the message is the rule's. */
  outputBlocked: 'output_blocked',
  /** The agent was restarted before the start, and the run's secrets, which it keeps in memory only, went with it. */
  secretsLost: 'secrets_lost',
  /** The server could not open the secrets that the run needs. */
  secretsUnavailable: 'secrets_unavailable',
  /** The host was removed. */
  hostRemoved: 'host_removed',
  /** The host was away, and the request was not to wait for it. */
  hostOffline: 'host_offline',
  /** The host is being drained: it is given nothing new. */
  hostDraining: 'host_draining',
  /** Whoever asked may not run this on that host; the message says which rule refuses. */
  denied: 'denied',
} as const;
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode];
