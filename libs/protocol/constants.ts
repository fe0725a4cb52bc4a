/** Bumped when an older agent or server could misread a message; the server refuses other versions in the handshake. */
export const PROTOCOL_VERSION = 1;

/** Socket.IO namespace that agents dial. */
export const AGENTS_NAMESPACE = '/agents';

/** HTTP path where an agent trades an enroll secret for its node key. */
export const ENROLL_PATH = '/api/v1/agents/enroll';

/** Events an agent emits. Each is acknowledged by the server, but `taken`, which is an acknowledgement itself. */
export const AgentEvent = {
  hello: 'hello',
  report: 'report',
  taken: 'taken',
  facts: 'facts',
  answer: 'answer',
  findings: 'findings',
  triggered: 'triggered',
  refused: 'refused',
  time: 'time',
} as const;

/**
 * Events the server emits. `query`, `query_end` and `standing` are not acknowledged by the agent: they are the same for many
 * hosts and leave as one packet; an answer is the acknowledgement, and the next hello brings what was lost. The others are; `run` by
 * agents that say `says_taken` only where the server asks for it.
 */
export const ServerEvent = {
  run: 'run',
  stop: 'stop',
  query: 'query',
  queryEnd: 'query_end',
  standing: 'standing',
  instances: 'instances',
  factsQuery: 'facts_query',
  triggerCheck: 'trigger_check',
} as const;

/** Bounds that both sides keep to; a message beyond them is refused, never truncated. */
export const Limits = {
  /** Largest piece of output in one chunk, bytes. */
  chunkBytes: 64 * 1024,
  /** Output bytes an agent may have in flight (sent, not yet acknowledged) per attempt. */
  windowBytes: 512 * 1024,
  /**
   * Output bytes an agent may have in flight over all attempts before the server has said how many, and again once nothing
   * was in flight for `windowIdleMs`; one chunk fits always.
   */
  firstWindowBytes: 64 * 1024,
  windowIdleMs: 2_000,
  /** Largest message the server accepts on the agents' channel, bytes. */
  messageBytes: 4 * 1024 * 1024,
  /** Chunks in one report: a message's bytes are spent sooner, but for the smallest of chunks. */
  chunksPerReport: 16_384,
  /** Labels of an agent's own. */
  agentLabels: 1024,
  /** Blocks of standing work that a hello names. */
  heldBlocks: 10_000,
  /** Arguments of a run that a trigger started. */
  triggeredArguments: 10_000,
  /** Reports in one message. */
  reportsPerMessage: 256,
  /** Orders in one message. */
  ordersPerMessage: 64,
  /** Attempts an agent may name in its hello. */
  helloAttempts: 100_000,
  /** Values and column names of one part of an answer to a query, bytes as UTF-8; a single row may pass it. */
  answerPartBytes: 256 * 1024,
  /** Largest single row of an answer, bytes as UTF-8; a query that yields a larger one fails. */
  answerRowBytes: 2 * 1024 * 1024,
  /** Length of a query, characters. */
  querySql: 1024 * 1024,
  /** Queries in one message. */
  queriesPerMessage: 64,
  /** Labels, policies and reports in one message of findings, each. */
  findingsPerMessage: 4096,
  /** Values and column names of one report of a scheduled query, bytes as UTF-8; a query that yields more fails. */
  reportBytes: 1024 * 1024,
  /** Script instances of one host. */
  instancesPerHost: 1024,
  /** Length of an XPath expression or a cron line, characters. */
  triggerSetting: 4096,
  /** Refusals in one message; what is beyond is counted. */
  refusalsPerMessage: 50,
  /** XML in an answer to a question about the tree of facts, bytes as UTF-8; a larger one is an error. */
  factsXmlBytes: 2 * 1024 * 1024,
} as const;

/** Handshake refusals: the `message` of Socket.IO's `connect_error`. The agent re-enrolls on the first, backs off on all. */
export const HandshakeRefusal = {
  unknownNodeKey: 'unknown_node_key',
  protocolMismatch: 'protocol_mismatch',
  badHandshake: 'bad_handshake',
  unavailable: 'unavailable',
} as const;
