import { element, leaf, type TreeNode } from '#libs/triggers/index';
import { type TextRow } from './rows.js';

/** What `/services` is made of. */
export const SERVICES_SQL =
  process.platform === 'darwin'
    ? `SELECT label AS name, '' AS state, '' AS sub_state, CASE disabled WHEN '1' THEN 'disabled' ELSE 'enabled' END AS enabled
       FROM launchd WHERE label <> '' ORDER BY name`
    : `SELECT id AS name, active_state AS state, sub_state, unit_file_state AS enabled
       FROM systemd_units WHERE id LIKE '%.service' ORDER BY name`;

/** What `/packages` is made of. */
export const PACKAGES_SQL =
  process.platform === 'darwin'
    ? `SELECT name, version, '' AS arch FROM homebrew_packages ORDER BY name, version`
    : `SELECT name, version, arch FROM deb_packages
       UNION ALL SELECT name, version || '-' || release, arch FROM rpm_packages ORDER BY 1, 2`;

/** `/services`, from rows of `SERVICES_SQL`. */
export function services(rows: readonly TextRow[]): TreeNode {
  return element(
    'services',
    {},
    rows.map((row) => named('service', row, ['state', 'sub_state', 'enabled'])),
  );
}

/** `/packages`, from rows of `PACKAGES_SQL`. */
export function packages(rows: readonly TextRow[]): TreeNode {
  return element(
    'packages',
    {},
    rows.map((row) => named('package', row, ['version', 'arch'])),
  );
}

function named(tag: string, row: TextRow, columns: readonly string[]): TreeNode {
  return element(
    tag,
    { name: row['name'] ?? '' },
    columns.map((column) => leaf(column, row[column] ?? '')),
  );
}
