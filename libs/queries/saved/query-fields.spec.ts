import { type DomainError } from '#libs/platform/errors/index';
import { checkQueryFields, QUERY_DEFAULTS, type QueryFields } from './query-fields.js';

const fields = (more: Partial<QueryFields> = {}): QueryFields => ({
  ...QUERY_DEFAULTS,
  name: 'uptime',
  query: 'SELECT 1',
  ...more,
});

function problemsOf(more: Partial<QueryFields>): string[] {
  try {
    checkQueryFields(fields(more));
    return [];
  } catch (error) {
    return (error as DomainError).problems.map(({ name, reason }) => `${name}: ${reason}`);
  }
}

describe('the fields of a query', () => {
  it('are stored without blanks around names, the SQL as it is', () => {
    expect(
      checkQueryFields(
        fields({ name: ' uptime ', query: ' SELECT 1; ', platform: ' linux , darwin', logging: '' }),
      ),
    ).toEqual(
      fields({ name: 'uptime', query: ' SELECT 1; ', platform: 'linux,darwin', logging: 'snapshot' }),
    );
  });

  it.each(['', ' ', 'linux', 'darwin,linux,windows,chrome', 'windows , chrome'])(
    'may name platforms: %j',
    (platform) => {
      expect(problemsOf({ platform })).toEqual([]);
    },
  );

  it.each([
    [{ name: ' ' }, 'name: query name cannot be empty'],
    [{ query: '\n' }, "query: query's SQL query cannot be empty"],
    [{ platform: 'debian' }, /^platform: query's platform must be/],
    [{ platform: 'linux,' }, /^platform: /],
    [{ logging: 'everything' }, /^logging: invalid logging value/],
  ])('are refused: %j', (more, problem) => {
    expect(problemsOf(more)).toEqual([expect.stringMatching(problem)]);
  });

  it('are refused all at once', () => {
    expect(problemsOf({ name: '', query: '', platform: 'x', logging: 'x' })).toHaveLength(4);
  });
});
