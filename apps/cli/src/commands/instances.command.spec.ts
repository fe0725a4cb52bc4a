import { ScriptedServer } from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';

const run = {
  id: 1234,
  host: 'web-1',
  script_name: 'hello_world',
  instance_name: 'verbose',
  start_timestamp: 1743335196,
  start_trigger: { type: 'xpath', setting: '/networking/eth0' },
  stop_trigger: { type: 'system' },
  state: 'killed',
  duration: 60,
  exit_code: -9,
};

describe('muster instances, start, stop, history, facts', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    const last = { ...run, script_name: undefined, instance_name: undefined };
    const script = (more: object) => ({ name: 'hello_world', instances: [{ name: 'verbose', ...more }] });
    server
      .on('POST', '/api/rpc/script_overview_get', () => ({ scripts: [script({ last_execution: last })] }))
      .on('POST', '/api/rpc/script_execution_get', () => ({ executions: [run] }))
      .on('POST', '/api/rpc/script_start', () => ({
        scripts: [script({ last_execution: { ...last, state: 'running' } })],
        hosts: [
          { host: 'web-1', last_execution: { ...last, state: 'running' } },
          { host: 'web-2', error: { code: 'host_offline', message: 'the host is offline' } },
        ],
      }))
      .on('POST', '/api/rpc/script_stop', (_request, response) => {
        response.statusCode = 409;
        return { error: { code: 'not_running', message: 'it is not running on this host' } };
      })
      .on('GET', '/api/v1/fleet/scripts', () => ({
        scripts: [{ id: 7, team_id: null, name: 'hello_world.sh', updated_at: '2026-01-02T03:04:05Z' }],
      }))
      .on('PUT', '/api/v1/fleet/scripts/:id/instances/:name', () => ({ id: 1, name: 'verbose' }));
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  it('lists instances with their last runs', async () => {
    expect(await terminal.muster('instances', '--host', 'web-1')).toBe(0);
    expect(terminal.stdout.text).toMatch(/^SCRIPT +INSTANCE +STATE/);
    expect(terminal.stdout.text).toMatch(
      /hello_world +verbose +killed +2025-03-30T11:46:36Z +web-1 +xpath \/networking\/eth0/,
    );
    expect(server.requests.at(-1)!.body).toMatchObject({ host: 'web-1' });
  });

  it('shows the history, with filters as they were given', async () => {
    const options = [
      '--script',
      'hello_world',
      '--instance',
      'verbose',
      '--state',
      'killed',
      '--exit-code',
      '-9,3',
    ];
    expect(await terminal.muster('history', ...options, '--limit', '5', '--before', '2000')).toBe(0);
    expect(terminal.stdout.text).toMatch(
      /1234 +2025-03-30T11:46:36Z +web-1 +hello_world +verbose +killed +-9 +0\.1 +xpath/,
    );
    expect(server.requests.at(-1)!.body).toEqual({
      filter: {
        instances: [{ script_name: 'hello_world', instance_names: ['verbose'] }],
        states: ['killed'],
        exit_codes: [-9, 3],
      },
      pagination: { limit: -5, id_exclusive: 2000 },
    });
    expect(await terminal.muster('history', '--state', 'asleep')).toBe(2);
  });

  it('starts on all hosts and says what became of each; fails when one could not', async () => {
    expect(await terminal.muster('start', 'hello_world', 'verbose')).toBe(1);
    expect(terminal.stdout.text).toMatch(/web-1 +running/);
    expect(terminal.stdout.text).toMatch(/web-2 +the host is offline/);
  });

  it('tells why it cannot stop', async () => {
    expect(await terminal.muster('stop', 'hello_world', 'verbose', '--host', 'web-1')).toBe(1);
    expect(terminal.stderr.text).toMatch(/it is not running on this host/);
  });

  it('saves an instance by the name of its script', async () => {
    const trigger = ['--schedule', '30 4 * * *', '--missed', 'once'];
    expect(
      await terminal.muster(
        'instances',
        'save',
        'hello_world',
        'verbose',
        '--host',
        'web-1,web-2',
        ...trigger,
      ),
    ).toBe(0);
    expect(server.requests.at(-1)!.body).toEqual({
      hosts: ['web-1', 'web-2'],
      start_trigger: { type: 'schedule', setting: '30 4 * * *', missed: 'once' },
      enabled: true,
    });
    expect(terminal.stdout.text).toBe('saved verbose of hello_world\n');
  });
});
