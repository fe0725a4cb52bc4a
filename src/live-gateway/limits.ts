/** Injection token: `@Inject(LIVE_LIMITS) limits: LiveLimits`. */
export const LIVE_LIMITS = Symbol('live limits');

/** How long is waited for whom, milliseconds. */
export interface LiveLimits {
  /** For a client that has not said yet who it is, or what it wants. */
  readonly silenceMs: number;
  /** Between two pings; a WebSocket that has not answered one by the next is dropped. */
  readonly heartbeatMs: number;
  /** For a client that takes nothing of what is there for it. */
  readonly stallMs: number;
  /** Between two looks at whether the token still stands for somebody. */
  readonly recheckMs: number;
  /** For the next request of a SockJS client that polls. */
  readonly pollMs: number;
}

export const DEFAULT_LIMITS: LiveLimits = {
  silenceMs: 30_000,
  heartbeatMs: 25_000,
  stallMs: 60_000,
  recheckMs: 60_000,
  pollMs: 30_000,
};

/** The most that a client may say in one message, bytes: a token and two numbers. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** Bytes that may wait for a client before nothing more is read for it. */
export const HIGH_WATER_BYTES = 64 * 1024;
