import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { keysOfCaller } from './reviewers.js';

const SQL = {
  teamNames: { name: 'reviewer_team_names', text: 'SELECT name FROM teams WHERE id = ANY($1::int[])' },
};

/** Which reviewers a caller is. */
@Injectable()
export class ReviewerKeys {
  constructor(private readonly database: Database) {}

  /** See `keysOfReviewer`. */
  async of(caller: Caller): Promise<ReadonlySet<string>> {
    const ids = [...caller.teamRoles.keys()];
    const teams = ids.length === 0 ? [] : await this.database.query<{ name: string }>(SQL.teamNames, [ids]);
    return keysOfCaller(
      caller,
      teams.map(({ name }) => name),
    );
  }
}
