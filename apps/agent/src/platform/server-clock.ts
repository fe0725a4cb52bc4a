/** The server's clock, as far as it was last told: expiry is judged by one clock, the server's. */
export class ServerClock {
  private offset = 0;
  private anchor: number | null = null;

  /**
   * Takes the server's word. It may have said it at any time since it was asked, and somebody may have held it up: what is later than the server's
   * clock refuses some orders too soon, and what is earlier would take some that are over.
   * @param askedAt by `performance.now()`
   */
  set(serverTime: number, askedAt: number): void {
    const now = performance.now();
    const latest = serverTime + Math.max(0, now - askedAt);
    this.offset = latest - Date.now();
    this.anchor = latest - now;
  }

  /** Milliseconds since the epoch, by the server. */
  now(): number {
    return Date.now() + this.offset;
  }

  /** The same, whatever becomes of the host's clock meanwhile; null before the server has said it. */
  steady(): number | null {
    return this.anchor === null ? null : this.anchor + performance.now();
  }
}
