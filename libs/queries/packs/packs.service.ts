import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { notFound } from '#libs/platform/errors/index';
import { PackSets, type StoredPack } from './pack-sets.repository.js';

/** Packs one by one; they are made by specs. */
@Injectable()
export class PacksService {
  constructor(
    private readonly database: Database,
    private readonly packs: PackSets,
    private readonly audit: Audit,
  ) {}

  /** @throws DomainError forbidden */
  list(caller: Caller): Promise<StoredPack[]> {
    require(caller, 'pack:read', null);
    return this.packs.all();
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number): Promise<StoredPack> {
    require(caller, 'pack:read', null);
    const pack = await this.packs.find(id);
    if (!pack) throw notFound('Pack', id);
    return pack;
  }

  /** @throws DomainError forbidden, not_found */
  remove(caller: Caller, id: number): Promise<void> {
    return this.drop(caller, id, (tx) => this.packs.find(id, tx));
  }

  /** By its name, whatever the case. @throws DomainError forbidden, not_found */
  removeNamed(caller: Caller, name: string): Promise<void> {
    return this.drop(caller, name, async (tx) => (name.includes('\0') ? null : this.packs.named(name, tx)));
  }

  private async drop(
    caller: Caller,
    what: string | number,
    find: (tx: Transaction) => Promise<StoredPack | null>,
  ): Promise<void> {
    require(caller, 'pack:write', null);
    await this.database.transaction(async (tx) => {
      const pack = await find(tx);
      if (!pack) throw notFound('Pack', what);
      await this.packs.remove(tx, pack.id);
      const details = { pack_id: pack.id, pack_name: pack.name };
      await this.audit.record(tx, doneBy(caller, 'deleted_pack', details));
    });
  }
}
