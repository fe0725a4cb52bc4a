/** An open file of a process, as lsof tells it in fields. */
export interface OpenFile {
  readonly pid: number;
  /** A number, or `cwd`, `txt` and the like. */
  readonly fd: string;
  /** REG, DIR, IPv4, unix and so on. */
  readonly type: string;
  readonly protocol: string;
  readonly name: string;
  /** Of a TCP socket. */
  readonly state: string;
}

const LETTERS: Readonly<Record<string, 'type' | 'protocol' | 'name'>> = {
  t: 'type',
  P: 'protocol',
  n: 'name',
};

/** What `lsof -F pftPTn` says: a line for each field, the letter of the field first. */
export function* parseFiles(text: string): Generator<OpenFile> {
  let pid = 0;
  let fields: Map<keyof OpenFile, string> | null = null;
  const file = (): OpenFile[] =>
    fields === null
      ? []
      : [
          {
            pid,
            fd: fields.get('fd') ?? '',
            type: fields.get('type') ?? '',
            protocol: fields.get('protocol') ?? '',
            name: fields.get('name') ?? '',
            state: fields.get('state') ?? '',
          },
        ];
  for (const line of text.split('\n')) {
    const [letter, value] = [line.charAt(0), line.slice(1)];
    if (letter === 'p' || letter === 'f') {
      yield* file();
      fields = letter === 'f' ? new Map([['fd', value]]) : null;
      if (letter === 'p') pid = Number(value);
    } else if (letter === 'T') {
      if (value.startsWith('ST=')) fields?.set('state', value.slice(3));
    } else {
      const name = LETTERS[letter];
      if (name) fields?.set(name, value);
    }
  }
  yield* file();
}
