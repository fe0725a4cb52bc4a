import { type Ask, openTables } from './testing.js';

/*
 * Queries as people ask them: incident response, compliance, vulnerability management, monitoring of machines. What they answer
 * depends on the machine; here it matters that each of them is understood and comes to its end.
 */

const INCIDENT_RESPONSE = `
select * from last
select * from logged_in_users
select liu.user, liu.host, p.name, p.cmdline, p.cwd, p.root from logged_in_users liu, processes p where liu.pid = p.pid
select * from crontab
select command, path from crontab where command like '%curl%' or command like '%wget%'
select * from shell_history where uid = 0
select u.username, s.command, s.history_file from users u join shell_history s on s.uid = u.uid
select username, command from shell_history join users using (uid) where command like '%nc %' or command like '%base64%'
select * from etc_hosts
select address, hostnames from etc_hosts where address not in ('127.0.0.1', '::1')
select * from arp_cache
select mac, count(*) as n from arp_cache group by mac having n > 1
select * from dns_resolvers
select * from routes
select destination, gateway, interface from routes where destination = '0.0.0.0'
select distinct p.pid, p.name, p.path, p.cmdline, l.port, l.protocol from listening_ports l join processes p on p.pid = l.pid
select p.name, l.port, l.address from listening_ports l join processes p using (pid) where l.address in ('0.0.0.0', '::')
select pos.pid, pos.remote_address, pos.remote_port, p.path from process_open_sockets pos join processes p on p.pid = pos.pid where pos.remote_port != 0
select remote_address, count(*) as connections from process_open_sockets where remote_address not in ('', '0.0.0.0', '::') group by remote_address order by connections desc limit 20
select pid, path from process_open_files where path like '/etc/%'
select p.name, f.path from process_open_files f join processes p using (pid) where f.path like '%(deleted)%'
select * from process_open_pipes
select name, path, pid from processes where on_disk = 0
select pid, name, path from processes where path like '/tmp/%' or path like '/dev/shm/%' or path like '/var/tmp/%'
select p.pid, p.name, parent.name as parent_name from processes p left join processes parent on parent.pid = p.parent where p.name in ('bash', 'sh', 'dash', 'zsh')
select parent, count(*) as children from processes group by parent having children > 5 order by children desc
select pid, name, uid, euid from processes where uid != euid
select pid, key, value from process_envs where key in ('LD_PRELOAD', 'LD_LIBRARY_PATH')
select p.name, e.value from process_envs e join processes p using (pid) where e.key = 'LD_PRELOAD'
select pid, path, permissions from process_memory_map where pid in (select pid from processes limit 3) and permissions like '%wx%'
select pid, count(distinct path) as libraries from process_memory_map where path like '%.so%' group by pid order by libraries desc limit 5
select * from process_namespaces where pid = 1
select pid_namespace, count(*) as n from process_namespaces group by pid_namespace order by n desc
select * from kernel_modules
select name, used_by, status from kernel_modules where status != 'Live'
select path, filename, mtime from file where path like '/tmp/%'
select path, mode, uid from file where directory = '/etc' and mode like '%7'
select path, size, mtime from file where path like '/usr/bin/%' order by mtime desc limit 10
select f.path, h.sha256 from file f join hash h on h.path = f.path where f.directory = '/etc' and f.type = 'regular' limit 5
select path, sha256 from hash where path in ('/etc/passwd', '/etc/group', '/etc/hosts')
select md5, sha1, sha256 from hash where path = '/bin/sh'
select h.sha256, p.name, p.path from processes p join hash h on h.path = p.path where p.path != '' limit 5
select path, username, groupname, permissions from suid_bin
select * from startup_items
select * from authorized_keys
select u.username, k.algorithm, k.key_file from users u join authorized_keys k on k.uid = u.uid
select * from known_hosts
select * from user_ssh_keys where encrypted = 0
select uid, block, option from ssh_configs
select * from sudoers
select header, rule_details from sudoers where rule_details like '%NOPASSWD%'
select * from iptables
select chain, target, src_ip, dst_ip from iptables where target = 'ACCEPT' and filter_name = 'filter'
select device, path, type, flags from mounts where path = '/'
select device, path from mounts where flags not like '%nodev%' and path = '/tmp'
select * from usb_devices where removable = 1
select * from docker_containers
select name, image, status, privileged from docker_containers where state = 'running'
select regex_match(cmdline, '([0-9]{1,3}\\.){3}[0-9]{1,3}', 0) as address, pid from processes where address is not null
select community_id_v1(local_address, remote_address, local_port, remote_port, protocol) as cid, pid from process_open_sockets where family = 2 and remote_address not in ('', '0.0.0.0') and local_address != ''
select datetime(start_time, 'unixepoch') as started, name from processes order by start_time desc limit 10
select p.name, p.pid, u.username from processes p join users u on u.uid = p.uid where u.username = 'root' limit 10
`;

