/** For everything but the agents' sockets: enrolment, standard streams, the program itself. */
const OTHER_FILES = 128;

/** @throws Error with one clear line when this process may not open as many sockets as it is to have */
export function expectOpenFiles(sockets: number, limit: number = openFileLimit()): void {
  const needed = sockets + OTHER_FILES;
  if (needed <= limit) return;
  throw new Error(
    `--hosts ${sockets} needs ${needed} open files, and this process may have ${limit}: ` +
      `raise the limit (\`ulimit -n ${needed}\`, for the server too) or ask for fewer hosts`,
  );
}

/** Of this process; Node has raised the soft limit to the hard one when it started. Infinity where nobody tells. */
function openFileLimit(): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  const soft = Number(report.userLimits?.open_files?.soft ?? Infinity);
  return Number.isNaN(soft) ? Infinity : soft;
}
