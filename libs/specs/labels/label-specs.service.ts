import { Injectable } from '@nestjs/common';
import { LabelSets, type StoredLabel } from '#libs/agents/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { foldNames, takeTurns } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { compare, lastOfEach, type SpecChange } from '../spec-change.js';
import { SpecSqlCheck } from '../spec-sql.service.js';
import {
  fieldsOf,
  hostnamesOf,
  isBuiltinSpec,
  type LabelSpec,
  type LabelSpecDto,
  toLabelSpec,
  toStoredSpec,
} from './label-spec.js';

interface Host {
  readonly id: number;
  readonly hostname: string;
}

/** Labels as specs. They belong to everybody, and so do the lists of their hosts here. */
@Injectable()
export class LabelSpecsService {
  constructor(
    private readonly labels: LabelSets,
    private readonly sql: SpecSqlCheck,
    private readonly calls: SpecCalls,
  ) {}

  /** Built-in ones included. @throws DomainError forbidden */
  async list(caller: Caller): Promise<LabelSpecDto[]> {
    require(caller, 'label:read', null);
    return (await this.labels.all()).map(toStoredSpec);
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, name: string): Promise<LabelSpecDto> {
    require(caller, 'label:read', null);
    const label = name.includes('\0') ? null : await this.labels.named(name);
    if (!label) throw notFound('Label', name);
    return toStoredSpec(label);
  }

  /**
   * Hosts of manual labels are replaced, those of dynamic ones stay until they report. Built-in ones may be there, unchanged.
   * @throws DomainError forbidden; malformed (SQL); invalid (a field, a built-in label)
   */
  async apply(call: SpecCall, specs: readonly LabelSpec[]): Promise<SpecChange[]> {
    const { tx, caller, list } = call;
    require(caller, 'label:write', null);
    specs.forEach((spec, index) => checkSpec(spec, `${list}[${index}]`));
    await this.sql.check(
      specs.flatMap(({ name, query }, index) =>
        query.trim() === '' ? [] : [{ field: `${list}[${index}].query`, kind: 'label', name, sql: query }],
      ),
    );
    await takeTurns(tx, 'labels');
    const keys = await foldNames(
      tx,
      specs.map(({ name }) => name.trim()),
    );
    const present = await this.labels.lock(tx, keys);
    const byKey = new Map(present.map((label) => [label.key, label]));
    specs.forEach((spec, index) =>
      checkBuiltin(spec, byKey.get(keys[index] ?? '') ?? null, `${list}[${index}]`),
    );
    const hosts = await this.labels.hostsByNames(
      tx,
      specs.flatMap((spec) => spec.hosts ?? []),
    );
    const wanted = lastOfEach(specs.map((spec, index) => ({ spec, key: keys[index] ?? '' })));
    const outcome = wanted.map(({ spec, key }) => change(spec, byKey.get(key) ?? null, hosts));
    await this.labels.put(
      tx,
      caller.userId,
      outcome.filter((one) => one.change.change !== 'unchanged'),
    );
    await this.calls.record(
      call,
      'applied_spec_label',
      'specs',
      outcome.map(({ fields }) => ({ name: fields.name, query: fields.query })),
    );
    return outcome.map((one) => one.change);
  }
}

function checkSpec(spec: LabelSpec, field: string): void {
  const refuse = (name: string, reason: string): never => {
    throw new DomainError('invalid', { name: `${field}.${name}`, reason });
  };
  const { name, hosts } = spec;
  if (name.trim() === '') refuse('name', 'label name must not be empty');
  if (isBuiltinSpec(spec)) return;
  const manual = spec.label_membership_type === 'manual';
  if (!manual && hosts && hosts.length > 0)
    refuse('hosts', `label ${name} is declared as dynamic but contains \`hosts\` key`);
  if (manual && !hosts) refuse('hosts', `label ${name} is declared as manual but contains no \`hosts key\``);
}

/** What is built in may be repeated as it is, and nothing else. */
function checkBuiltin(spec: LabelSpec, stored: StoredLabel | null, field: string): void {
  const refuse = (reason: string): never => {
    throw new DomainError('invalid', { name: `${field}.name`, reason });
  };
  if (!isBuiltinSpec(spec)) {
    if (stored?.labelType === 'builtin') refuse(`cannot modify built-in label '${spec.name}'`);
    return;
  }
  const given = fieldsOf(spec);
  const same =
    stored?.labelType === 'builtin' &&
    (['name', 'description', 'query', 'platform', 'membershipType'] as const).every(
      (key) => given[key] === stored[key],
    );
  if (!same) refuse(`cannot modify or add built-in label '${spec.name}'`);
}

function change(spec: LabelSpec, before: StoredLabel | null, known: ReadonlyMap<string, readonly Host[]>) {
  const fields = fieldsOf(spec);
  const old = before && toLabelSpec(before, hostnamesOf(before));
  if (isBuiltinSpec(spec) && old)
    return { change: compare('label', old, old), before, fields, hostIds: null };
  if (fields.membershipType === 'dynamic')
    return { change: compare('label', old, toLabelSpec(fields, null)), before, fields, hostIds: null };
  const named = (spec.hosts ?? []).flatMap((name) => known.get(name) ?? []);
  const hosts = [...new Map(named.map((host) => [host.id, host])).values()];
  // In the order of those that are there: what differs only in its order is the same.
  const place = new Map(before?.hosts?.map(({ id }, index) => [id, index]));
  const last = place.size;
  hosts.sort((a, b) => (place.get(a.id) ?? last) - (place.get(b.id) ?? last) || a.id - b.id);
  const after = toLabelSpec(
    fields,
    hosts.map(({ hostname }) => hostname),
  );
  // Two hosts may bear one name.
  const same = before?.hosts?.length === hosts.length && hosts.every(({ id }) => place.has(id));
  const compared = compare('label', old, after);
  return {
    change: compared.change === 'unchanged' && !same ? { ...compared, change: 'changed' as const } : compared,
    before,
    fields,
    hostIds: hosts.map(({ id }) => id),
  };
}
