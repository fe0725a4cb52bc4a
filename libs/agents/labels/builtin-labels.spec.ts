import { randomBytes, randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { connectDatabase, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase } from '#libs/testing/index';
import { BuiltinLabel, builtinLabelsOf, isBuiltin, type PlatformFacts } from './builtin-labels.js';

const { allHosts, macOS, ubuntu, centOS, windows, redHat, allLinux, chrome, macOS14, fedora } = BuiltinLabel;

/** Platform, version, and the labels that follow. */
const SYSTEMS: readonly (readonly [string, string, readonly BuiltinLabel[]])[] = [
  ['debian', 'Debian GNU/Linux 12 (bookworm)', [allLinux]],
  ['ubuntu', 'Ubuntu 24.04.1 LTS', [ubuntu, allLinux]],
  ['centos', 'CentOS Stream 9', [centOS, allLinux]],
  ['rhel', 'CentOS Linux 7 (Core)', [centOS, allLinux]],
  ['rhel', 'Red Hat Enterprise Linux 9.3 (Plow)', [redHat, allLinux]],
  ['fedora', 'Fedora Linux 40 (Workstation Edition)', [allLinux, fedora]],
  ['linux', 'Linux 6.1.0', [allLinux]],
  ['darwin', 'macOS 13.6.2', [macOS]],
  ['darwin', 'macOS 14.1.2', [macOS, macOS14]],
  ['darwin', 'macOS 26.0', [macOS, macOS14]],
  ['darwin', 'Darwin 22.6.0', [macOS]],
  ['darwin', 'Darwin 23.1.0', [macOS, macOS14]],
  ['darwin', 'macOS', [macOS]],
  ['windows', 'Microsoft Windows 11 Pro', [windows]],
  ['win32', 'Windows_NT 10.0.22631', []],
  ['chrome', 'ChromeOS 117', [chrome]],
  ['ios', 'iOS 17', []],
  ['freebsd', 'FreeBSD 14.1', []],
  ['', '', []],
];

const factsOf = (platform: string, os_version: string): PlatformFacts => ({ platform, os_version });

describe('built-in labels', () => {
  it.each(SYSTEMS)('of %s, %s', (platform, osVersion, labels) => {
    expect(builtinLabelsOf(factsOf(platform, osVersion))).toEqual([allHosts, ...labels]);
  });

  it('are known by their ids', () => {
    expect(Object.values(BuiltinLabel).every(isBuiltin)).toBe(true);
    expect([0, 14, 1000].some(isBuiltin)).toBe(false);
  });

  it('are given by the migration to hosts that were there before, as by the rules', async () => {
    Logger.overrideLogger(false);
    const testDatabase = await createTestDatabase('empty');
    const options = dataSourceOptions(testDatabase.url, []);
    const migrations = options.migrations as readonly { readonly name: string }[];
    const labels = migrations.findIndex(({ name }) => name.startsWith('AddLabels'));
    const before = new DataSource({ ...options, migrations: migrations.slice(0, labels) } as typeof options);
    try {
      await before.initialize();
      await before.runMigrations();
      for (const [platform, osVersion] of SYSTEMS)
        await before.query(
          `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash) VALUES ($1, $1, '', 'x', $2, $3)`,
          [randomUUID(), factsOf(platform, osVersion), randomBytes(32)],
        );
      await before.destroy();
      const after = await connectDatabase(options);
      const rows: { facts: PlatformFacts; labels: number[] }[] = await after.query(
        `SELECT facts, ARRAY(SELECT label_id FROM label_membership WHERE host_id = hosts.id ORDER BY label_id) AS labels FROM hosts ORDER BY id`,
      );
      const names: { id: number }[] = await after.query(
        `SELECT id FROM labels WHERE label_type = 'builtin' ORDER BY id`,
      );
      await after.destroy();
      expect(rows.map(({ labels: ids }) => ids)).toEqual(rows.map(({ facts }) => builtinLabelsOf(facts)));
      expect(rows).toHaveLength(SYSTEMS.length);
      expect(names.map(({ id }) => id)).toEqual(Object.values(BuiltinLabel));
    } finally {
      await testDatabase.drop();
    }
  });
});
