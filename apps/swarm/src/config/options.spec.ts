import { parseOptions, UsageError } from './options.js';

const none = { server: undefined, enrollSecret: undefined, exitWithParent: false };
const given = ['--server', 'http://127.0.0.1:8420/', '--enroll-secret', 's', '--hosts', '3'];

describe('the options of the swarm', () => {
  it('have values for all that is not said', () => {
    expect(parseOptions(given, none)).toEqual({
      server: 'http://127.0.0.1:8420',
      enrollSecret: 's',
      hosts: 3,
      stateFile: null,
      prefix: 'swarm-',
      connectRate: 1000,
      labels: {},
      platform: 'debian',
      seed: 1,
      json: false,
      behaviour: {
        rows: 1,
        rowBytes: 60,
        answerDelay: { from: 0, to: 50 },
        answerFailures: 0.01,
        scriptSeconds: 0,
        scriptOutputBytes: 10,
        scriptFailures: 0,
      },
      exitWithParent: false,
    });
  });

  it('are read', () => {
    const more = [
      '--answer-delay',
      '1..2s',
      '--connect-rate',
      '50',
      '--label',
      'a=b',
      '--label',
      'c=d',
      '--json',
    ];
    const options = parseOptions([...given, ...more], none);
    expect(options.behaviour.answerDelay).toEqual({ from: 1000, to: 2000 });
    expect([options.connectRate, options.labels, options.json]).toEqual([50, { a: 'b', c: 'd' }, true]);
  });

  it('take server and secret from the environment', () => {
    const env = { server: 'https://muster.example.com', enrollSecret: 'x', exitWithParent: true };
    expect(parseOptions(['--hosts', '1'], env)).toMatchObject({
      server: 'https://muster.example.com',
      enrollSecret: 'x',
      exitWithParent: true,
    });
  });

  it.each([
    [['--server', 'x'], '--hosts is missing'],
    [['--hosts', '3'], '--server (or MUSTER_SERVER) is missing'],
    [['--hosts', '3', '--server', 'ftp://x'], '--server "ftp://x" is no http or https address'],
    [[...given, '--hosts', '0'], '--hosts "0" must be a whole number'],
    [[...given, '--connect-rate', 'fast'], '--connect-rate "fast"'],
    [[...given, '--answer-delay', '50..0ms'], '--answer-delay "50..0ms" ends before it begins'],
    [[...given, '--answer-delay', 'soon'], '--answer-delay "soon"'],
    [[...given, '--answer-failures', '2'], '--answer-failures "2" must be a share'],
    [[...given, '--script-seconds', '-1'], '--script-seconds "-1"'],
    [[...given, '--label', 'x'], '--label "x" must be key=value'],
    [[...given, 'more'], 'too many arguments'],
    [[...given, '--speed', '3'], "unknown option '--speed'"],
  ])('say what is wrong: %j', (args, message) => {
    const parse = () => parseOptions(args, none);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
  });
});
