import { join } from 'node:path';
import { type Table } from '../engine/table.js';
import { linesOf, namesIn } from '../posix/files.js';

const ADMINDIR = '/var/lib/dpkg';
const LIST = /^([^:]+)(?::[^:]+)?\.list$/;

/** Files that belong to packages of dpkg, directories among them. */
export const debPackageFiles: Table = {
  name: 'deb_package_files',
  platforms: ['linux'],
  *rows(scan) {
    const packages = scan.equals('package');
    const paths = scan.equals('path');
    for (const admindir of scan.equals('admindir') ?? [ADMINDIR]) {
      const directory = join(admindir, 'info');
      for (const file of namesIn(directory, scan)) {
        const name = LIST.exec(file)?.[1];
        if (name === undefined || (packages && !packages.includes(name))) continue;
        for (const path of linesOf(join(directory, file), scan))
          if (path !== '' && path !== '/.' && (!paths || paths.includes(path)))
            yield { package: name, path, admindir };
      }
    }
  },
};
