import { byteClass } from './filter.js';
import { type Match, type Nothing, type Shape } from './shape-filter.js';

const AT_SIGN = 0x40;
const LOCAL = byteClass('A-Za-z0-9._%+\\-');
const DOMAIN = byteClass('A-Za-z0-9.\\-');
const LONGEST_LOCAL = 64;
const LONGEST_DOMAIN = 255;
const DOMAIN_NAME = /^(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}/;

/** Addresses of mail, as people write them. */
export class EmailShape implements Shape {
  next(bytes: Buffer, from: number, _before: number, complete: boolean): Match | Nothing {
    for (let sign = bytes.indexOf(AT_SIGN, from); sign >= 0; sign = bytes.indexOf(AT_SIGN, sign + 1)) {
      const start = localStart(bytes, from, sign);
      if (start === sign) continue;
      let end = sign + 1;
      const limit = Math.min(end + LONGEST_DOMAIN, bytes.length);
      while (end < limit && DOMAIN[bytes[end] as number] === 1) end += 1;
      if (end === bytes.length && end < sign + 1 + LONGEST_DOMAIN && !complete)
        return { kind: 'nothing', start };
      const name = DOMAIN_NAME.exec(bytes.toString('latin1', sign + 1, end));
      if (name !== null) return { kind: 'match', start, end: sign + 1 + name[0].length, tail: null };
    }
    const start = complete ? bytes.length : localStart(bytes, from, bytes.length);
    return { kind: 'nothing', start };
  }
}

/** Where the part before the sign begins; the sign's own place when there is none. */
function localStart(bytes: Buffer, from: number, sign: number): number {
  const limit = Math.max(from, sign - LONGEST_LOCAL);
  let start = sign;
  while (start > limit && LOCAL[bytes[start - 1] as number] === 1) start -= 1;
  return start;
}
