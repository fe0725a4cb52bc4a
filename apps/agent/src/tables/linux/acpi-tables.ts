import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { errorCode } from '../../platform/files.js';
import { type Table } from '../engine/table.js';
import { listProc } from './proc.js';

const DIRECTORY = '/sys/firmware/acpi/tables';

/** The tables that firmware describes devices and power with. */
export const acpiTables: Table = {
  name: 'acpi_tables',
  platforms: ['linux'],
  *rows(scan) {
    for (const name of listProc(DIRECTORY, scan)) {
      const file = `${DIRECTORY}/${name}`;
      const stat = statSync(file, { throwIfNoEntry: false });
      if (!stat?.isFile()) continue;
      let md5: string | null = null;
      try {
        if (scan.uses('md5')) md5 = createHash('md5').update(readFileSync(file)).digest('hex');
      } catch (error) {
        scan.warn(`not permitted to read ${DIRECTORY} (${errorCode(error)})`);
      }
      yield { name, size: stat.size, md5 };
    }
  },
};
