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
  /** The order's signature is not that of what came: something was edited, or somebody else has signed. */
  badSignature: 'bad_signature',
  /** The order is signed with a key that the agent does not trust. */
  unknownKey: 'unknown_key',
  /** The order was signed for another host. */
  wrongHost: 'wrong_host',
  /** The order was signed as another kind of message than it came as. */
  wrongType: 'wrong_type',
  /** The order came later than its signature is good for. */
  orderExpired: 'order_expired',
  /** The order came earlier than its signature is good for. */
  notYetValid: 'not_yet_valid',
  /** The agent has had this very order before. */
  replayed: 'replayed',
  /** What belongs to the order (a script, standard input, secrets) is missing, or is not what was signed. */
  editedPart: 'edited_part',
  /** The order is of a version that the agent does not know. */
  unknownVersion: 'unknown_version',
  /** The order came without a signature. */
  unsigned: 'unsigned',
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
  /** The run used more processor time than it may. */
  cpuLimit: 'cpu_limit',
  /** The run used more memory than it may. */
  memoryLimit: 'memory_limit',
  /** The run had more processes and threads than it may. */
  processLimit: 'process_limit',
  /** One of its processes had all files open that it may have. */
  openFilesLimit: 'open_files_limit',
  /** A file became larger than the run may write. */
  fileSizeLimit: 'file_size_limit',
  /** The run wrote more to disks than it may, or filled one of the host's. */
  diskLimit: 'disk_limit',
  /** The run brought more output than it may. */
  outputLimit: 'output_limit',
  /** The agent was restarted before the start, and the run's secrets, which it keeps in memory only, went with it. */
  secretsLost: 'secrets_lost',
  /** The server could not open the secrets that the run needs. */
  secretsUnavailable: 'secrets_unavailable',
  /** Another run of the same instance goes on, on that host. */
  alreadyRunning: 'already_running',
  /** The instance's stop trigger fired. */
  stopTrigger: 'stop_trigger',
  /** The host was removed. */
  hostRemoved: 'host_removed',
  /** The host was away, and the request was not to wait for it. */
  hostOffline: 'host_offline',
  /** The host is being drained: it is given nothing new. */
  hostDraining: 'host_draining',
  /** Whoever asked may not run this on that host; the message says which rule refuses. */
  denied: 'denied',
  /** A reviewer rejected the request; the message says who, and why. */
  approvalRejected: 'approval_rejected',
  /** The approval was revoked, or the request withdrawn, before it was sent. */
  approvalRevoked: 'approval_revoked',
  /** The host runs only what people have signed, and too few of those that it knows have. */
  signatureMissing: 'signature_missing',
  /** It is signed, but by nobody whom the host's policy names. */
  signerUnknown: 'signer_unknown',
  /** What was signed is not what was ordered; the message names the field. */
  statementMismatch: 'statement_mismatch',
  /** What was signed was signed for another time, by the host's own clock. */
  statementExpired: 'statement_expired',
} as const;
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode];
