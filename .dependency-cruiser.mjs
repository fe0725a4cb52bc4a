/** Imports go one way; each rule names the room that a line of code may not reach into. */
const lib = (name) => `^libs/${name}/`;
const only = (from, allowed) => ({
  name: `${from}-imports`,
  severity: 'error',
  comment: `libs/${from} may import only: ${allowed.join(', ') || 'nothing of ours'}`,
  from: { path: lib(from), pathNot: '\\.spec\\.ts$' },
  to: { path: '^(libs|src|apps|test|bench)/', pathNot: [from, ...allowed].map(lib) },
});

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'libs-by-their-index',
      severity: 'error',
      comment:
        "another library is reached through its index.ts (platform: through one of its folders' index.ts)",
      from: { path: '^(libs/([^/]+)|src|apps)/', pathNot: '\\.spec\\.ts$' },
      to: {
        path: '^libs/([^/]+)/',
        pathNot: ['^libs/$2/', '^libs/[^/]+/index\\.ts$', '^libs/platform/.+/index\\.ts$'],
      },
    },
    only('protocol', []),
    only('triggers', []),
    only('platform', ['protocol']),
    only('sessions', ['platform', 'protocol']),
    only('scripts', ['platform', 'protocol', 'triggers', 'sessions', 'agents']),
    only('agents', ['platform', 'protocol', 'sessions']),
    only('connections', ['platform', 'protocol', 'agents', 'sessions']),
    only('executions', ['platform', 'protocol', 'triggers', 'scripts', 'agents', 'connections']),
    only('queries', ['platform', 'protocol', 'agents', 'sessions']),
    only('specs', ['platform', 'protocol', 'queries', 'agents', 'sessions', 'scripts']),
    {
      name: 'agent-knows-only-the-protocol',
      severity: 'error',
      comment: 'and what triggers are, which both sides judge alike',
      from: { path: '^apps/agent/', pathNot: '\\.spec\\.ts$' },
      to: {
        path: '^(libs|src|apps|test|bench)/',
        pathNot: ['^apps/agent/', lib('protocol'), lib('triggers')],
      },
    },
    {
      name: 'swarm-knows-only-the-protocol',
      severity: 'error',
      comment: 'what it shares with the agent would be tested by nobody: it speaks the protocol by itself',
      from: { path: '^apps/swarm/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(libs|src|apps|test|bench)/', pathNot: ['^apps/swarm/', lib('protocol')] },
    },
    {
      name: 'cli-knows-no-server-code',
      severity: 'error',
      comment: 'the CLI speaks HTTP; only `up` and `server` start the server, by its entry file',
      from: { path: '^apps/cli/', pathNot: '\\.spec\\.ts$' },
      to: {
        path: '^(libs|src|apps|test|bench)/',
        pathNot: [
          '^apps/cli/',
          lib('protocol'),
          '^libs/platform/config/index\\.ts$',
          // Verifies without a server.
          '^libs/platform/audit/chain/index\\.ts$',
        ],
      },
    },
    {
      name: 'nobody-imports-the-root-or-tests',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(src|test|bench|libs/testing)/', pathNot: '^libs/testing/' },
    },
    {
      name: 'no-test-code-in-production',
      severity: 'error',
      from: { path: '^(src|apps|libs)/', pathNot: ['\\.spec\\.ts$', '^libs/testing/'] },
      to: { path: ['^libs/testing/', '\\.spec\\.ts$'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
};
