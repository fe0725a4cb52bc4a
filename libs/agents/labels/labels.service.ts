import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require, teamsWhere } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { HostListRepository, type HostRow } from '../host-list.repository.js';
import { HostsService } from '../hosts.service.js';
import { LabelChanges } from './label-changes.js';
import { isBuiltin } from './builtin-labels.js';
import { LabelMembership } from './label-membership.service.js';
import { type CreateLabelDto, type ModifyLabelDto } from './labels.dto.js';
import { type CountedLabel, type LabelRow, LabelsRepository } from './labels.repository.js';

/** Labels belong to everybody; counts and lists of their hosts are of those that the caller may see. */
@Injectable()
export class LabelsService {
  constructor(
    private readonly database: Database,
    private readonly labels: LabelsRepository,
    private readonly membership: LabelMembership,
    private readonly hosts: HostsService,
    private readonly hostRows: HostListRepository,
    private readonly audit: Audit,
    private readonly changes: LabelChanges,
  ) {}

  /** @throws DomainError forbidden */
  list(caller: Caller, options: ListOptions): Promise<CountedLabel[]> {
    require(caller, 'label:read', null);
    return this.labels.list(options, teamsWhere(caller, 'host:list'));
  }

  /**
   * All of them, uncounted.
   * @throws DomainError forbidden
   */
  summary(caller: Caller): Promise<LabelRow[]> {
    require(caller, 'label:read', null);
    return this.labels.summary();
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number, tx?: Transaction): Promise<CountedLabel> {
    require(caller, 'label:read', null);
    const label = await this.labels.find(id, tx);
    if (!label) throw notFound('Label', id);
    return { ...label, hostCount: await this.labels.count(id, teamsWhere(caller, 'host:list'), tx) };
  }

  /**
   * Its hosts, as far as the caller may list them.
   * @throws DomainError forbidden, not_found
   */
  async hostsOf(caller: Caller, id: number, options: ListOptions): Promise<HostRow[]> {
    if (!(await this.labels.find(id))) throw notFound('Label', id);
    return this.hosts.list(caller, { labelId: id, match: options.match }, options);
  }

  /**
   * With a query a dynamic one; without, a manual one with these hosts.
   * @throws DomainError forbidden; invalid (`name`, `query`); already_exists
   */
  async create(caller: Caller, dto: CreateLabelDto): Promise<CountedLabel> {
    require(caller, 'label:write', null);
    const name = checkName(dto.name ?? '', 'missing required argument');
    const query = dto.query?.trim() ? dto.query : '';
    const members = await this.membersOf(dto);
    if (query !== '' && members !== null)
      throw new DomainError('invalid', {
        name: 'query',
        reason: 'Only one of either "query" or "hosts/host_ids" can be included in the request.',
      });
    return this.database.transaction(async (tx) => {
      await this.refuseReserved(tx, name, 'add');
      const id = await this.labels.insert(tx, {
        name,
        description: dto.description ?? '',
        query,
        platform: dto.platform ?? '',
        membershipType: query === '' ? 'manual' : 'dynamic',
        authorId: caller.userId,
      });
      await this.membership.replace(id, members ?? [], tx);
      await this.changes.tell(tx, [id]);
      await this.audit.record(tx, doneBy(caller, 'created_label', { label_id: id, label_name: name }));
      return this.get(caller, id, tx);
    });
  }

  /**
   * What is absent stays; query and platform are for ever.
   * @throws DomainError forbidden; not_found; invalid (a built-in one; `name`, `query`, `platform`, `hosts`); already_exists
   */
  async modify(caller: Caller, id: number, dto: ModifyLabelDto): Promise<CountedLabel> {
    require(caller, 'label:write', null);
    const members = await this.membersOf(dto);
    return this.database.transaction(async (tx) => {
      const label = await this.locked(tx, id, 'modify');
      refuseForEver(label, dto);
      if (members !== null && label.membershipType === 'dynamic')
        throw new DomainError('invalid', {
          name: 'hosts',
          reason: 'cannot provide a list of hosts for a dynamic label',
        });
      const name = checkName(dto.name ?? label.name, 'may not be empty');
      if (name !== label.name) await this.refuseReserved(tx, name, 'rename');
      await this.labels.update(tx, id, name, dto.description ?? label.description);
      if (members !== null) await this.membership.replace(id, members, tx);
      await this.audit.record(tx, doneBy(caller, 'edited_label', { label_id: id, label_name: name }));
      return this.get(caller, id, tx);
    });
  }

  /** @throws DomainError forbidden; not_found; invalid (a built-in one); conflict (in use) */
  async remove(caller: Caller, id: number): Promise<void> {
    require(caller, 'label:write', null);
    await this.database.transaction((tx) => this.drop(tx, caller, id));
  }

  /**
   * By its name, whatever the case.
   * @throws DomainError as `remove`
   */
  async removeNamed(caller: Caller, name: string): Promise<void> {
    require(caller, 'label:write', null);
    await this.database.transaction(async (tx) => {
      const id = name.includes('\0') ? null : await this.labels.idOf(name, tx);
      if (id === null) throw notFound('Label', name);
      await this.drop(tx, caller, id);
    });
  }

  private async drop(tx: Transaction, caller: Caller, id: number): Promise<void> {
    const label = await this.locked(tx, id, 'delete');
    const { name } = label;
    await this.changes.tell(tx, [id]);
    await this.labels.remove(tx, label);
    await this.audit.record(tx, doneBy(caller, 'deleted_label', { label_id: id, label_name: name }));
  }

  private async locked(tx: Transaction, id: number, what: 'modify' | 'delete'): Promise<LabelRow> {
    const label = await this.labels.lock(tx, id);
    if (!label) throw notFound('Label', id);
    if (label.labelType === 'builtin')
      throw new DomainError('invalid', {
        name: 'name',
        reason: `cannot ${what} built-in label '${label.name}'`,
      });
    return label;
  }

  private async refuseReserved(tx: Transaction, name: string, what: 'add' | 'rename'): Promise<void> {
    const id = await this.labels.idOf(name, tx);
    if (id !== null && isBuiltin(id))
      throw new DomainError('invalid', {
        name: 'name',
        reason: `cannot ${what} label '${name}' because it conflicts with the name of a built-in label`,
      });
  }

  /** The hosts that a manual label is to have; null: nothing is said about them. Unknown ones are passed over. */
  private async membersOf({ hosts, host_ids }: ModifyLabelDto): Promise<number[] | null> {
    if (!hosts && !host_ids) return null;
    const named = hosts ? await this.hostRows.allNamed(hosts) : [];
    return [...new Set([...(host_ids ?? []), ...named.map(({ id }) => id)])];
  }
}

function checkName(given: string, whenEmpty: string): string {
  const name = given.trim();
  if (name === '') throw new DomainError('invalid', { name: 'name', reason: whenEmpty });
  return name;
}

function refuseForEver(label: LabelRow, dto: ModifyLabelDto): void {
  for (const name of ['query', 'platform'] as const) {
    const given = dto[name];
    if (typeof given === 'string' && given !== label[name])
      throw new DomainError('invalid', {
        name,
        reason: `the ${name} of a label cannot be changed: make a new label`,
      });
  }
}
