import * as fs from 'node:fs';
import * as path from 'node:path';
import { leaf, needsOf, parseXpath, toXml } from '#libs/triggers/index';
import { removeTemporary, temporaryDirectory } from '../../testing/temporary.js';
import { allNeeds, FactsTree } from './facts-tree.js';
import { custom, files } from './files.js';
import { networking } from './networking.js';
import { type FactsSource } from './sources.js';

afterAll(removeTemporary);

/** Sources that count how often they are read. */
function counted(...given: Partial<FactsSource>[]): {
  sources: FactsSource[];
  reads: Record<string, number>;
} {
  const reads: Record<string, number> = {};
  const sources = given.map((source) => {
    const name = source.name ?? '';
    return {
      name,
      maxAgeMs: 3_600_000,
      read: () => {
        reads[name] = (reads[name] ?? 0) + 1;
        return Promise.resolve(leaf(name, reads[name]));
      },
      ...source,
    };
  });
  return { sources, reads };
}

const needs = (...settings: string[]): ReturnType<typeof needsOf> =>
  allNeeds(settings.map((setting) => needsOf(parseXpath(setting))));

describe('the tree of facts', () => {
  it('reads what is needed, and again what is too old or said to have changed', async () => {
    const { sources, reads } = counted(
      { name: 'os' },
      { name: 'mounts', maxAgeMs: 0 },
      { name: 'packages', calmMs: 3_600_000 },
    );
    const tree = new FactsTree(sources, null);
    const look = (...settings: string[]): Promise<string> =>
      tree.read(needs(...settings), (root) => toXml(root));
    expect(await look('/os')).toBe('<os>1</os>');
    expect(await look('/os = 1', '/mounts')).toBe('<os>1</os><mounts>1</mounts>');
    expect(await look('//x')).toBe('<os>1</os><mounts>2</mounts><packages>1</packages><files/>');
    tree.hint(new Set(['os', 'packages']));
    expect(await look('/os', '/packages')).toBe('<os>2</os><packages>1</packages>');
    tree.invalidate();
    expect(await look('/os', '/packages')).toBe('<os>3</os><packages>2</packages>');
    expect(reads).toEqual({ os: 3, mounts: 2, packages: 2 });
  });

  it('keeps what it knew of what cannot be read now', async () => {
    let fails = false;
    const read = (): Promise<ReturnType<typeof leaf>> =>
      fails ? Promise.reject(new Error('no')) : Promise.resolve(leaf('os', 'known'));
    const tree = new FactsTree([{ name: 'os', maxAgeMs: 0, read }], null);
    expect(await tree.read(needs('/os'), (root) => toXml(root))).toBe('<os>known</os>');
    fails = true;
    expect(await tree.read(needs('/os'), (root) => toXml(root))).toBe('<os>known</os>');
  });

  it('has interfaces by their names, as far as XML takes them', () => {
    const details = [
      { interface: 'eth0', flags: String(0x1 | 0x40), mac: '02:00:00:00:00:01', mtu: '1500' },
      { interface: '6to4@x', flags: '0', mac: '', mtu: '1480' },
    ];
    const addresses = [
      { interface: 'eth0:1', address: '192.0.2.7', mask: '255.255.255.0' },
      { interface: 'eth01', address: '192.0.2.8', mask: '255.255.255.0' },
    ];
    expect(toXml(networking(details, addresses))).toBe(
      '<networking><_6to4_x name="6to4@x"><state>down</state><enabled>false</enabled><mac/><mtu>1480</mtu></_6to4_x>' +
        '<eth0 name="eth0"><state>up</state><enabled>true</enabled><mac>02:00:00:00:00:01</mac><mtu>1500</mtu>' +
        '<address family="IPv4" mask="255.255.255.0">192.0.2.7</address></eth0></networking>',
    );
  });

  it('has those watched files that exist, by what stat says', async () => {
    const room = temporaryDirectory();
    const file = path.join(room, 'a "b" <c>');
    expect(toXml(await files([file, 'relative']))).toBe('<files/>');
    fs.writeFileSync(file, 'secret', { mode: 0o640 });
    const xml = toXml(await files([file, file, room]));
    expect(xml).toContain('&quot;b&quot; &lt;c&gt;"><type>file</type><size>6</size><mode>0640</mode>');
    expect(xml).toContain(`<file path="${room}"><type>directory</type>`);
    expect(xml).not.toContain('secret');
    fs.rmSync(file);
    fs.symlinkSync('/nowhere', file);
    expect(toXml(await files([file]))).toContain('<type>link</type>');
  });

  it('has the files of a directory as facts of somebody’s own', async () => {
    const room = temporaryDirectory();
    expect(toXml(await custom(path.join(room, 'none')))).toBe('<custom/>');
    fs.writeFileSync(path.join(room, 'up link'), ' yes\u0000\n');
    fs.writeFileSync(path.join(room, '.hidden'), 'x');
    fs.writeFileSync(path.join(room, 'large'), 'x'.repeat(65 * 1024));
    fs.mkdirSync(path.join(room, 'folder'));
    expect(toXml(await custom(room))).toBe('<custom><up_link name="up link">yes\ufffd</up_link></custom>');
  });
});
