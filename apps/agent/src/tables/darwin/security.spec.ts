import { onMac } from '../testing.js';
import { parsePlist } from './plist.js';
import { parseFirewall, parseGatekeeper, parseSip, toFirewall } from './security.js';

it.each([
  ['enabled', 'System Integrity Protection status: enabled.\n', '1', '0'],
  ['disabled', 'System Integrity Protection status: disabled.\n', '0', '1'],
])('knows that the system is protected: %s', async (_, text, sip, allowed) => {
  const rows = await onMac('sip_config', parseSip(text));
  expect(rows[0]).toEqual({ config_flag: 'sip', enabled: sip, enabled_nvram: null });
  expect(rows.slice(1).map((row) => row['enabled'])).toEqual(Array(5).fill(allowed));
});

it('knows what is allowed in spite of it', () => {
  const text = `System Integrity Protection status: unknown (Custom Configuration).

Configuration:
	Apple Internal: disabled
	Kext Signing: disabled
	Filesystem Protections: enabled
	Debugging Restrictions: enabled
	DTrace Restrictions: disabled
	NVRAM Protections: enabled
	BaseSystem Verification: enabled

This is an unsupported configuration, likely to break in the future and leave your machine in an unknown state.
`;
  expect([...parseSip(text)]).toEqual([
    { config_flag: 'sip', enabled: false },
    { config_flag: 'allow_apple_internal', enabled: false },
    { config_flag: 'allow_untrusted_kexts', enabled: true },
    { config_flag: 'allow_unrestricted_fs', enabled: false },
    { config_flag: 'allow_task_for_pid', enabled: false },
    { config_flag: 'allow_unrestricted_dtrace', enabled: true },
    { config_flag: 'allow_unrestricted_nvram', enabled: false },
  ]);
  expect([...parseSip('command not found')]).toEqual([]);
});

it('knows whether programs are looked at', async () => {
  const rows = [
    'assessments enabled\ndeveloper id enabled\n',
    'assessments enabled\n',
    'assessments disabled\n',
    '',
  ].map(parseGatekeeper);
  expect(await onMac('gatekeeper', rows)).toMatchObject([
    { assessments_enabled: '1', dev_id_enabled: '1' },
    { assessments_enabled: '1', dev_id_enabled: '1' },
    { assessments_enabled: '0', dev_id_enabled: '0' },
  ]);
});

it('knows the firewall, by its file or by its program', async () => {
  const file = parsePlist(
    Buffer.from(
      '<plist><dict><key>globalstate</key><integer>1</integer><key>stealthenabled</key><true/><key>version</key><string>1.6</string></dict></plist>',
    ),
  );
  const said = `Firewall is enabled. (State = 2)
Automatically allow built-in signed software ENABLED.
Automatically allow downloaded signed software DISABLED.
Log mode is on
Firewall stealth mode is off
`;
  expect(await onMac('alf', [toFirewall(file!), parseFirewall(said), parseFirewall('')])).toEqual([
    {
      allow_signed_enabled: null,
      firewall_unload: null,
      global_state: '1',
      logging_enabled: null,
      logging_option: null,
      stealth_enabled: '1',
      version: '1.6',
    },
    {
      allow_signed_enabled: '1',
      firewall_unload: null,
      global_state: '2',
      logging_enabled: '1',
      logging_option: null,
      stealth_enabled: '0',
      version: '',
    },
  ]);
});
