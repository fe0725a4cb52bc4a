import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';

/** A saved script as it stands now. */
export interface SavedScript {
  readonly id: number;
  /** null: for hosts of no team. */
  readonly teamId: number | null;
  readonly name: string;
  readonly contentSha256: Buffer;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = `id, team_id AS "teamId", name, content_sha256 AS "contentSha256", created_at AS "createdAt", updated_at AS "updatedAt"`;

const SQL = {
  find: { name: 'script_find', text: `SELECT ${COLUMNS} FROM scripts WHERE id = $1` },
  byName: {
    name: 'script_by_name',
    text: `SELECT ${COLUMNS} FROM scripts WHERE coalesce(team_id, 0) = $1 AND lower(name) = lower($2)`,
  },
};

/** Saved scripts. */
@Injectable()
export class ScriptsService {
  constructor(private readonly database: Database) {}

  /** null when there is none. */
  async find(id: number): Promise<SavedScript | null> {
    const [row] = await this.database.query<SavedScript>(SQL.find, [id]);
    return row ?? null;
  }

  /** By its name (whatever the case) within the team, or within no team; null when there is none. */
  async findByName(teamId: number | null, name: string): Promise<SavedScript | null> {
    const [row] = await this.database.query<SavedScript>(SQL.byName, [teamId ?? 0, name]);
    return row ?? null;
  }
}
