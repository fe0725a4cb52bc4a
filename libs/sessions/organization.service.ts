import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Organization } from './organization.entity.js';

/** Fleet's organization settings, as far as they exist here; clients read them before every command. */
@Injectable()
export class OrganizationService {
  constructor(@InjectRepository(Organization) private readonly organizations: Repository<Organization>) {}

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
        live_query_disabled: false,
        enable_analytics: false,
        deferred_save_host: false,
        query_reports_disabled: false,
        scripts_disabled: false,
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
