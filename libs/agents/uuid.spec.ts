import { derivedUuid } from './uuid.js';

describe('derivedUuid', () => {
  it("gives RFC 9562's example of version 5", () => {
    expect(derivedUuid('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });
});
