import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { type ConnectionForRun } from './connection-for-run.js';

/** Runs the connection's command with this input; why it does not work, null: it does, or nobody may say. */
export type Probe = (caller: Caller, connection: ConnectionForRun, script: string) => Promise<string | null>;

/** Whoever runs sessions says so at their start; this library only knows recipes. */
@Injectable()
export class ConnectionProbes {
  private probe: Probe | null = null;

  use(probe: Probe): void {
    this.probe = probe;
  }

  async problemOf(caller: Caller, connection: ConnectionForRun, script: string): Promise<string | null> {
    return this.probe === null ? null : this.probe(caller, connection, script);
  }
}
