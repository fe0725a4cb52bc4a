/** Told to the server at enrolment and in each handshake. */
export const SWARM_VERSION = 'swarm-0.1.0';
