/** Set in a task's flags when it is a thread of the kernel: there is no program that it runs, and no command line. */
const PF_KTHREAD = 0x0020_0000;

/** The fields of /proc/<pid>/stat from the state on; the command name before it may hold anything, brackets and blanks too. */
export function statFields(text: string): string[] | null {
  const close = text.lastIndexOf(')');
  return close < 0 ? null : text.slice(close + 2).split(' ');
}

/** The command name in /proc/<pid>/stat. */
export function statName(text: string): string {
  return text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
}

/** @param fields as of `statFields` */
export function isProgram(fields: readonly string[]): boolean {
  return (Number(fields[6]) & PF_KTHREAD) === 0;
}
