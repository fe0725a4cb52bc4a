import * as os from 'node:os';
import { machineUuid } from '../../identity/machine.js';
import { readTextOr } from '../../platform/files.js';
import { type Table } from '../engine/table.js';
import { parseCpuinfo } from './cpu.js';
import { readLines, readProc } from './proc.js';

/** This machine. */
export const systemInfo: Table = {
  name: 'system_info',
  platforms: ['linux'],
  *rows(scan) {
    const sockets = parseCpuinfo(readLines('/proc/cpuinfo', scan));
    const first = sockets[0]?.fields;
    const dmi = (name: string): string => readTextOr(`/sys/class/dmi/id/${name}`);
    // Only root may read serial numbers.
    const secret = (name: string): string => readProc(`/sys/class/dmi/id/${name}`, scan)?.trim() ?? '';
    const vendor = dmi('sys_vendor');
    // Lenovo has the model where others have its version, and the other way round.
    const swapped = vendor.toLowerCase() === 'lenovo';
    yield {
      hostname: os.hostname(),
      uuid: machineUuid() ?? '',
      cpu_type: os.machine(),
      cpu_subtype: first?.get('model') ?? '0',
      cpu_brand: first?.get('model name') ?? os.cpus()[0]?.model ?? '',
      cpu_physical_cores: sockets.reduce((sum, { cores }) => sum + cores, 0),
      cpu_logical_cores: sockets.reduce((sum, { threads }) => sum + threads, 0),
      cpu_sockets: sockets.length,
      cpu_microcode: first?.get('microcode') ?? '',
      physical_memory: os.totalmem(),
      hardware_vendor: vendor,
      hardware_model: dmi(swapped ? 'product_version' : 'product_name'),
      hardware_version: dmi(swapped ? 'product_name' : 'product_version'),
      hardware_serial: scan.uses('hardware_serial') ? secret('product_serial') : '',
      board_vendor: dmi('board_vendor'),
      board_model: dmi('board_name'),
      board_version: dmi('board_version'),
      board_serial: scan.uses('board_serial') ? secret('board_serial') : '',
      computer_name: os.hostname(),
      local_hostname: os.hostname(),
    };
  },
};
