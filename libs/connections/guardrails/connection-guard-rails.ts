import { Injectable } from '@nestjs/common';
import { type Caller, may } from '#libs/platform/auth/index';
import { type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { GuardRailsRepository, type Owned } from './guard-rails.repository.js';

/**
 * Which guard rails a connection has, and which connections a guard rail: each side is changed as far as the caller sees the
 * other. A guard rail that the administrators of all teams have put on a team's connection stays there.
 */
@Injectable()
export class ConnectionGuardRails {
  constructor(private readonly guardRails: GuardRailsRepository) {}

  /** @param had those it has so far @throws DomainError invalid: no such guard rail, or none for this connection */
  async setForConnection(
    tx: Transaction,
    caller: Caller,
    connection: Owned,
    had: readonly string[],
    given: readonly string[],
  ): Promise<void> {
    const wanted = idsIn(given, 'guardrail_rules');
    const known = await this.guardRails.owners(tx, [...wanted, ...had]);
    const visible = known.filter(({ teamId }) => may(caller, 'connection:read', teamId));
    for (const id of wanted) {
      if (had.includes(id)) continue;
      const found = visible.find((one) => one.id === id);
      if (!found) throw unknown('guardrail_rules', `there is no guard rail ${id}`);
      if (found.teamId !== null && found.teamId !== connection.teamId)
        throw unknown('guardrail_rules', `guard rail ${id} belongs to another team than the connection`);
    }
    const gone = visible.map(({ id }) => id).filter((id) => had.includes(id) && !wanted.includes(id));
    await this.guardRails.unlink(tx, [connection.id], gone);
    await this.guardRails.link(tx, [connection.id], wanted);
  }

  /** @param had those that have it so far @throws DomainError invalid: no such connection, or none for this guard rail */
  async setForGuardRail(
    tx: Transaction,
    caller: Caller,
    guardRail: Owned,
    had: readonly Owned[],
    given: readonly string[],
  ): Promise<void> {
    const wanted = idsIn(given, 'connection_ids');
    const writable = (await this.guardRails.connectionOwners(tx, wanted)).filter(({ teamId }) =>
      may(caller, 'connection:write', teamId),
    );
    for (const id of wanted) {
      if (had.some((one) => one.id === id)) continue;
      const found = writable.find((one) => one.id === id);
      if (!found) throw unknown('connection_ids', `there is no connection ${id}`);
      if (guardRail.teamId !== null && guardRail.teamId !== found.teamId)
        throw unknown('connection_ids', `connection ${id} belongs to another team than the guard rail`);
    }
    const gone = had.filter(
      ({ id, teamId }) => !wanted.includes(id) && may(caller, 'connection:write', teamId),
    );
    await this.guardRails.unlink(
      tx,
      gone.map(({ id }) => id),
      [guardRail.id],
    );
    await this.guardRails.link(tx, wanted, [guardRail.id]);
  }
}

function idsIn(given: readonly string[], name: string): string[] {
  const wrong = given.find((id) => !isUuid(id));
  if (wrong !== undefined) throw unknown(name, `${name} must be ids`);
  return [...new Set(given.map((id) => id.toLowerCase()))];
}

function unknown(name: string, reason: string): DomainError {
  return new DomainError('invalid', { name, reason });
}
