import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { type Caller, require } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ConfigPatch } from './config-patch.js';
import { Organization } from './organization.entity.js';
import { checkServerUrl } from './server-url.js';

const SQL = {
  scriptsDisabled: {
    name: 'organization_scripts_disabled',
    text: 'SELECT scripts_disabled AS disabled FROM organization WHERE id = 1',
  },
  liveQueryDisabled: {
    name: 'organization_live_query_disabled',
    text: 'SELECT live_query_disabled AS disabled FROM organization WHERE id = 1',
  },
  // A null leaves the column as it is.
  update: {
    text: `INSERT INTO organization AS o (id, org_name, org_logo_url, server_url, scripts_disabled, live_query_disabled)
           VALUES (1, coalesce($1, ''), coalesce($2, ''), coalesce($3, ''), coalesce($4, false), coalesce($5, false))
           ON CONFLICT (id) DO UPDATE SET org_name = coalesce($1, o.org_name), org_logo_url = coalesce($2, o.org_logo_url),
             server_url = coalesce($3, o.server_url), scripts_disabled = coalesce($4, o.scripts_disabled),
             live_query_disabled = coalesce($5, o.live_query_disabled)`,
  },
};

/** Fleet's organization settings, as far as they exist here; clients read them before every command. */
@Injectable()
export class OrganizationService {
  constructor(
    @InjectRepository(Organization) private readonly organizations: Repository<Organization>,
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  /** Whether nobody can run scripts: asked before every run. */
  async scriptsDisabled(): Promise<boolean> {
    const [row] = await this.database.query<{ disabled: boolean }>(SQL.scriptsDisabled);
    return row?.disabled ?? false;
  }

  /** Whether nobody can run live queries: asked before every one. */
  async liveQueryDisabled(): Promise<boolean> {
    const [row] = await this.database.query<{ disabled: boolean }>(SQL.liveQueryDisabled);
    return row?.disabled ?? false;
  }

  /**
   * Changes what is given.
   * @param dryRun only say whether it would do
   * @throws DomainError forbidden; invalid (`org_info.org_name`, `server_settings.server_url`)
   */
  async change(caller: Caller, patch: ConfigPatch, dryRun: boolean): Promise<void> {
    require(caller, 'config:write', null);
    const { org_name, org_logo_url } = patch.org_info ?? {};
    const { server_url, scripts_disabled, live_query_disabled } = patch.server_settings ?? {};
    if (org_name?.trim() === '')
      throw new DomainError('invalid', {
        name: 'org_info.org_name',
        reason: 'organization name must be present',
      });
    if (server_url !== undefined) checkServerUrl(server_url, 'server_settings.server_url');
    const changes = { org_name, org_logo_url, server_url, scripts_disabled, live_query_disabled };
    const values = Object.values(changes).map((value) => value ?? null);
    if (dryRun || values.every((value) => value === null)) return;
    await this.database.transaction(async (tx) => {
      await tx.query(SQL.update, values);
      await this.audit.record(tx, doneBy(caller, 'edited_organization_settings', changes));
    });
  }

  /** The body of `GET /config` (`reference/fleet.md`, 9.2). */
  async config(): Promise<Record<string, unknown>> {
    const organization = await this.organizations.findOneBy({ id: 1 });
    return {
      org_info: {
        org_name: organization?.orgName ?? '',
        org_logo_url: organization?.orgLogoUrl ?? '',
        org_logo_url_light_background: '',
        contact_url: '',
      },
      server_settings: {
        server_url: organization?.serverUrl ?? '',
        live_query_disabled: organization?.liveQueryDisabled ?? false,
        enable_analytics: false,
        deferred_save_host: false,
        query_reports_disabled: false,
        scripts_disabled: organization?.scriptsDisabled ?? false,
        ai_features_disabled: true,
        query_report_cap: 1000,
      },
      agent_options: {},
      features: { enable_host_users: true, enable_software_inventory: false },
      license: { tier: 'premium', expiration: '0001-01-01T00:00:00Z' },
      logging: {},
      update_interval: { osquery_detail: '1h0m0s', osquery_policy: '1h0m0s' },
      fleet_desktop: { transparency_url: '' },
      webhook_settings: { interval: '24h0m0s' },
      mdm: { apple_bm_terms_expired: false, enabled_and_configured: false },
    };
  }
}
