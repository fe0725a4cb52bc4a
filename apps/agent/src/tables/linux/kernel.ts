import { type Row, type Table } from '../engine/table.js';
import { readLines, readProc } from './proc.js';

/** What a boot loader told the kernel, apart. */
export function parseArguments(commandLine: string): { path: string; device: string; arguments: string } {
  const words = commandLine.trim().split(/\s+/);
  const valueOf = (name: string): string =>
    words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  return {
    path: valueOf('BOOT_IMAGE'),
    device: valueOf('root'),
    arguments: words.filter((word) => !/^(BOOT_IMAGE|root)=/.test(word)).join(' '),
  };
}

/** The running kernel. */
export const kernelInfo: Table = {
  name: 'kernel_info',
  platforms: ['linux'],
  *rows(scan) {
    const signature = readProc('/proc/version', scan) ?? '';
    yield {
      version: /^\S+ version (\S+)/.exec(signature)?.[1] ?? '',
      ...parseArguments(readProc('/proc/cmdline', scan) ?? ''),
    };
  },
};

/** A line of /proc/modules. */
export function parseModule(line: string): Row | null {
  const [name, size, , usedBy, status, address] = line.split(' ');
  if (name === undefined || size === undefined || usedBy === undefined) return null;
  return { name, size: Number(size), used_by: usedBy.replace(/,$/, ''), status, address };
}

/** What has been loaded into the kernel; empty where it takes no modules. */
export const kernelModules: Table = {
  name: 'kernel_modules',
  platforms: ['linux'],
  *rows(scan) {
    for (const line of readLines('/proc/modules', scan)) {
      const row = parseModule(line);
      if (row !== null) yield row;
    }
  },
};