const COMPLIANCE = `
select * from os_version
select name, version, platform, platform_like from os_version
select * from system_info
select hostname, cpu_brand, physical_memory from system_info
select version, arguments, path from kernel_info
select * from users
select username, uid, shell from users where shell not like '%nologin' and shell not like '%false'
select username, uid from users where uid = 0 and username != 'root'
select uid, count(*) as n from users group by uid having n > 1
select username, count(*) as n from users group by username having n > 1
select * from groups
select gid, count(*) as n from groups group by gid having n > 1
select u.username, g.groupname from users u join user_groups ug on ug.uid = u.uid join groups g on g.gid = ug.gid
select u.username from users u join user_groups ug using (uid) join groups g on g.gid = ug.gid where g.groupname in ('sudo', 'wheel', 'docker', 'adm')
select username, password_status, last_change, max from shadow
select username from shadow where password_status = 'empty'
select s.username from shadow s join users u using (username) where s.max > 365 and u.uid >= 1000
select name, current_value, config_value from system_controls where name like 'net.ipv4.%' limit 20
select name, current_value from system_controls where name = 'kernel.randomize_va_space'
select current_value from system_controls where name in ('net.ipv4.ip_forward', 'net.ipv4.conf.all.accept_redirects', 'net.ipv4.tcp_syncookies')
select path, mode, uid, gid from file where path in ('/etc/passwd', '/etc/shadow', '/etc/group', '/etc/gshadow')
select path, case when mode in ('0600', '0640', '0000') then 'pass' else 'fail' end as result from file where path = '/etc/shadow'
select count(*) > 0 as passes from file where path = '/etc/ssh/sshd_config' and uid = 0
select * from disk_encryption
select m.path, d.encrypted from mounts m join disk_encryption d on d.name = m.device
select name, size, type from block_devices
select path, type, flags from mounts where path in ('/tmp', '/var', '/home', '/dev/shm')
select label, type from device_partitions where device = '/dev/vda'
select id, fragment_path, active_state from systemd_units where id like '%.service'
select id from systemd_units where id in ('auditd.service', 'rsyslog.service', 'cron.service') and active_state = 'active'
select count(*) as n, load_state from systemd_units group by load_state
select * from etc_services where name = 'ssh'
select name, port, protocol from etc_services where port < 25 order by port
select * from etc_protocols where name in ('tcp', 'udp', 'icmp')
select * from ulimit_info
select type, soft_limit from ulimit_info where type = 'nofile'
select common_name, issuer, not_valid_after from certificates
select common_name, path from certificates where not_valid_after < strftime('%s', 'now')
select count(*) as authorities from certificates where ca = 1
select signing_algorithm, count(*) as n from certificates group by signing_algorithm order by n desc
select common_name from certificates where key_strength < 2048
select * from interface_ipv6
select interface, mac, mtu from interface_details where mac != '00:00:00:00:00:00'
select i.interface, a.address, a.mask from interface_details i join interface_addresses a using (interface)
select * from platform_info
select * from smbios_tables limit 5
select * from acpi_tables
select name, size from acpi_tables order by size desc limit 3
select minutes, hours, total_seconds from uptime
select unix_time, timezone, iso_8601 from time
select local_timezone = 'UTC' as utc from time
select case when exists (select 1 from processes where name = 'auditd') then 'running' else 'absent' end as auditd
select (select count(*) from users) as users, (select count(*) from groups) as groups_
select split(version, '.', 0) as major from os_version
select concat(name, ' ', version) as os, sha256(name || version) as fingerprint from os_version
`;

