import { stepsOf } from './apply-plan.js';
import { checkDocuments } from './check-documents.js';
import { type Change } from './plan.js';
import { readYaml } from './read-yaml.js';

/** Each a line of JSON; all of them are new. */
function added(...documents: object[]): Change[] {
  const text = documents.map((each) => JSON.stringify(each)).join('\n');
  return checkDocuments(readYaml(text, 'f.json')).map((each) => ({ ...each, change: 'added', fields: [] }));
}

const order = (changes: readonly Change[]): string[] =>
  stepsOf(changes).map((step) => `${step.kind} ${step.changes.map(({ name }) => name).join(' ')}`.trim());

const team = (name: string) => ({ kind: 'team', spec: { team: { name } } });
const label = (name: string) => ({ kind: 'label', spec: { name } });
const query = (name: string, more = {}) => ({ kind: 'query', spec: { name, ...more } });
const pack = (name: string, more = {}) => ({ kind: 'pack', spec: { name, ...more } });

describe('stepsOf', () => {
  it("goes in Fleet's order where nothing stands against it", () => {
    const rest = [
      {
        kind: 'user_roles',
        spec: { roles: { 'a@example.com': { teams: [{ team: 'Web', role: 'observer' }] } } },
      },
      { kind: 'policy', spec: { name: 'p', team: 'Web', labels_include_any: ['l'] } },
      { kind: 'enroll_secret', spec: { secrets: [] } },
      { kind: 'config', spec: {} },
    ];
    expect(
      order(added(...rest, team('Web'), pack('k', { targets: { labels: ['l'] } }), label('l'), query('q'))),
    ).toEqual([
      'query q',
      'label l',
      'pack k',
      'config',
      'enroll_secret',
      'team Web',
      'policy p',
      'user_roles a@example.com',
    ]);
  });

  it('takes what is new and needed earlier first, whatever the case of its name', () => {
    const changes = added(
      query('q', { team: 'WEB', labels_include_any: ['L'] }),
      pack('k', { targets: { teams: ['Mail'] } }),
      label('l'),
      label('other'),
      team('Web'),
      team('Mail'),
      team('Other'),
    );
    expect(order(changes)).toEqual([
      'team Web Mail',
      'label l',
      'query q',
      'label other',
      'pack k',
      'team Other',
    ]);
    expect(order(changes.map((each) => ({ ...each, change: 'changed' })))[0]).toBe('query q');
  });

  it('takes the query of a team for another than the one that a pack names', () => {
    const changes = added(pack('k', { queries: [{ query: 'q', interval: 1 }] }), query('q', { team: 'Web' }));
    expect(order(changes)).toEqual(['query q', 'pack k']);
  });
});
