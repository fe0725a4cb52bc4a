/** Told to the server at enrolment and in each handshake. */
export const AGENT_VERSION = '0.1.0';
