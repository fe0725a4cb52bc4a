import { Injectable } from '@nestjs/common';
import { type Act, type Caller, maySomewhere } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { EnrollSecretSpecsService } from '../enroll-secret/enroll-secret-specs.service.js';
import { InstanceSpecsService } from '../instances/instance-specs.service.js';
import { LabelSpecsService } from '../labels/label-specs.service.js';
import { PackSpecsService } from '../packs/pack-specs.service.js';
import { parseSpecs } from '../parse-specs.js';
import { PolicySpecsService } from '../policies/policy-specs.service.js';
import { QuerySpecsService } from '../queries/query-specs.service.js';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { SPEC_KINDS, type SpecChange, type SpecKind } from '../spec-change.js';
import { TeamSpecsService } from '../teams/team-specs.service.js';
import { byKind, Documents, LIST_OF_KIND, type SpecsByKind } from './diff-body.js';

/** What applying specs of all kinds would do: they are applied, as in a dry run, and taken back. */
@Injectable()
export class SpecDiffService {
  constructor(
    private readonly calls: SpecCalls,
    private readonly queries: QuerySpecsService,
    private readonly labels: LabelSpecsService,
    private readonly packs: PackSpecsService,
    private readonly secrets: EnrollSecretSpecsService,
    private readonly teams: TeamSpecsService,
    private readonly policies: PolicySpecsService,
    private readonly instances: InstanceSpecsService,
  ) {}

  /**
   * @param body documents (`specs`) or lists by kind; what is named in one kind may be added by another
   * @throws DomainError as applying would
   */
  async diff(caller: Caller, body: object, force: boolean): Promise<SpecChange[]> {
    const specs = parseSpecs(byKind(force), 'specs' in body ? sorted(body) : body);
    return this.calls.run(caller, { dryRun: true }, (call) => this.rehearse(call, specs, force));
  }

  private async rehearse(call: SpecCall, specs: SpecsByKind, force: boolean): Promise<SpecChange[]> {
    const { queries, labels, packs, policies } = specs;
    const teams = specs.teams ?? [];
    const changes: SpecChange[] = [];
    const rehearse = async (
      act: Act,
      list: string,
      many: readonly unknown[],
      apply: (call: SpecCall) => Promise<SpecChange[]>,
    ): Promise<void> => {
      if (many.length === 0) return;
      // The answer shows what stands there now.
      if (!maySomewhere(call.caller, act)) throw new DomainError('forbidden', 'forbidden');
      changes.push(...(await apply({ ...call, list })));
    };
    // What is named comes before what names it: teams, then labels, then queries.
    await rehearse(
      'team:read',
      'teams',
      teams,
      async (c) => (await this.teams.apply(c, teams, force)).changes,
    );
    await rehearse('label:read', 'labels', labels, (c) => this.labels.apply(c, labels));
    await rehearse('query:read', 'queries', queries, (c) => this.queries.apply(c, queries));
    await rehearse('pack:read', 'packs', packs, (c) => this.packs.apply(c, packs));
    if (specs.enroll_secret)
      changes.push(await this.secrets.apply({ ...call, list: 'enroll_secret' }, specs.enroll_secret));
    await rehearse('policy:read', 'policies', policies, (c) => this.policies.apply(c, policies));
    const { script_instances: instances } = specs;
    await rehearse('script:read', 'script_instances', instances, (c) => this.instances.apply(c, instances));
    return changes;
  }
}

/** The documents by kind. @throws DomainError malformed: of no kind that there is */
function sorted(body: object): object {
  const lists: Record<string, unknown[]> = {};
  let enrollSecret: unknown;
  parseSpecs(Documents, body).specs.forEach(({ kind, spec }, index) => {
    if (!isKind(kind))
      throw new DomainError('malformed', {
        name: `specs[${index}].kind`,
        reason: `must be one of ${SPEC_KINDS.join(', ')}, not "${kind}"`,
      });
    // In files a team stands one level deeper.
    const inner = kind === 'team' && 'team' in spec ? spec['team'] : spec;
    if (kind === 'enroll_secret') enrollSecret = inner;
    else (lists[LIST_OF_KIND[kind]] ??= []).push(inner);
  });
  return { ...lists, enroll_secret: enrollSecret };
}

function isKind(kind: string): kind is SpecKind {
  return SPEC_KINDS.some((known) => known === kind);
}
