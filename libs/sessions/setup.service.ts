import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Audit } from '#libs/platform/audit/index';
import { serverUrl, type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { checkServerUrl } from './organization/server-url.js';
import { type SetupDto, type SetupResponseDto } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';
import { generatePassword, hashPassword } from './users/passwords.js';
import { emailProblem, nameProblem, newPasswordProblem, problemsOf } from './users/user-fields.js';
import { toUserDto } from './users/user-view.js';
import { type Account, UsersRepository } from './users/users.repository.js';

const GENERATED_EMAIL = 'admin@muster.local';
/** Key of the advisory lock under which the first admin is made. */
const SETUP_LOCK = 0x6d757373;
const LOCK = { text: 'SELECT pg_advisory_xact_lock($1)' };
const SAVE_ORGANIZATION = {
  text: `INSERT INTO organization (id, org_name, org_logo_url, server_url) VALUES (1, $1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET org_name = excluded.org_name, org_logo_url = excluded.org_logo_url, server_url = excluded.server_url`,
};
const COUNT_USERS = { text: 'SELECT count(*)::int AS users FROM users' };

/** Makes the first admin: by `POST /api/v1/setup`, or at the start when the settings say so. */
@Injectable()
export class SetupService implements OnApplicationBootstrap {
  private readonly logger = new Logger(SetupService.name);

  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly sessions: SessionsService,
    private readonly audit: Audit,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { firstAdmin } = this.settings;
    if (firstAdmin === null || (await this.users.anyExist())) return;
    const { email, password } =
      firstAdmin === 'generate' ? { email: GENERATED_EMAIL, password: generatePassword() } : firstAdmin;
    await this.database.transaction(async (tx) => {
      if (!(await this.claim(tx))) return;
      await this.createAdmin(tx, { name: 'Admin', email, password }, null).catch((error: unknown) => {
        if (!(error instanceof DomainError)) throw error;
        throw new Error(`MUSTER_ADMIN_EMAIL, MUSTER_ADMIN_PASSWORD: ${error.message}`);
      });
      await tx.query(SAVE_ORGANIZATION, ['', '', serverUrl(this.settings)]);
      // Before the commit: an admin whose password nobody knows must not exist.
      if (firstAdmin === 'generate')
        await writePrivately(join(this.settings.dataDir, 'admin.json'), { email, password });
    });
    this.logger.log('first admin created', { email });
  }

  /** @throws DomainError not_found once a user exists; invalid */
  async setUp(dto: SetupDto, address: string): Promise<SetupResponseDto> {
    const url = checkServerUrl(dto.server_url);
    const { org_name = '', org_logo_url = '' } = dto.org_info ?? {};
    return this.database.transaction(async (tx) => {
      if (!(await this.claim(tx))) throw notFound('Page');
      const admin = await this.createAdmin(tx, dto.admin, address);
      await tx.query(SAVE_ORGANIZATION, [org_name, org_logo_url, url]);
      return {
        admin: toUserDto(admin),
        org_info: {
          org_name,
          org_logo_url,
          org_logo_url_light_background: '',
          contact_url: '',
        },
        server_url: url,
        osquery_enroll_secret: null,
        token: await this.sessions.open(tx, admin.id),
      };
    });
  }

  /** Two that come at the same moment take turns; the second finds a user there. */
  private async claim(tx: Transaction): Promise<boolean> {
    await tx.query(LOCK, [SETUP_LOCK]);
    const [row] = await tx.query<{ users: number }>(COUNT_USERS);
    return row?.users === 0;
  }

  private async createAdmin(
    tx: Transaction,
    admin: { name: string; email: string; password: string },
    address: string | null,
  ): Promise<Account> {
    const problems = problemsOf(
      nameProblem(admin.name),
      emailProblem(admin.email),
      newPasswordProblem(admin.password, 'password', 'Password'),
    );
    if (problems.length > 0) throw new DomainError('invalid', problems);
    const id = await this.users.insert(tx, {
      name: admin.name,
      email: admin.email.toLowerCase(),
      passwordHash: await hashPassword(admin.password),
      apiOnly: false,
      forcePasswordReset: false,
    });
    await this.users.setRoles(tx, id, { globalRole: 'admin', teams: [] });
    const user = await this.users.find(id, tx);
    if (!user) throw notFound('User', id);
    await this.audit.record(tx, {
      userId: user.id,
      email: user.email,
      address,
      act: 'setup',
      outcome: 'done',
    });
    return user;
  }
}

async function writePrivately(path: string, content: object): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
