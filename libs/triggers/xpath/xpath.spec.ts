import { document, element, leaf } from '../tree/node.js';
import { toXml } from '../tree/serialize.js';
import { checkTriggerXpath, checkXpath } from './check-xpath.js';
import { evaluateXpath } from './evaluate.js';
import { needsOf } from './needs.js';
import { parseXpath } from './parser.js';
import { type XPathValue } from './values.js';

const facts = document([
  element('networking', {}, [
    element('eth0', { name: 'eth0' }, [leaf('state', 'down'), leaf('mtu', 1500)]),
    element('br-lan', { name: 'br-lan' }, [leaf('state', 'up'), leaf('mtu', 9000)]),
  ]),
  element('mounts', {}, [
    element('mount', { path: '/' }, [leaf('free_percent', 12.5, { moves: true })]),
    element('mount', { path: '/data "1" & <2>' }, [leaf('free_percent', 50, { moves: true })]),
  ]),
]);

const evaluate = (text: string): XPathValue => evaluateXpath(parseXpath(text), facts);
const xml = (text: string): string => {
  const value = evaluate(text);
  return typeof value === 'object' ? value.map((node) => toXml(node)).join('') : String(value);
};

describe('XPath over facts', () => {
  it.each([
    ['/networking/eth0/state', '<state>down</state>'],
    ['networking/eth0/@name', 'name="eth0"'],
    ['/networking/*[state = "up"]/mtu/text()', '9000'],
    ['/networking/eth1', ''],
    ['//mtu[. > 2000]', '<mtu>9000</mtu>'],
    ['/mounts/mount[2]/@path', 'path="/data &quot;1&quot; &amp; &lt;2&gt;"'],
    ['/mounts/mount[last()]/free_percent', '<free_percent>50</free_percent>'],
    ['(//state)[1]', '<state>down</state>'],
    ['//state/parent::*[@name = "br-lan"]/mtu', '<mtu>9000</mtu>'],
    ['//mtu/preceding-sibling::state | //eth0/state', '<state>down</state><state>up</state>'],
  ])('%s selects', (text, expected) => {
    expect(xml(text)).toBe(expected);
  });

  it.each<[string, XPathValue]>([
    ["/networking/eth0/state = 'down'", true],
    ["/networking/eth1/state = 'down'", false],
    ['not(/networking/eth1) and count(/mounts/mount) = 2', true],
    ['/mounts/mount/free_percent < 13', true],
    ["/networking/*/state != 'up'", true],
    ['sum(//mtu) div 2', 5250],
    ['- 7 mod 4', -3],
    ["concat(name(/networking/*[2]), '-', string-length('äö'))", 'br-lan-2'],
    ["substring('12345', 1.5, 2.6)", '234'],
    ["translate('bar', 'abc', 'AB')", 'BAr'],
    ["normalize-space('  a  b ')", 'a b'],
    ['number("x") = number("x")', false],
    ['1 div 0', Infinity],
    ['string(-0.000000125)', '-0.000000125'],
    ['string(1234567890123 * 10000000000)', '12345678901230000000000'],
    ['round(-1.5)', -1],
    ['true() > false()', true],
  ])('%s is %p', (text, expected) => {
    expect(evaluate(text)).toEqual(expected);
  });

  it('does not look for ever', () => {
    const costly = '//*[//*[//*[//*[//*[//*[//*[//*[//*]]]]]]]]';
    expect(() => evaluate(costly)).toThrow('looks at too many nodes');
  });

  it('leaves out what moves by itself, unless it is what was asked for', () => {
    const [mount] = evaluate('/mounts/mount[1]') as [Parameters<typeof toXml>[0]];
    expect(toXml(mount, { still: true })).toBe('<mount path="/"/>');
    const [free] = evaluate('/mounts/mount[1]/free_percent') as [Parameters<typeof toXml>[0]];
    expect(toXml(free, { still: true })).toBe('<free_percent>12.5</free_percent>');
  });
});

describe('what is wrong with an expression', () => {
  it.each([
    ['', 0, 'is expected here, where the expression ends'],
    ['/networking/eth0[', 17, 'is expected here, where the expression ends'],
    ['/networking//', 13, 'a name is expected here'],
    ['/a b', 3, 'an operator is expected here, not "b"'],
    ["/a[@x = 'y]", 8, 'a quote is missing'],
    ['/a = = 1', 5, '"=" cannot stand here'],
    ['/a and $x', 7, 'no variables'],
    ['/ns:a', 1, 'no namespaces'],
    ['frobnicate(/a)', 0, 'no function "frobnicate"'],
    ['count(1)', 6, 'count() takes what a path selects'],
    ['contains(/a)', 0, 'contains() takes 2 arguments'],
    ['/a | 3', 5, 'this is no path'],
    ['"x"/a', 0, 'only what a path selects'],
    ['sideways::a', 0, 'no axis "sideways"'],
    ['/a/..[1]', 5, '"[" cannot stand here'],
    ['/a]', 2, '"]" cannot stand here'],
    ['/a#', 2, '"#" cannot stand here'],
    [`${'('.repeat(100)}1${')'.repeat(100)}`, 64, 'too much within each other'],
  ])('%s at %i: %s', (text, position, error) => {
    expect(checkXpath(text)).toEqual({ position, error: expect.stringContaining(error) as unknown });
  });

  it('wants a path or a condition of a trigger', () => {
    expect(checkTriggerXpath('/a')).toBeNull();
    expect(checkTriggerXpath('count(/a) > 2')).toBeNull();
    expect(checkTriggerXpath('count(/a)')?.error).toMatch('this is a number');
    expect(checkTriggerXpath("concat('a', 'b')")?.error).toMatch('this is a text');
    expect(checkXpath('count(/a)')).toBeNull();
  });
});

describe('what an expression needs', () => {
  it.each([
    ['/networking/eth0', ['networking']],
    ["os/name = 'debian' and count(/mounts/mount) > 2", ['mounts', 'os']],
    ['/networking/*[state = /custom/state]', ['custom', 'networking']],
    ['(/os | /system)/name', ['os', 'system']],
    ['//state', 'all'],
    ['/*', 'all'],
    ['/os/../packages', 'all'],
    ['string()', 'all'],
    ['1 = 1', []],
  ])('%s: %p', (text, expected) => {
    const { roots } = needsOf(parseXpath(text));
    expect(roots === 'all' ? roots : [...roots].sort()).toEqual(expected);
  });

  it('are files by their paths', () => {
    const text = `/files/file[@path='/etc/hosts' and size > 0] | /files/file["/a b" = @path] | /mounts/mount[@path='/']`;
    expect(needsOf(parseXpath(text)).files).toEqual(['/etc/hosts', '/a b']);
  });
});