const VULNERABILITIES = `
select name, version, arch from deb_packages
select name, version from deb_packages where name = 'openssl'
select name, version from deb_packages where name in ('bash', 'sudo', 'openssh-server', 'libc6')
select name, version from deb_packages where version_compare(version, '1.0', '<')
select name, version from deb_packages order by version collate version desc limit 5
select section, count(*) as n from deb_packages group by section order by n desc
select sum(size) as kilobytes from deb_packages
select name, count(*) as n from deb_packages group by name having n > 1
select maintainer, count(*) as n from deb_packages group by maintainer order by n desc limit 5
select name, version from rpm_packages
select * from apt_sources
select name, base_uri, release from apt_sources where base_uri not like '%debian.org%'
select name, version, path from python_packages
select name, count(distinct version) as versions from python_packages group by name having versions > 1
select name, version, license from python_packages where name in ('requests', 'urllib3', 'pip')
select name, version, path from npm_packages limit 50
select name, group_concat(distinct version) as versions from npm_packages group by name having count(distinct version) > 1
select p.name, p.version, 'deb' as kind from deb_packages p union all select name, version, 'rpm' from rpm_packages union all select name, version, 'python' from python_packages
select id, tags, created from docker_images
select version from kernel_info where regex_match(version, '^([0-9]+)', 1) < '4'
select k.version, p.version as package from kernel_info k left join deb_packages p on p.name = 'linux-image-' || k.version
select vendor, model, pci_class from pci_devices
select vendor_id, count(*) as n from pci_devices group by vendor_id
select with_path.path, with_path.sha256 from hash with_path where with_path.directory = '/usr/sbin' limit 5
`;

const MONITORING = `
select * from cpu_info
select core, user, system, idle from cpu_time
select sum(user) + sum(system) as busy, sum(idle) as idle from cpu_time
select * from load_average
select period, average from load_average where average > 0.0
select memory_total, memory_free, swap_total, swap_free from memory_info
select round(100.0 * memory_free / memory_total, 1) as free_percent from memory_info
select * from memory_map limit 10
select * from md_devices
select path, round(blocks_available * blocks_size / 1073741824.0, 2) as free_gb from mounts where type in ('ext4', 'xfs', 'btrfs', 'overlay')
select path, 100.0 * blocks_available / blocks as free_percent from mounts where blocks > 0 order by free_percent limit 5
select name, resident_size from processes order by resident_size desc limit 10
select name, sum(resident_size) as memory, count(*) as n from processes group by name order by memory desc limit 10
select name, user_time + system_time as cpu from processes order by cpu desc limit 5
select state, count(*) as n from processes group by state
select u.username, count(*) as n from processes p left join users u on u.uid = p.uid group by u.username order by n desc
select name, disk_bytes_read, disk_bytes_written from processes order by disk_bytes_written desc limit 5
select interface, ibytes, obytes, ierrors, oerrors from interface_details
select interface, address from interface_addresses where address not like '127.%' and address != '::1'
select count(*) as sockets, state from process_open_sockets group by state
select pid, count(*) as files from process_open_files group by pid order by files desc limit 5
select with_rank.name, with_rank.place from (select name, rank() over (order by resident_size desc) as place from processes) with_rank where place <= 3
with recursive tree(pid, depth) as (select pid, 0 from processes where pid = 1 union all select p.pid, depth + 1 from processes p join tree t on p.parent = t.pid where depth < 5) select max(depth) as depth, count(*) as n from tree
select * from osquery_info
select name, value from osquery_flags
select * from osquery_schedule
select name, active from osquery_registry where registry = 'table' and active = 1
select days, hours from uptime where total_seconds > 0
select date(unix_time, 'unixepoch') as day, weekday from time
select 1 from users where username = 'root' limit 1
`;

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

describe.each([
  ['incident response', INCIDENT_RESPONSE],
  ['compliance', COMPLIANCE],
  ['vulnerabilities', VULNERABILITIES],
  ['monitoring', MONITORING],
])('%s', (_, queries) => {
  it.each(lines(queries))('%s', (query) => {
    expect(() => ask(query)).not.toThrow();
  });
});

it('are many', () => {
  const all = [INCIDENT_RESPONSE, COMPLIANCE, VULNERABILITIES, MONITORING].flatMap(lines);
  expect(new Set(all).size).toBeGreaterThanOrEqual(150);
});
