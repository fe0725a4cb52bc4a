import { DataSource } from 'typeorm';
import { dataSourceOptions } from '#libs/platform/database/index';
import { ENTITIES } from './src/entities.js';

/**
 * For TypeORM's own command line (migration:generate, schema:log…): `npm run migration:generate -- NAME`.
 * The server itself never reads this file.
 */
// eslint-disable-next-line no-restricted-syntax -- a tool's configuration, not the server's
const url = process.env['MUSTER_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/muster';

export default new DataSource(dataSourceOptions(url, ENTITIES));
