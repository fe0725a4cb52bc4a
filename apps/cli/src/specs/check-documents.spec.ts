import { checkDocuments } from './check-documents.js';
import { readYaml } from './read-yaml.js';

const checked = (text: string) => checkDocuments(readYaml(text, 'f.yml'));

describe('checkDocuments', () => {
  it('takes every kind, whatever the case', () => {
    const found = checked(`
{"kind":"Query","apiVersion":"v1","spec":{"name":"uptime","query":"select 1","team":"Web"}}
{"kind":"pack","spec":{"name":"p"}}
{"kind":"LABEL","spec":{"name":"l"}}
{"kind":"policy","spec":{"name":"p","team":null}}
{"kind":"team","spec":{"team":{"name":"Web"}}}
{"kind":"config","spec":{"org_info":{}}}
{"kind":"enroll_secret","spec":{"secrets":[]}}
{"kind":"user_roles","spec":{"roles":{"a@example.com":{"global_role":"admin"},"b@example.com":{"teams":[]}}}}
`);
    expect(found.map(({ kind, name, team }) => [kind, name, team])).toEqual([
      ['query', 'uptime', 'Web'],
      ['pack', 'p', ''],
      ['label', 'l', ''],
      ['policy', 'p', ''],
      ['team', 'Web', ''],
      ['config', '', ''],
      ['enroll_secret', '', ''],
      ['user_roles', 'a@example.com', ''],
      ['user_roles', 'b@example.com', ''],
    ]);
    expect(found[4]!.spec).toEqual({ name: 'Web' });
    expect(found[7]!.spec).toEqual({ global_role: 'admin' });
  });

  it.each([
    ['- 1', 'line 1: a map with apiVersion, kind and spec is meant'],
    ['kind: query\nspecs: {}', 'line 2: unknown key "specs": a document has apiVersion, kind and spec'],
    ['apiVersion: v2\nkind: query\nspec: {}', 'line 1: unknown apiVersion: v1 is meant'],
    ['spec: {}', 'line 1: kind is missing: one of query, label,'],
    ['apiVersion: v1\nkind: querry\nspec: {}', 'line 2: unknown kind "querry": query, label,'],
    ['kind: host\nspec: {}', 'line 1: hosts cannot be applied'],
    ['# x\nkind: query', 'line 2: query without a spec'],
    ['kind: query\nspec:', 'line 1: query without a spec'],
    ['kind: query\nspec: [1]', 'line 2: spec must be a map'],
    ['kind: query\nspec: {}', 'line 2: name is missing'],
    ['kind: query\nspec: {name: 5}', 'line 2: name must be a text: put it into quotes'],
    ['kind: query\nspec: {name: " "}', 'line 2: name must be a text'],
    ['kind: query\nspec: {name: a, team: 3}', "line 2: spec.team must be a team's name"],
    ['kind: team\nspec: {name: a}', 'line 2: spec.team must be a map'],
    ['kind: user_roles\nspec: {a@example.com: {}}', 'line 2: spec.roles must be a map'],
    [
      'kind: user_roles\nspec: {roles: {a@example.com: admin}}',
      'line 2: spec.roles of a@example.com must be a map',
    ],
    [
      'kind: query\nspec: {name: Up}\n---\nkind: query\nspec: {name: up}',
      'document 2, line 5: query "up" stands already in f.yml: document 1, line 2',
    ],
    [
      'kind: policy\nspec: {name: a, team: Web}\n---\nkind: policy\nspec: {name: a, team: web}',
      'policy "a" stands already in',
    ],
    ['kind: config\nspec: {}\n---\nkind: config\nspec: {}', 'line 5: config stands already in'],
  ])('refuses what it cannot be, case %#', (text, message) => {
    expect(() => checked(text)).toThrow(message);
  });

  it('knows the same name of another kind or team as another', () => {
    const text = `
{"kind":"query","spec":{"name":"a"}}
{"kind":"query","spec":{"name":"a","team":"Web"}}
{"kind":"policy","spec":{"name":"a"}}
{"kind":"policy","spec":{"name":"a","team":"No team"}}`;
    expect(checked(text)).toHaveLength(4);
  });
});
