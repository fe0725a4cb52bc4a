/** The server's clock, as far as the last hello told it: expiry is judged by one clock, the server's. */
export class ServerClock {
  private offset = 0;

  /** Takes the server's word. */
  set(serverTime: number): void {
    this.offset = serverTime - Date.now();
  }

  /** Milliseconds since the epoch, by the server. */
  now(): number {
    return Date.now() + this.offset;
  }
}
