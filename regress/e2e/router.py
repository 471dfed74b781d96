# SPDX-License-Identifier: ISC
"""The gateway as a router, resolver, forwarder and guard.

usage: router.py [test ...]
Behind the server is a second network, 198.51.100.0/24 and 2001:db8:f::/64,
over a link whose packets have at most 1300 bytes.
"""

import base64
import errno
import os
import re
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import (                                         # noqa: E402
    connect_error, dial, drip, get, parallel, put, read_all, udp_echo)
from net import (Net, check, enter, named, run, run_tests,   # noqa: E402
                 wait_for,
                 CLONE_NEWNET, GATE4, GATE6, GUEST4, GUEST6, SERVER4,
                 SERVER6, TOP)

MB = 1 << 20
FAR4, FAR6 = '198.51.100.2', '2001:db8:f::2'
OTHER4, OTHER6 = '192.0.2.3', '2001:db8::3'
HOST4, HOST6 = '192.0.2.1', '2001:db8::1'


class Router(Net):
    """The hosts of Net, and one far away behind the server."""

    def make(self):
        super().make()
        run('ip', 'netns', 'add', self.nsname('f'))
        self.ns['f'] = os.open('/run/netns/' + self.nsname('f'),
                               os.O_RDONLY)
        self.ip('f', 'link', 'set', 'lo', 'up')
        run('ip', 'link', 'add', 'e2', 'netns', self.nsname('s'), 'type',
            'veth', 'peer', 'name', 'e0', 'netns', self.nsname('f'))
        for w, dev, a4, a6 in (
                ('s', 'e2', '198.51.100.1', '2001:db8:f::1'),
                ('f', 'e0', FAR4, FAR6)):
            self.ip(w, 'addr', 'add', a4 + '/24', 'dev', dev)
            self.ip(w, 'addr', 'add', a6 + '/64', 'dev', dev, 'nodad')
            self.ip(w, 'link', 'set', dev, 'mtu', '1300', 'up')
        self.ip('s', 'addr', 'add', OTHER4 + '/24', 'dev', 'e1')
        self.ip('s', 'addr', 'add', OTHER6 + '/64', 'dev', 'e1', 'nodad',
                'preferred_lft', '0')
        self.call('s', forward_packets)
        for v, via4, via6, who, dev in (
                (4, SERVER4, None, 'g', 'e1'), (6, None, SERVER6, 'g', 'e1'),
                (4, '198.51.100.1', None, 'f', 'e0'),
                (6, None, '2001:db8:f::1', 'f', 'e0')):
            to = {('g', 4): '198.51.100.0/24', ('g', 6): '2001:db8:f::/64',
                  ('f', 4): 'default', ('f', 6): 'default'}[who, v]
            self.ip(who, '-%d' % v, 'route', 'add', to, 'via',
                    via4 or via6, 'dev', dev)

    def serve(self, who, *args, name='server.py'):
        log = os.path.join(self.dir, 'log.%s.%s.%d' % (
            who, name, len(self.procs)))
        p = self.spawn(who, [sys.executable, os.path.join(
            TOP, 'regress/e2e', name)] + list(args), log=log)
        wait_for(lambda: 'ready' in open(log).read(), what=name)
        return p, log

    def use(self, extra='', peer_extra=''):
        """Reload with these statements."""
        self.write_conf(self.conf(extra=extra, peer_extra=peer_extra))
        self.ctl('reload')

    def counters(self):
        return self.ctlj('show', 'counters')


def forward_packets(on='1'):
    for p in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding'):
        with open('/proc/sys/net/' + p, 'w') as f:
            f.write(on)


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


# ---- what a guest does

def command(*args):
    r = run(*args, ok=False)
    return r.returncode, r.stdout


def trace(kind, host, first=1):
    """The hops that traceroute sees."""
    r = run('traceroute', '-n', '-q', '1', '-w', '3', '-m', '6', '-f',
            str(first), '-N', '1', *kind, host, ok=False)
    return [(m.group(1), m.group(2)) for m in re.finditer(
        r'^ *(\d+) +(\S+)', r.stdout.partition('\n')[2], re.M)], r.stdout


def dont_fragment(host, size):
    """Send one datagram of that size unfragmented; the path's MTU."""
    v6 = ':' in host
    with socket.socket(family(host), socket.SOCK_DGRAM) as s:
        if v6:
            s.setsockopt(socket.IPPROTO_IPV6, 23, 2)    # MTU_DISCOVER
        else:
            s.setsockopt(socket.IPPROTO_IP, 10, 2)
        s.settimeout(3)
        s.connect((host, server.UDP))
        for _ in range(3):
            try:
                s.send(os.urandom(size))
                s.recv(65536)
                return 'answered'
            except socket.timeout:
                pass
            except OSError as e:
                if e.errno == errno.EMSGSIZE:
                    break
                raise
        return s.getsockopt(socket.IPPROTO_IPV6 if v6 else
                            socket.IPPROTO_IP, 24 if v6 else 14)


def whoami(s, host, text=b''):
    s.sendto(text, (host, server.WHOAMI))
    try:
        b, a = s.recvfrom(2000)
        return b.decode().split()[1], a[0], a[1]
    except socket.timeout:
        return None


def mapping(a, b):
    """The port that each of two servers sees of one socket."""
    with socket.socket(family(a), socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        return whoami(s, a), whoami(s, b)


def filtering(host, other):
    """Who may answer: another port, another host?"""
    out = []
    with socket.socket(family(host), socket.SOCK_DGRAM) as s:
        s.settimeout(1.5)
        whoami(s, host)
        for addr in (host, other):
            out.append(whoami(s, host, b'%s 7777' % addr.encode()))
    return [x is not None for x in out]


def empty_datagram(host):
    with socket.socket(family(host), socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(b'', (host, server.UDP))
        return s.recvfrom(10)[0]


def dig(*args):
    r = run('dig', '+tries=1', '+time=5', *args, ok=False)
    return r.stdout


def hold_flows(host, count):
    """So many UDP mappings at once; how many were answered?"""
    socks, got = [], 0
    for i in range(count):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(0.5)
        s.sendto(b'x', (host, server.UDP))
        socks.append(s)
    for s in socks:
        try:
            got += s.recv(10) == b'x'
        except socket.timeout:
            break
    return got


def rate_of(fn, host, n):
    t = time.monotonic()
    fn(host, n)
    return n * 8 / (time.monotonic() - t)


# ---- tests

def test_traceroute(n):
    """Three flavours, both families; the first hop is the gateway."""
    for hops in ((GATE4, SERVER4, FAR4), (GATE6, SERVER6, FAR6)):
        for kind in (['-U'], ['-I'], ['-T', '-p', '80']):
            seen, text = n.call('c', trace, kind, hops[2])
            check([h for _, h in seen] == list(hops), kind, text)
    # a port that is closed says so by itself
    seen, text = n.call('c', trace, ['-U', '-p', '40000'], SERVER4)
    check([h for _, h in seen] == [GATE4, SERVER4], text)


def test_path_mtu(n):
    for near, far in ((SERVER4, FAR4), (SERVER6, FAR6)):
        # TCP in both directions over a narrow link
        check(n.call('c', get, far, 4 * MB) ==
              (4 * MB, server.digest(4 * MB)), far, 'download')
        check(n.call('c', put, far, 4 * MB) == server.digest(4 * MB), far,
              'upload')
        # what may not be fragmented learns the size from a router
        check(n.call('c', dont_fragment, far, 1200) == 'answered', far)
        check(n.call('c', dont_fragment, far, 1340) == 1300, far, 'MTU',
              n.call('c', dont_fragment, far, 1340))
        check(n.call('c', dont_fragment, near, 1340) == 'answered', near)
        bad = n.call('c', udp_echo, far, (0, 1, 1272, 1400, 60000, 65000))
        check(not bad, far, bad)
        check(n.call('c', empty_datagram, far) == b'', 'empty')
        # and from the gateway's own way out
        n.ip('g', 'link', 'set', 'e1', 'mtu', '1300')
        try:
            got = n.call('c', dont_fragment, OTHER4 if near == SERVER4 else
                         OTHER6, 1340)
            check(got == 1300, near, 'own MTU', got)
        finally:
            n.ip('g', 'link', 'set', 'e1', 'mtu', '1500')


def largest(host, size):
    """The largest packet of a download, on this side."""
    p = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    p.settimeout(0.2)
    got = get(host, size)
    most = 0
    try:
        while True:
            most = max(most, len(p.recv(65536)))
    except socket.timeout:
        pass
    return got, most


def sniff(device, seconds):
    """The largest packet of a host that comes by a device."""
    p = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    p.bind((device, 3))
    p.settimeout(0.2)
    end, most = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            b = p.recv(65536)
        except socket.timeout:
            continue
        if b[12:16] == socket.inet_aton(SERVER4):
            most = max(most, len(b))
    return most


def test_guest_mtu(n):
    """A router of the guest's that says what it cannot take."""
    run('ip', 'netns', 'add', n.nsname('b'))
    n.ns['b'] = os.open('/run/netns/' + n.nsname('b'), os.O_RDONLY)
    run('ip', 'link', 'add', 'e3', 'netns', n.nsname('c'), 'type', 'veth',
        'peer', 'name', 'e0', 'netns', n.nsname('b'))
    for w, dev, i in (('c', 'e3', 1), ('b', 'e0', 2)):
        n.ip(w, 'addr', 'add', '10.78.0.%d/24' % i, 'dev', dev)
        n.ip(w, 'addr', 'add', 'fd78::%d/64' % i, 'dev', dev, 'nodad')
        n.ip(w, 'link', 'set', dev, 'up')
    n.ip('c', 'link', 'set', 'e3', 'mtu', '1300')
    n.ip('b', 'route', 'add', 'default', 'via', '10.78.0.1')
    n.ip('b', '-6', 'route', 'add', 'default', 'via', 'fd78::1')
    n.call('c', forward_packets)
    n.write_conf(n.conf().replace(
        'fd77::2/128 }', 'fd77::2/128 10.78.0.0/24 fd78::/64 }'))
    n.ctl('reload')
    for h in (SERVER4, SERVER6):
        before = n.counters()['icmp_rx_errors']
        got, most = n.call('b', largest, h, 4 * MB)
        check(got == (4 * MB, server.digest(4 * MB)), h, got)
        # the first one to be told tells the others of this peer
        if h == SERVER4:
            check(n.counters()['icmp_rx_errors'] > before, 'no error seen')
        check(1200 < most <= 1300, h, 'largest packet', most)
    # the next connection knows from the start
    end = n.begin('c', sniff, 'wg' + n.tag + 'c', 2)
    time.sleep(0.5)
    check(n.call('b', get, SERVER4, MB)[0] == MB, 'again')
    most = end()
    check(1200 < most <= 1300, 'sent to the guest', most)
    n.use()


def test_mapping(n):
    for a, b in ((SERVER4, OTHER4), (SERVER6, OTHER6)):
        m = n.call('c', mapping, a, b)
        check(m[0] and m[1] and m[0][0] == m[1][0], 'two ports', m)
        check((m[0][1], m[1][1]) == (a, b), 'answers', m)


def test_filtering(n):
    for text, want in (
            ('', [True, False]),
            ('udp { filtering address-and-port-dependent }',
             [False, False]),
            ('udp { filtering endpoint-independent }', [True, True])):
        n.use(text)
        for a, b in ((SERVER4, OTHER4), (SERVER6, OTHER6)):
            got = n.call('c', filtering, a, b)
            check(got == want, text or 'default', a, got)
    check(n.counters()['udp_drop_filtered'] > 0, 'counted')
    n.use()


def test_hairpin(n):
    """Two sockets of a guest find each other at the host's address."""
    n.use()

    def meet(server_at, host):
        fam = family(host)
        with socket.socket(fam, socket.SOCK_DGRAM) as a, \
                socket.socket(fam, socket.SOCK_DGRAM) as b:
            for s in (a, b):
                s.settimeout(20)
            pa, pb = (int(whoami(s, server_at)[0]) for s in (a, b))
            a.sendto(b'too early', (host, pb))
            b.sendto(b'hello', (host, pa))
            x, at = a.recvfrom(100)
            a.sendto(b'you too', (host, pb))
            y, bt = b.recvfrom(100)
            return x, at[:2] == (host, pb), y, bt[:2] == (host, pa)
    def knock(host):
        with socket.socket(family(host), socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.connect((host, server.UDP))
            try:
                s.send(b'x')
                return s.recv(10)
            except OSError:
                return 'closed'
    for server_at, host in ((SERVER4, HOST4), (SERVER6, HOST6)):
        out = n.call('c', meet, server_at, host)
        check(out == (b'hello', True, b'you too', True), host, out)
        # what is not a guest's is closed as ever
        check(n.call('c', knock, host) == 'closed', host)


def test_rules(n):
    """Tables, lists, return and drop, log, counters, flush."""
    path = os.path.join(n.dir, 'bad.txt')
    with open(path, 'w') as f:
        f.write('# a list\n192.0.2.3\n\n2001:db8::3/128  # that one\n')
    os.chmod(path, 0o644)
    n.use('table <far> { 198.51.100.0/24 2001:db8:f::/64 }\n'
          'table <bad> { 203.0.113.0/24 } file "%s"\n'
          'block return log to <far> port { 80 7001:7003 }\n'
          'block drop to <bad>\n'
          'block proto udp to { %s %s } port 7007\n'
          % (path, SERVER4, SERVER6))
    for far, other, near in ((FAR4, OTHER4, SERVER4),
                             (FAR6, OTHER6, SERVER6)):
        for port in (80, 7001, 7003):
            e, _ = n.call('c', connect_error, far, port, 3)
            check(e == 'ECONNREFUSED', 'return', far, port, e)
        check(n.call('c', connect_error, far, 7008, 3)[0] == 'connected',
              far)
        e, _ = n.call('c', connect_error, other, 80, 1.5)
        check(e == 'timeout', 'drop', other, e)
        bad = n.call('c', udp_echo, near, (10,))
        check(bad, 'udp passed', near)
        check(n.call('c', get, near, 1000)[0] == 1000, near)
    rules = n.ctlj('show', 'rules')['rules']
    texts = [r['rule'] for r in rules]
    check(texts[0] == 'block return log to <far> port 80' and
          texts[1] == 'block return log to <far> port 7001:7003' and
          texts[2] == 'block drop to <bad>' and
          texts[3] == 'block proto udp to 192.0.2.2/32 port 7007', texts)
    hits = [r['matches'] for r in rules]
    check(all(h > 0 for h in hits), hits)
    check(hits[0] == 2 and hits[1] == 4, 'once a flow', hits)
    log = n.logtext()
    check(re.search(r'rule 0: block peer "laptop" tcp 10\.77\.0\.2 to '
                    r'198\.51\.100\.2:80', log), log[-500:])
    check('rule 2:' not in log, 'logged without "log"')
    check('block drop to <bad>' in n.ctl('show', 'rules').stdout, 'text')
    # a reload leaves flows alone, flush does not
    n.use()

    def held(host, ready):
        with dial(host, server.ECHO) as s:
            for i in range(80):
                if i == 10:
                    ready()
                try:
                    s.sendall(b'x')
                    if s.recv(1) != b'x':
                        return 'eof', i
                except ConnectionResetError:
                    return 'reset', i
                time.sleep(0.05)
        return 'all', 80
    end = n.begin_ready('c', held, SERVER4)
    other = n.begin_ready('c', held, SERVER6)
    n.use('block to %s' % SERVER4)
    time.sleep(0.5)
    flows = [f for f in n.ctlj('show', 'flows')['flows']
             if f['destination'].endswith(':7001')]
    check(len(flows) == 2, 'flows after a reload', flows)
    n.ctl('flush')
    got = end()
    check(got[0] == 'reset' and got[1] >= 10, got)
    flows = [f for f in n.ctlj('show', 'flows')['flows']
             if f['destination'].endswith(':7001')]
    check(len(flows) == 1, 'flows after flush', flows)
    n.use()
    check(other()[0] == 'all', 'the other flow')


def test_host_addresses(n):
    """An address of the host is closed from the moment that it has it."""
    n.use()

    def hold(host, ready):
        with dial(host, server.ECHO) as s:
            s.sendall(b'x')
            check(s.recv(1) == b'x', 'echo')
            ready()
            s.settimeout(10)
            try:
                return 'eof' if s.recv(1) == b'' else 'data'
            except ConnectionResetError:
                return 'reset'
            except socket.timeout:
                return 'alive'

    def cannot(host):
        return n.call('c', connect_error, host, server.ECHO, 3)[0] != \
            'connected'
    for host, bits in ((OTHER4, 32), (OTHER6, 128)):
        check(not cannot(host), host, 'is out there')
        end = n.begin_ready('c', hold, host)
        n.ip('g', 'addr', 'add', '%s/%d' % (host, bits), 'dev', 'lo')
        try:
            wait_for(lambda: cannot(host), 1, 'the new address is open',
                     promised=True)
            check(end() in ('eof', 'reset'), 'the old flow lives on')
        finally:
            n.ip('g', 'addr', 'del', '%s/%d' % (host, bits), 'dev', 'lo')
        wait_for(lambda: not cannot(host), 2, 'it is out there again',
                 promised=True)
    # what a prefix makes local: broadcasts, and anycast of a router
    n.call('g', forward_packets)
    n.ip('g', 'addr', 'add', '2001:db8:77::5/64', 'dev', 'e1', 'nodad')
    n.ip('g', 'route', 'add', 'local', '203.0.113.0/24', 'dev', 'lo')
    try:
        for host in ('2001:db8:77::5', '2001:db8:77::', '203.0.113.9'):
            want = 'EACCES' if ':' in host else 'EHOSTUNREACH'
            wait_for(lambda: n.call('c', connect_error, host, server.ECHO,
                                    3)[0] == want, 1, host)
    finally:
        n.ip('g', 'route', 'del', 'local', '203.0.113.0/24', 'dev', 'lo')
        n.ip('g', 'addr', 'del', '2001:db8:77::5/64', 'dev', 'e1')
        n.call('g', forward_packets, '0')


def comes_from(host):
    with dial(host, server.SOURCE, 5) as s:
        tcp = read_all(s).decode()
    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.sendto(b'', (host, server.WHOAMI))
        return tcp, s.recv(100).decode().split()[0]


def test_egress(n):
    """Where guests come out: from an address, by an interface, or nowhere."""
    n.ip('g', 'addr', 'add', '192.0.2.77/24', 'dev', 'e1')
    n.ip('g', 'addr', 'add', '2001:db8::77/64', 'dev', 'e1', 'nodad')
    try:
        n.use('egress source { 192.0.2.77 2001:db8::77 }')
        for h, want in ((SERVER4, '192.0.2.77'), (SERVER6, '2001:db8::77')):
            got = n.call('c', comes_from, h)
            check(got == (want, want), h, got)
        # one after the other
        n.ip('g', 'addr', 'add', '192.0.2.78/24', 'dev', 'e1')
        n.use('egress source { 192.0.2.77 192.0.2.78 } rotate 1s')
        seen = set()
        wait_for(lambda: seen.add(n.call('c', comes_from, SERVER4)[0]) or
                 seen == {'192.0.2.77', '192.0.2.78'}, 10, 'both')
        n.ip('g', 'addr', 'del', '192.0.2.78/24', 'dev', 'e1')
        # a peer's own instead of everybody's
        n.use('egress none', 'egress source 192.0.2.77')
        got = n.call('c', comes_from, SERVER4)
        check(got == ('192.0.2.77', '192.0.2.77'), got)
        # none of that family: nothing leaves by another way
        check(n.call('c', connect_error, SERVER6, 80, 3)[0] == 'EHOSTUNREACH'
              or n.call('c', connect_error, SERVER6, 80, 3)[0] ==
              'ENETUNREACH', 'IPv6 got out')
        n.use('egress none')
        e = n.call('c', connect_error, SERVER4, 80, 3)[0]
        check(e in ('EHOSTUNREACH', 'EACCES'), 'none', e)
        # an interface that does not lead there, and one that does
        n.use('egress interface "e0"')
        check(n.call('c', connect_error, SERVER4, 80, 2)[0] != 'connected',
              'by another interface')
        n.use('egress interface "e1"')
        check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'by this one')
        r = n.write_conf(n.conf(extra='egress interface "none7"')) and \
            n.ctl('reload', ok=False)
        check(r.returncode == 1 and 'no interface "none7"' in r.stdout,
              r.stdout)
    finally:
        n.ip('g', 'addr', 'del', '192.0.2.77/24', 'dev', 'e1')
        n.ip('g', 'addr', 'del', '2001:db8::77/64', 'dev', 'e1')
        n.use()


def test_nat64(n):
    """A host that has IPv6 alone: IPv4 of guests goes to a translator."""
    there = '64:ff9b::c000:202'         # 192.0.2.2
    n.ip('s', 'addr', 'add', there + '/96', 'dev', 'e1', 'nodad')
    n.ip('g', 'route', 'add', '64:ff9b::/96', 'dev', 'e1')
    n.ip('g', 'addr', 'del', '192.0.2.1/24', 'dev', 'e1')
    try:
        check(n.call('c', connect_error, SERVER4, 80, 2)[0] != 'connected',
              'IPv4 got out')
        n.use('egress nat64 "64:ff9b::/96"')
        check(n.call('c', get, SERVER4, MB)[0] == MB, 'get')
        bad = n.call('c', udp_echo, SERVER4, (0, 1, 1200, 9000))
        check(not bad, bad)
        check(n.call('c', get, SERVER6, 1000)[0] == 1000, 'IPv6')
        # what is refused there is refused here, at once
        e = n.call('c', connect_error, SERVER4, 7999, 3)[0]
        check(e == 'ECONNREFUSED', e)
        e = n.call('c', udp_error, SERVER4, 7999)
        check(e == 'ECONNREFUSED', e)
        flows = [f['destination'] for f in n.ctlj('show', 'flows')['flows']]
        check(not any('64:ff9b' in f for f in flows), flows)
        # names with IPv4 alone have an IPv6 address, by the translator
        resolver, _ = n.serve('s', SERVER6, name='names.py')
        n.use('egress nat64 "64:ff9b::/96"\ndns64 yes\n'
              'dns listen upstream "%s"' % SERVER6)
        out = n.call('c', dig, '@' + GATE4, 'v4only.test', 'AAAA')
        check(there in out, out)
        check(n.call('c', get, there, 1000)[0] == 1000, 'get by that')
        out = n.call('c', dig, '@' + GATE4, 'host.test', 'AAAA')
        check('2001:db8::80' in out and '64:ff9b' not in out, out)
        out = n.call('c', dig, '@' + GATE4, 'none.test', 'AAAA')
        check('NXDOMAIN' in out, out)
        resolver.kill()
        resolver.wait()
        # a mapping lives no longer than the way that it has
        end = n.begin_ready('c', talks, SERVER4)
        n.use()
        check(end() != 'all', 'it goes on, somewhere')
        # the resolver of the test knows the prefix, and has IPv4 alone
        n.ip('g', 'addr', 'add', '192.0.2.1/24', 'dev', 'e1')
        n.stop()
        n.start(n.conf('egress nat64 "find"'), hosts={'one.test': SERVER4})
        wait_for(lambda: 'prefix is 64:ff9b::/96' in n.logtext(), 10,
                 'the prefix')
        n.client_set()
        got = n.call('c', comes_from, SERVER4)
        check(all(':' in a for a in got), 'by IPv4', got)
    finally:
        n.ip('g', 'addr', 'replace', '192.0.2.1/24', 'dev', 'e1')
        n.ip('g', 'route', 'del', '64:ff9b::/96', 'dev', 'e1')
        n.ip('s', 'addr', 'del', there + '/96', 'dev', 'e1')
        n.stop()
        n.start()
        n.client_set()


def talks(host, ready):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(20):
            s.settimeout(5 if i < 3 else 0.5)
            s.sendto(b'x%d' % i, (host, server.UDP))
            try:
                s.recv(10)
            except OSError:
                return i
            if i == 2:
                ready()
            time.sleep(0.1)
    return 'all'


def udp_error(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect((host, port))
        s.send(b'x')
        try:
            s.recv(10)
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e))
    return 'answered'


def test_loopback(n):
    """The host's own services, by rule, at the gateway's address."""
    for a in (GATE4, GATE6):
        check(n.call('c', connect_error, a, 80, 3)[0] == 'ECONNREFUSED', a)
    n.use('pass from peer "laptop" proto tcp to 127.0.0.1 port 80\n'
          'pass proto udp to 127.0.0.1 port 7007\n'
          'pass to ::1 port { 80 7007 }\n')
    for a in (GATE4, GATE6):
        check(n.call('c', get, a, MB)[0] == MB, a, 'get')
        bad = n.call('c', udp_echo, a, (0, 1, 1400, 9000))
        check(not bad, a, bad)
        # no other port, nor another address of the host
        check(n.call('c', connect_error, a, 7001, 3)[0] == 'ECONNREFUSED',
              a, 'another port')
    e, _ = n.call('c', connect_error, HOST4, 80, 3)
    check(e in ('EHOSTUNREACH', 'EACCES'), "the host's address", e)
    # a prefix, or all ports, is not enough
    n.use('pass to 127.0.0.0/8 port 80\npass to ::1\n')
    for a in (GATE4, GATE6):
        check(n.call('c', connect_error, a, 80, 3)[0] == 'ECONNREFUSED',
              a, 'a rule that names no address and port')
    n.use()


def test_dns(n):
    """Questions to the gateway: upstream, cache, TCP, local names."""
    n.use('dns listen upstream { %s }' % SERVER4)

    def asked(name):
        return [x for x in open(n.names).read().split('\n')
                if x.startswith(name + ' ')]
    for gate in (GATE4, GATE6):
        for how in ('+notcp', '+tcp'):
            out = n.call('c', dig, how, '@' + gate, 'host.test', 'A')
            check('192.0.2.80' in out and 'NOERROR' in out, gate, how, out)
            out = n.call('c', dig, how, '@' + gate, 'host.test', 'AAAA')
            check('2001:db8::80' in out, gate, how, out)
    check(len(asked('host.test')) == 2, 'not cached', asked('host.test'))
    # cut short by UDP, whole by TCP; the gateway asks by TCP itself
    out = n.call('c', dig, '@' + GATE4, 'big.test', 'TXT')
    check('Truncated, retrying in TCP mode' in out and
          out.count('xxxxxxxx') >= 16, out[:500])
    check([x.split()[2] for x in asked('big.test')] == ['udp', 'tcp'],
          asked('big.test'))
    out = n.call('c', dig, '+ignore', '+notcp', '@' + GATE4, 'big.test',
                 'TXT')
    check(' tc ' in out, 'no TC', out)
    # time to live
    out = n.call('c', dig, '@' + GATE4, 'count.test')
    check('10.0.0.1' in out, out)
    check('10.0.0.1' in n.call('c', dig, '@' + GATE4, 'count.test'),
          'not kept')
    wait_for(lambda: '10.0.0.2' in n.call('c', dig, '@' + GATE4,
                                          'count.test'), 6, 'its end',
             promised=True)
    for _ in range(2):
        out = n.call('c', dig, '@' + GATE4, 'nothing.test')
        check('NXDOMAIN' in out and 'SOA' in out, out)
    check(len(asked('nothing.test')) == 1, 'negative answers')
    # case and EDNS are the asker's own
    out = n.call('c', dig, '+noedns', '@' + GATE4, 'HoSt.TeSt')
    check('HoSt.TeSt.' in out and 'EDNS' not in out, out)
    # the tunnel's own names never leave
    out = n.call('c', dig, '@' + GATE4, 'laptop.wg', 'A')
    check(GUEST4 in out and ' aa ' in out, out)
    check(GUEST6 in n.call('c', dig, '+tcp', '@' + GATE6, 'Laptop.WG',
                           'AAAA'), 'AAAA')
    check(GATE4 in n.call('c', dig, '@' + GATE4, 'gateway.wg'), 'gateway')
    check('NXDOMAIN' in n.call('c', dig, '@' + GATE4, 'nobody.wg'), 'nobody')
    check('laptop.wg.' in n.call('c', dig, '@' + GATE4, '-x', GUEST4),
          'PTR')
    check('laptop.wg.' in n.call('c', dig, '@' + GATE4, '-x', GUEST6),
          'PTR 6')
    check('NXDOMAIN' in n.call('c', dig, '@' + GATE4, '-x', '10.77.0.77'),
          'PTR of nobody')
    check(not asked('laptop.wg') and not asked('nobody.wg'), 'leaked')
    c = n.counters()
    check(c['dns_cached'] > 5 and c['dns_local'] > 5 and
          c['dns_forwarded'] >= 5, c)


def test_host_names(n):
    """Names for the host's resolver: what is none never gets that far."""
    n.stop()
    # an interface that is not there leaves the peer without an endpoint
    n.start(n.conf(extra='proxy listen on 127.0.0.1 port 1080\n'
                   'peer "nowhere" {\n\tpublic key "%s"\n\tallowed ips '
                   '10.77.0.9/32\n\tendpoint "fe80::1%%none"\n}\n'
                   'peer "link" {\n\tpublic key "%s"\n\tallowed ips '
                   '10.77.0.8/32\n\tendpoint "fe80::1%%e0" port 9\n}' % (
                       n.pub('x'), base64.b64encode(
                           os.urandom(32)).decode())), hosts={
                           'one.hosts.test': GUEST4})
    check('no such interface' in n.logtext(), n.logtext())
    at = {p['name']: p['endpoint'] for p in n.ctlj('show', 'peers')['peers']}
    check(re.match(r'\[fe80::1%\d+\]:9$', at['link']) and
          not at['nowhere'], at)
    n.client_set()
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get')
    for name in ('one.hosts.test', 'ONE.hosts.test.', 'guest.test'):
        m = n.call('g', socks_reply, '127.0.0.1', 1080, name, 80)
        check(m[:2] == b'\5\0', name, m)
        got = n.call('g', curl, '-p', '-x', 'http://127.0.0.1:1080',
                     'http://%s/1000' % name)
        check(got.endswith('200 1000'), name, got)
    asked = open(n.names).read()
    for name in ('a%b', 'fe80::1%lo', '%', 'x%%s%n', '0x7f.1', '127.1', 'a b',
                 'caf\u00e9.test', 'a' * 64 + '.test', '..', 'a' * 255):
        data = name.encode('latin1')

        def by_socks():
            with socket.create_connection(('127.0.0.1', 1080), 5) as s:
                s.settimeout(10)
                s.sendall(b'\5\1\0')
                s.recv(2)
                s.sendall(b'\5\1\0\3' + bytes([len(data)]) + data +
                          b'\0\x50')
                return s.recv(2)

        def by_http():
            with socket.create_connection(('127.0.0.1', 1080), 5) as s:
                s.settimeout(10)
                s.sendall(b'CONNECT ' + data + b':80 HTTP/1.1\r\n\r\n')
                return s.recv(12)
        m = n.call('g', by_socks)
        check(m == b'\5\4', name, m)
        m = n.call('g', by_http)
        check(m == b'HTTP/1.1 400', name, m)
    check(open(n.names).read() == asked, 'such a name was asked for')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get')
    n.stop()
    n.start()
    n.client_set()


def test_dns_upstreams(n):
    """One that is silent, one that is not there, several domains."""
    p, log = n.serve('s', OTHER4, 'mute', name='names.py')
    n.use('dns listen domain "home.arpa" upstream { %s %s@54 %s }' % (
        OTHER4, SERVER4, SERVER4))
    t = time.monotonic()
    out = n.call('c', dig, '@' + GATE4, 'host.test')
    check('192.0.2.80' in out, out)
    check('heard' in open(log).read(), 'the first was not asked')
    # who answered is asked first
    out = n.call('c', dig, '@' + GATE4, 'count.test')
    check('10.0.0.' in out and time.monotonic() - t < 30, out)
    check(GUEST4 in n.call('c', dig, '@' + GATE4, 'laptop.home.arpa'),
          'domain')
    n.use('dns listen upstream { %s }' % OTHER4)
    out = n.call('c', dig, '+time=9', '@' + GATE4, 'host.test')
    check('SERVFAIL' in out, out)
    # off: nothing listens
    n.use()
    out = n.call('c', dig, '@' + GATE4, 'host.test')
    check('host.test' not in out.partition(';; ANSWER')[2], out)
    check(n.call('c', connect_error, GATE4, 53, 3)[0] == 'ECONNREFUSED',
          'tcp')
    p.kill()
    p.wait()


def test_dns_block(n):
    """Lists of names: what is in them, what is not, for whom."""
    path = os.path.join(n.dir, 'ads')
    good = os.path.join(n.dir, 'good')
    with open(path, 'w') as f:
        f.write('# a list\n0.0.0.0 ads.one.test two.test # x\n'
                '127.0.0.1 localhost\n::1 six.test\nThree.Test\n'
                '*.four.test\n||five.test^\n! remark\nnot a name!\n'
                'bad name.test\n' + ''.join(
                    '0.0.0.0 n%d.many.test\n' % i for i in range(200000)))
    with open(good, 'w') as f:
        f.write('host.three.test\n')
    for p in (path, good):
        os.chmod(p, 0o644)
    base = 'dns listen upstream { %s }\ndns block file "%s"\n' \
        'dns allow file "%s"\ndns block { "Seven.test", "host.test" }\n' \
        % (SERVER4, path, good)
    n.use(base)

    def asked(name, kind='A'):
        return n.call('c', dig, '@' + GATE4, name, kind)
    before = n.counters()['dns_blocked']
    blocked = ('ads.one.test', 'ADS.one.test', 'two.test', 'six.test',
               'three.test', 'deep.below.three.test', 'x.four.test',
               'four.test', 'five.test', 'a.five.test', 'n0.many.test',
               'n199999.many.test', 'a.seven.test', 'host.test')
    log = open(n.names).read()
    for name in blocked:
        out = asked(name)
        check('NXDOMAIN' in out and 'SOA' not in out, name, out)
    check(open(n.names).read() == log, 'one of them was asked for')
    check(n.counters()['dns_blocked'] - before == len(blocked), 'count')
    for name in ('below.ads.one.test', 'one.test', 'xtwo.test',
                 'n200000.many.test', 'host.three.test', 'localhost',
                 'many.test'):
        asked(name)
        check('\n' + name + ' ' in '\n' + open(n.names).read(), name,
              'was not asked for')
    p = [x for x in n.ctlj('show', 'peers')['peers']
         if x['name'] == 'laptop'][0]
    check(p['dns_blocked'] >= len(blocked) and
          p['dns_asked'] > p['dns_blocked'], p)
    check('blocked' in n.ctl('show', 'peers', '-v').stdout, 'show peers')
    check('2 lines without a name' in n.logtext(), n.logtext()[-500:])
    # an alias of a name that is not told is not told either
    for _ in range(2):
        check('NXDOMAIN' in asked('four.alias.test'), 'alias')
    # told as an address of nobody
    n.use(base + 'dns block return zero\n')
    check('0.0.0.0' in asked('two.test'), asked('two.test'))
    check('\t::' in asked('two.test', 'AAAA'), asked('two.test', 'AAAA'))
    out = asked('two.test', 'TXT')
    check('NOERROR' in out and 'ANSWER: 0' in out, out)
    # a peer for whom there is no list, and one whose questions are logged
    n.stop()
    n.start(n.conf(base, peer_extra='dns filter no\n\tdns log yes'))
    n.client_set()
    check('192.0.2.80' in asked('host.test'), 'filtered')
    check('dns: peer "laptop": A host.test: asked' in n.logtext(),
          n.logtext())
    asked('host.test')
    asked('laptop.wg')
    check('A host.test: cached' in n.logtext() and
          'A laptop.wg: own name' in n.logtext(), n.logtext())
    n.stop()
    n.start(n.conf(base))
    n.client_set()
    asked('two.test')
    check('dns: peer' not in n.logtext(), 'logged')
    # a list is a file like others to those who have them watched
    n.use('watch yes\n' + base)
    check(asked('x.eight.test') != '' and '\nx.eight.test ' in
          open(n.names).read(), 'eight.test was blocked before')
    with open(path, 'a') as f:
        f.write('eight.test\n')
    wait_for(lambda: 'NXDOMAIN' in asked('x.eight.test'), 5, 'the new name')
    n.use()


def certificate(n, name):
    """A certificate of its own for a name, and its key."""
    cert, key = (os.path.join(n.dir, name + x) for x in ('.pem', '.tkey'))
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
        '/CN=' + name, '-addext', 'subjectAltName=DNS:' + name, '-keyout',
        key, '-out', cert)
    os.chmod(cert, 0o644)
    return cert, key


def test_dns_tls(n):
    """Questions by TLS: who it is, one connection, and what goes wrong."""
    cert, key = certificate(n, 'dns.test')
    other, _ = certificate(n, 'other.test')
    p, log = n.serve('s', OTHER4, 'tls', cert, key, name='names.py')
    base = 'dns listen upstream "%s#%s"\ndns ca file "%s"\n'

    def asked(name, kind='A'):
        return n.call('c', dig, '@' + GATE4, name, kind)
    # it is another process that speaks TLS: it is there from the start
    n.stop()
    n.start(n.conf(base % (OTHER4, 'dns.test', cert)))
    n.client_set()
    check('192.0.2.80' in asked('host.test'), 'asked')
    text = open(log).read()
    check('host.test 1 tls' in text and 'udp' not in text, text)
    check(text.count('tls connection') == 1, text)
    check('padded to 0' in text, text)
    # many at once, on the one connection, in any order

    def many():
        outs = [None] * 30

        def one(i):
            outs[i] = dig('@' + GATE4, 'n%d.test' % i, 'A', '+time=9')
        parallel_calls(one, 30)
        return sum('NXDOMAIN' in o for o in outs)
    check(n.call('c', many) == 30, 'at once')
    check('big.test' in asked('big.test', 'TXT'), 'an answer in pieces')
    check(open(log).read().count('tls connection') == 1, 'connections')
    # what it does not answer takes no place for ever

    def unanswered():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for t in range(24):
            for i in range(60 if t in (0, 17) else 0):
                s.sendto(struct.pack('>6H', i, 0x0100, 1, 0, 0, 0) +
                         b'\6drop%02d\4test\0\0\1\0\1' % (i + t), (GATE4, 53))
            check('NXDOMAIN' in dig('@' + GATE4, 'k%d.test' % t), 'keep', t)
            time.sleep(1)
    n.call('c', unanswered)
    check(open(log).read().count('tls connection') == 1, 'connections')
    # the server ends it, and the next question opens it again
    p.kill()
    p.wait()
    check('SERVFAIL' in n.call('c', dig, '@' + GATE4, 'gone.test', 'A',
                               '+time=15', '+tries=1'), 'gone')
    p, log = n.serve('s', OTHER4, 'tls', cert, key, name='names.py')
    wait_for(lambda: 'NXDOMAIN' in asked('back.test'), 15, 'the server')
    # who is not the one that is named, or nobody's that is trusted
    for name, ca in (('wrong.test', cert), ('dns.test', other)):
        n.use(base % (OTHER4, name, ca))
        out = n.call('c', dig, '@' + GATE4, 'x.test', 'A', '+time=15',
                     '+tries=1')
        check('SERVFAIL' in out, name, out)
        check('TLS: handshake' in n.logtext(), n.logtext()[-500:])
    # another upstream without TLS takes over only if it is listed
    n.use('dns listen upstream { "%s#wrong.test", %s }\ndns ca file "%s"\n' % (
        OTHER4, SERVER4, cert))
    check('192.0.2.80' in n.call('c', dig, '@' + GATE4, 'host.test', 'A',
                                 '+time=15', '+tries=1'), 'the next')
    p.kill()
    p.wait()
    n.stop()
    n.start()
    n.client_set()


def parallel_calls(fn, count):
    ts = [threading.Thread(target=fn, args=(i,)) for i in range(count)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


def test_dns_forward(n):
    """Names of one domain are asked for elsewhere."""
    p, log = n.serve('s', OTHER4, name='names.py')
    n.use('dns listen upstream { %s }\ndns forward "corp.test" to %s\n'
          'dns forward "deep.corp.test" to { %s }\n' % (
              SERVER4, OTHER4, SERVER4))

    def where(name):
        a, b = len(open(n.names).read()), len(open(log).read())
        n.call('c', dig, '@' + GATE4, name)
        return (name + ' ' in open(n.names).read()[a:],
                name + ' ' in open(log).read()[b:])
    check(where('a.corp.test') == (False, True), 'below')
    check(where('corp.test') == (False, True), 'itself')
    check(where('acorp.test') == (True, False), 'another')
    check(where('x.deep.corp.test') == (True, False), 'the longer one')
    check(where('host.test') == (True, False), 'any')
    # a mistake leaves nothing behind for the next reload
    n.write_conf(n.conf('dns listen upstream { %s }\n'
                        'dns forward "corp.test" to "bogus"\n' % SERVER4))
    check(n.ctl('reload', ok=False).returncode == 1, 'a mistake')
    n.use('dns listen upstream { %s }\n' % SERVER4)
    check(where('c.corp.test') == (True, False), 'no domain')
    n.use('dns listen upstream { %s }' % SERVER4)
    check(where('b.corp.test') == (True, False), 'not any more')
    n.use()
    p.kill()
    p.wait()


def test_dns_hostile(n):
    """Junk in questions is dropped or refused, and asks nobody."""
    n.use('dns listen upstream { %s }' % SERVER4)

    def junk(gate):
        q = struct.pack('>6H', 7, 0x0100, 1, 0, 0, 0)
        name = b'\4host\4test\0' + struct.pack('>HH', 1, 1)
        out = []
        for i, m in enumerate((
                  b'', b'x', q, q + b'\xc0\x0c\0\1\0\1', q + b'\x40' * 80,
                  q + b'\4host', struct.pack('>6H', 7, 0x0100, 2, 0, 0, 0) +
                  name + name, struct.pack('>6H', 7, 0x8100, 1, 0, 0, 0) +
                  name, struct.pack('>6H', 7, 0x2800, 0, 0, 0, 0),
                  struct.pack('>6H', 7, 0x0100, 1, 9, 9, 9) + name,
                  q + (b'\x3f' + b'a' * 63) * 5 + b'\0\0\1\0\1',
                  os.urandom(500), os.urandom(60000))):
            with socket.socket(family(gate), socket.SOCK_DGRAM) as s:
                # what is answered is waited for
                s.settimeout(0.4 if i in (0, 1, 7, 11, 12) else 20)
                s.sendto(m, (gate, 53))
                try:
                    out.append(s.recv(2000)[3] & 15)
                except socket.timeout:
                    out.append(None)
        for m in (b'\0', b'\0\0', b'\xff\xff' + b'x' * 100000,
                  b'\0\x05hello', b'\0\x0c' + q + b'\0\x0c' + q):
            with dial(gate, 53) as s:
                s.settimeout(3)
                try:
                    s.sendall(m)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(1000):
                        pass
                except OSError:
                    pass
        return out
    for gate in (GATE4, GATE6):
        out = n.call('c', junk, gate, timeout=90)
        check(out[:2] == [None, None] and out[7] is None, out)
        check(out[2:7] == [1] * 5 and out[8] == 4 and out[9] == 1 and
              out[10] == 1, out)
        check('192.0.2.80' in n.call('c', dig, '@' + gate, 'host.test'),
              'after junk')
    n.use()


def slirp_memory(n):
    pid = [x['pid'] for x in n.ctlj('show', 'processes')['processes']
           if x['title'] == 'slirp'][0]
    return int(re.search(r'VmRSS:\s+(\d+)', open(
        '/proc/%d/status' % pid).read()).group(1))


def ask_and_not_read(gate, size):
    """Questions without end, whose answers nobody takes."""
    q = struct.pack('>6H', 7, 0x0100, 1, 0, 0, 0) + \
        b'\3big\4test\0' + struct.pack('>HH', 16, 1)
    q = struct.pack('>H', len(q)) + q
    with dial(gate, 53) as s:
        s.settimeout(1)
        sent = 0
        try:
            while sent < size:
                sent += s.send(q * 1000)
        except socket.timeout:
            pass
    return sent


def hold_connections(gate, count, seconds):
    socks = []
    for _ in range(count):
        try:
            socks.append(socket.create_connection((gate, 53), 3))
        except OSError:
            pass
    time.sleep(seconds)
    return len(socks)


def test_dns_budget(n):
    """One guest's connections and questions do not shut out others."""
    n.use('dns listen upstream { %s }\n'
          'peer "other" {\n\tpublic key "%s"\n\tallowed ips '
          '{ 10.77.0.3/32 fd77::3/128 }\n}' % (SERVER4, n.pub('x')))
    n.second_up()
    check('xxxx' in n.call('c', dig, '+tcp', '@' + GATE4, 'big.test',
                           'TXT'), 'an answer to keep')
    before = slirp_memory(n)
    n.call('c', ask_and_not_read, GATE4, 8 << 20)
    after = slirp_memory(n)
    check(after < before + 40000, 'kB grew from', before, 'to', after)
    end = n.begin('c', hold_connections, GATE4, 80, 4)
    time.sleep(1.5)
    out = n.call('d', dig, '+tcp', '@' + GATE4, 'host.test')
    check('192.0.2.80' in out, 'the other guest', out)
    got = end()
    check(got <= 10, 'connections of one guest', got)

    # nor those that the gateway has ended and the guest keeps
    def refused(gate, count):
        socks = []
        for _ in range(count):
            try:
                s = socket.create_connection((gate, 53), 3)
                s.sendall(b'\0\1x')
                socks.append(s)
            except OSError:
                pass
        time.sleep(3)
        return len(socks)
    end = n.begin('c', refused, GATE4, 300)
    time.sleep(2)
    out = n.call('d', dig, '+tcp', '@' + GATE4, 'host.test')
    check('192.0.2.80' in out, 'the other guest', out)
    end()

    # turned off, open connections end, too
    def held(ready):
        with dial(GATE4, 53) as s:
            ready()
            s.settimeout(10)
            try:
                return 'eof' if s.recv(1) == b'' else 'data'
            except ConnectionResetError:
                return 'reset'
    end = n.begin_ready('c', held)
    n.use()
    check(end() in ('eof', 'reset'), 'a connection after the end')


def fetch(host, port, size):
    import http.client
    c = http.client.HTTPConnection(host, port, timeout=15)
    c.request('GET', '/%d' % size)
    body = c.getresponse().read()
    return len(body)


def udp_through(host, port, sizes):
    bad = []
    with socket.socket(family(host), socket.SOCK_DGRAM) as s:
        s.settimeout(4)
        for size in sizes:
            m = os.urandom(size)
            s.sendto(m, (host, port))
            try:
                b, a = s.recvfrom(65536)
                if b != m or a[:2] != (host, port):
                    bad.append((size, len(b), a))
            except socket.timeout:
                bad.append((size, 'timeout'))
    return bad


def slow_echo(host, port, count, ready=lambda: None):
    with socket.create_connection((host, port), 10) as s:
        s.settimeout(10)
        for i in range(count):
            s.sendall(b'%04d' % i)
            if s.recv(4) != b'%04d' % i:
                return i
            ready()
            time.sleep(0.1)
    return 'all'


def closes(host, port):
    try:
        with socket.create_connection((host, port), 15) as s:
            return 'data' if s.recv(1) else 'eof'
    except ConnectionResetError:
        return 'reset'


FORWARDS = '''forward tcp from %s port 8080 to 10.77.0.2 port 80
forward tcp from %s port 8080 to fd77::2 port 80
forward tcp from * port 8071 to 10.77.0.2 port 7001
forward udp from %s port 8087 to 10.77.0.2 port 7007
forward udp from %s port 8087 to fd77::2 port 7007
forward tcp from * port 8089 to 10.77.0.2 port 9
forward tcp from * port 8088 to 10.77.0.77 port 80
forward tcp from * port 8090 to 10.77.0.2 port 80 allow { 203.0.113.0/24 }
''' % (HOST4, HOST6, HOST4, HOST6)


def test_forward(n):
    """Hosts reach a web server and others inside the tunnel."""
    n.use(FORWARDS)
    for h in (HOST4, HOST6):
        check(n.call('s', fetch, h, 8080, 5 * MB) == 5 * MB, h, 'get')
        # the first may be refused while the port is being looked for
        bad = n.call('s', udp_through, h, 8087, (1, 0, 1200, 1472, 30000))
        check(not bad, h, bad)
        check(n.call('s', slow_echo, h, 8071, 3) == 'all', h)
    flows = n.begin_ready('s', slow_echo, HOST4, 8071, 30)
    fs = [f for f in n.ctlj('show', 'flows')['flows']
          if f['destination'] == GUEST4 + ':7001']
    check(len(fs) == 1 and fs[0]['source'].startswith(GATE4 + ':') and
          fs[0]['peer'] == 'laptop' and fs[0]['state'] == 'established',
          fs)
    # closed in the tunnel, nobody there, not allowed
    check(n.call('s', closes, HOST4, 8089) == 'reset', 'closed port')
    check(n.call('s', closes, HOST4, 8088) == 'reset', 'no peer')
    before = n.counters()['forward_refused']
    check(n.call('s', closes, HOST4, 8090) == 'reset', 'allow')
    check(n.counters()['forward_refused'] == before + 1, 'counted')
    # by reload too; connections go on
    n.use(FORWARDS.replace('port 8080', 'port 8085'))
    check(n.call('s', fetch, HOST4, 8085, MB) == MB, 'after a reload')
    check(n.call('s', connect_error, HOST4, 8080, 3)[0] == 'ECONNREFUSED',
          'the old one')
    check(flows() == 'all', 'a connection over a reload')
    # a port that somebody else has changes nothing
    n.write_conf(n.conf(extra='forward tcp from 127.0.0.1 port 7001 to '
                        '10.77.0.2 port 80'))
    r = n.ctl('reload', ok=False)
    check(r.returncode == 1 and 'Address already in use' in r.stdout and
          ':5: ' in r.stdout, r.stdout)
    check(n.call('s', fetch, HOST4, 8085, MB) == MB, 'half applied')
    n.use()


def test_forward_lossy(n):
    """What is lost on the way into the tunnel is sent again."""
    n.use(FORWARDS)
    n.start_relay('delay=10', 'loss=10', 'seed=3')
    n.wg_set('peer', n.pub('s'), 'endpoint', '10.9.0.1:51999')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'by the relay')
    ends = [n.begin('s', slow_echo, HOST4, 8071, 2) for _ in range(30)]
    check([e() for e in ends] == ['all'] * 30, 'connections')
    # what it still holds back would make the peers roam back to it
    n.relay.kill()
    n.relay.wait()
    n.wg_set('peer', n.pub('s'), 'endpoint', '10.9.0.1:51820')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'without it')
    n.use()


def socks5(host, port, target, tport, user=None, cmd=1):
    """A SOCKS5 client by hand; the connected socket, and the reply."""
    s = socket.create_connection((host, port), 10)
    s.settimeout(10)
    # in pieces, as slow clients do
    hello = b'\5\1' + (b'\2' if user else b'\0')
    for b in hello:
        s.sendall(bytes([b]))
        time.sleep(0.01)
    m = s.recv(2)
    if user:
        check(m == b'\5\2', 'method', m)
        u, p = user
        s.sendall(b'\1' + bytes([len(u)]) + u + bytes([len(p)]) + p)
        m = s.recv(2)
        if m != b'\1\0':
            return s, m
    else:
        check(m == b'\5\0', 'method', m)
    if re.match(r'^[\d.]+$', target):
        a = b'\1' + socket.inet_aton(target)
    elif ':' in target:
        a = b'\4' + socket.inet_pton(socket.AF_INET6, target)
    else:
        a = b'\3' + bytes([len(target)]) + target.encode()
    s.sendall(b'\5' + bytes([cmd]) + b'\0' + a + struct.pack('>H', tport))
    head = s.recv(4)
    if len(head) < 4:
        return s, head
    rest = s.recv({1: 4, 4: 16}[head[3]] + 2)
    return s, head + rest


def socks_reply(*args, **kw):
    s, m = socks5(*args, **kw)
    s.close()
    return m


def socks_udp(host, port):
    """Datagrams through an association, to two services."""
    s, m = socks5(host, port, '0.0.0.0', 0, cmd=3)
    check(m[1] == 0, 'associate', m)
    at = (socket.inet_ntoa(m[4:8]), struct.unpack('>H', m[8:10])[0])
    out = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        u.settimeout(4)
        for a in (b'\1' + socket.inet_aton(GUEST4),
                  b'\4' + socket.inet_pton(socket.AF_INET6, GUEST6),
                  b'\3\x09laptop.wg'):
            u.sendto(b'\0\0\0' + a + struct.pack('>H', 7007) + b'hello',
                     at)
            b = u.recv(2000)
            out.append((b[3], b[-5:]))
        # not from anybody else
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as v:
            v.settimeout(0.5)
            v.sendto(b'\0\0\0\1' + socket.inet_aton(GUEST4) +
                     struct.pack('>H', 7007) + b'x', at)
            try:
                out.append(v.recv(100))
            except socket.timeout:
                out.append(None)
        # it ends with its connection
        s.close()
        time.sleep(0.3)
        u.sendto(b'\0\0\0\1' + socket.inet_aton(GUEST4) +
                 struct.pack('>H', 7007) + b'x', at)
        try:
            out.append(u.recv(100))
        except (socket.timeout, ConnectionRefusedError):
            out.append(None)
    return out


def curl(*args):
    r = run('curl', '-sS', '-m', '15', '-o', '/dev/null', '-w',
            '%{http_code} %{size_download}', *args, ok=False)
    return r.stdout.strip()


def test_proxy(n):
    """curl and others through SOCKS5 and HTTP CONNECT."""
    n.use('dns listen upstream { %s }\n'
          'proxy listen on 127.0.0.1 port 1080' % SERVER4)
    for kind in ('socks5', 'socks5h', 'http'):
        for url in ('http://10.77.0.2/500000', 'http://[fd77::2]/500000') + \
                (('http://laptop.wg/500000',) if kind != 'socks5' else ()):
            got = n.call('g', curl, '-p', '-x', kind + '://127.0.0.1:1080',
                         url)
            check(got.endswith('200 500000'), kind, url, got)
    # what is not there, is not in the tunnel, or not supported
    for target, port, reply in ((GUEST4, 9, 5), ('10.77.0.77', 80, 4),
                                (SERVER4, 80, 4), ('nobody.wg', 80, 4)):
        m = n.call('g', socks_reply, '127.0.0.1', 1080, target, port)
        check(m[:2] == bytes([5, reply]), target, port, m)
    m = n.call('g', lambda: socks_reply('127.0.0.1', 1080, GUEST4, 80,
                                        cmd=2))
    check(m[1] == 7, 'bind', m)
    out = n.call('g', socks_udp, '127.0.0.1', 1080)
    check(out == [(1, b'hello'), (4, b'hello'), (1, b'hello'), None, None],
          out)
    # not a proxy request at all
    for junk, want in ((b'GET / HTTP/1.0\r\n\r\n', b'405'),
                       (b'CONNECT nowhere HTTP/1.1\r\n\r\n', b'400'),
                       (b'CONNECT x:80\r\n\r\n', b'400'),
                       (b'CONNECT ' + b'a' * 9000, b'431'),
                       (b'\4\1\0\x50aaaa\0', b''), (b'\5\1\1', b'\5\xff'),
                       (b'\5\0', b'\5\xff')):
        def say(b):
            with socket.create_connection(('127.0.0.1', 1080), 5) as s:
                s.settimeout(5)
                s.sendall(b)
                s.shutdown(socket.SHUT_WR)
                try:
                    return read_all(s)
                except ConnectionResetError:
                    return b''
        got = n.call('g', say, junk)
        check(want in got, junk[:20], got)
    # others need a name and a password
    path = os.path.join(n.dir, 'users')
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
        f.write('joe:secret\nann:p:w\n')
    if n.owner is not None:
        os.chown(path, n.owner, n.owner)
    n.use('proxy listen on %s port 1080 users file "%s"' % (HOST4, path))
    for kind in ('socks5', 'http'):
        for user, want in (('joe:secret', '200 1000'), ('ann:p:w',
                           '200 1000'), ('joe:wrong', None), ('x:y', None)):
            got = n.call('s', curl, '-p', '-x', '%s://%s@%s:1080' % (
                kind, user, HOST4), 'http://10.77.0.2/1000')
            check(want is None or got.endswith(want), kind, user, got)
            check(want is not None or '200 1000' not in got, user, got)
    got = n.call('s', curl, '-p', '-x', 'http://%s:1080' % HOST4,
                 'http://10.77.0.2/1000')
    check('407' in got, 'without a password', got)
    n.write_conf(n.conf(extra='proxy listen on * port 1081'))
    r = n.ctl('reload', ok=False)
    check(r.returncode == 1 and 'users' in r.stdout, r.stdout)
    n.use()


def test_budget(n):
    """One peer uses up what it may; the other notices nothing."""
    second = ('peer "other" {\n\tpublic key "%s"\n\tallowed ips '
              '{ 10.77.0.3/32 fd77::3/128 }\n\t%s\n}')
    n.use(second % (n.pub('x'), 'max flows 20'))
    n.second_up()
    check(n.call('d', get, SERVER4, 1000)[0] == 1000, 'the second peer')
    got = n.call('d', hold_flows, SERVER4, 60)
    flows = [p['flows'] for p in n.ctlj('show', 'peers')['peers']
             if p['name'] == 'other'][0]
    check(flows <= 20, 'flows', flows)
    check(got <= 60, got)
    c = n.counters()
    check(c['flow_drop_full'] + c['flows_evicted'] > 0, c)
    bad = n.call('c', parallel, SERVER4, 50)
    check(not bad, bad)
    # all flows of the host: who has most gives way
    n.use(second % (n.pub('x'), '') + '\nmax flows 200')
    end = n.begin('d', hold_flows, SERVER4, 400)
    bad = n.call('c', parallel, SERVER4, 60)
    check(not bad, 'full table', bad)
    end()
    # too many new ones a second
    n.use(second % (n.pub('x'), 'max new flows 10'))
    got = n.call('d', hold_flows, OTHER4, 100)
    check(got < 60, 'new flows', got)
    check(n.counters()['flow_drop_rate'] > 0, 'counted')
    bad = n.call('c', parallel, SERVER4, 50)
    check(not bad, bad)
    n.use()


def test_rate(n):
    """Bits a second, both ways; nothing is lost by it."""
    n.use(peer_extra='rate in 8M\n\trate out 16M')
    for h in (SERVER4, SERVER6):
        got = n.call('c', get, h, 3 * MB)
        check(got == (3 * MB, server.digest(3 * MB)), h)
        check(n.call('c', put, h, 2 * MB) == server.digest(2 * MB), h)
    down = n.call('c', rate_of, get, SERVER4, 6 * MB)
    up = n.call('c', rate_of, put, SERVER4, 3 * MB)
    # a bound that holds however slow the machine is
    check(down < 17.5e6, 'down', down)
    check(up < 9.5e6, 'up', up)
    n.last = 'rate out 16M: %.1f Mbit/s, in 8M: %.1f Mbit/s' % (
        down / 1e6, up / 1e6)
    n.use()


def test_quota(n):
    n.use(peer_extra='quota 100M')
    before = n.ctlj('show', 'peers', 'laptop')['peers'][0]
    used = before['rx_bytes'] + before['tx_bytes']
    n.use(peer_extra='quota %d' % (used + 5000000))
    end = n.begin('c', connect_then_read, SERVER4)
    check(end() == 'stopped', 'the connection went on')
    p = wait_for(lambda: [x for x in n.ctlj('show', 'peers')['peers']
                          if x.get('cut')], what='cut')[0]
    check(p['quota'] == used + 5000000, p)
    check(re.search(r'peer "laptop": its quota of \d+ bytes is used up',
                    n.logtext()), 'log')
    c = n.counters()
    check(c['wg_peers_cut'] == 1, c['wg_peers_cut'])
    check(n.ctlj('show', 'peers', 'laptop')['peers'][0]['flows'] == 0,
          'flows')
    check('shut out: its quota' in n.ctl('show', 'peers', '-v').stdout and
          ' quota over' in n.ctl('show', 'peers').stdout, 'text')
    n.use()
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 30, 'a session without the quota')


def connect_then_read(host):
    with dial(host, server.HTTP, 4) as s:
        s.sendall(b'GET /%d HTTP/1.0\r\n\r\n' % (50 * MB))
        total = 0
        try:
            while True:
                b = s.recv(1 << 18)
                if not b:
                    break
                total += len(b)
        except socket.timeout:
            pass
    return 'all' if total > 50 * MB else 'stopped'


def test_expires(n):
    when = time.time() + 4
    n.use(peer_extra='expires "%s"' % time.strftime(
        '%Y-%m-%dT%H:%M:%SZ', time.gmtime(when)))
    check(n.call('c', connect_error, SERVER4, 80, 3)[0] == 'connected',
          'before')
    wait_for(lambda: 'peer "laptop" has expired' in n.logtext(), 10,
             'its end')
    check(time.time() >= int(when), 'too early')
    check(n.call('c', connect_error, SERVER4, 80, 2)[0] == 'timeout',
          'after')
    p = n.ctlj('show', 'peers', 'laptop')['peers'][0]
    check(p['cut'] is True and p['expires'].endswith('Z'), p)
    end = n.begin('c', connect_error, SERVER4, 80, 25)
    wait_for(lambda: n.counters()['wg_drop_cut'] > 0, 30, 'a handshake '
             'that is refused')
    n.use(peer_extra='expires "2099-01-01"')
    end()
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 30, 'more time')
    n.use()


def test_quic(n):
    """A real protocol over UDP: a file by QUIC."""
    for x in ('gtlsserver', 'gtlsclient'):
        check(run('sh', '-c', 'command -v %s || ls /usr/sbin/%s' % (
            x, x), ok=False).returncode == 0, x, 'is missing')
    d = n.dir
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-keyout', d + '/q.key',
        '-out', d + '/q.crt', '-days', '2', '-subj', '/CN=q')
    os.mkdir(d + '/www')
    data = os.urandom(3 * MB)
    with open(d + '/www/file', 'wb') as f:
        f.write(data)
    env = dict(os.environ, PATH='/usr/sbin:' + os.environ['PATH'])
    for i, h in enumerate((SERVER4, SERVER6)):
        port = str(4433 + i)
        p = n.spawn('s', ['env', 'PATH=' + env['PATH'], 'gtlsserver', '-q',
                          h, port, d + '/q.key', d + '/q.crt', '-d',
                          d + '/www'])
        out = '%s/dl%d' % (d, i)
        os.mkdir(out)

        def download():
            return command('timeout', '40', 'gtlsclient', '-q',
                           '--exit-on-all-streams-close', '--download', out,
                           h, port, 'https://localhost/file')
        wait_for(lambda: n.call('c', download)[0] == 0, 40, 'QUIC')
        with open(out + '/file', 'rb') as f:
            check(f.read() == data, h, 'another file')
        p.terminate()


def say_a_byte(port):
    with socket.create_server(('', port)) as s:
        s.settimeout(7)
        held = []
        try:
            while True:
                held.append(s.accept()[0])
                held[-1].sendall(b'H')
        except socket.timeout:
            return len(held)


def test_health_network(n):
    """The network behind the gateway belongs to its health, if asked."""
    good = 'health name host.test on %s\nhealth http "http://%s/5"' % (
        SERVER4, SERVER4)

    def health():
        r = n.ctl('health', ok=False)
        return r.returncode, r.stdout
    try:
        n.use(good)
        time.sleep(1)
        check(health()[0] == 0, health())
        for bad, word in (('health http "http://%s:81/"' % SERVER4, SERVER4),
                          ('health http "http://[%s]/missing"' % SERVER6,
                           SERVER6),
                          ('health name nothing.test on ' + SERVER4,
                           'nothing.test')):
            n.use(bad)
            check(health()[0] == 0, 'at the first failure')
            wait_for(lambda: health()[0] == 1, 12, bad,
                     promised=True)
            check(word in health()[1] and 'does not answer' in n.logtext(),
                  health())
        # one that says a byte and no more
        stalls = n.begin('s', say_a_byte, 8077)
        n.use('health http "http://%s:8077/"' % SERVER4)
        wait_for(lambda: health()[0] == 1, 20, 'a server that stalls',
                 promised=True)
        before = n.ctlj('show', 'counters')['slirp_cpu_us']
        time.sleep(2)
        spent = n.ctlj('show', 'counters')['slirp_cpu_us'] - before
        check(spent < 500000, 'it spins', spent)
        n.use(good)
        check(health()[0] == 0, 'well again', health())
        stalls()
    finally:
        n.use()


def test_http_metrics(n):
    n.use('metrics listen on 127.0.0.1 port 9586')

    def scrape(path='/metrics', raw=None):
        with socket.create_connection(('127.0.0.1', 9586), 5) as s:
            s.settimeout(5)
            s.sendall(raw or b'GET %s HTTP/1.0\r\n\r\n' % path.encode())
            try:
                return read_all(s).decode(errors='replace')
            except ConnectionResetError:
                return ''
    out = n.call('g', scrape)
    check('200 OK' in out and out.endswith('# EOF\n') and
          'application/openmetrics-text' in out and
          'wgslirpd_peer_rx_bytes_total{name="laptop"' in out and
          'wgslirpd_tcp_opened_total ' in out, out[:300])
    text = n.ctl('show', 'metrics').stdout
    check([x.split()[0] for x in out.partition('\r\n\r\n')[2].split('\n')
           if x] == [x.split()[0] for x in text.split('\n') if x],
          'not the same as show metrics')
    check('404' in n.call('g', scrape, '/other'), 'another path')
    check('/metrics' in n.call('g', scrape, '/'), 'what there is')
    # whoever asks for the older format gets it
    out = n.call('g', scrape, '', b'GET /metrics HTTP/1.1\r\nHost: x\r\n'
                 b'Accept: text/plain;version=0.0.4\r\n\r\n')
    check('version=0.0.4' in out and '# EOF' not in out and
          '# TYPE wgslirpd_peer_rx_bytes_total counter' in out, out[:300])
    out = n.call('g', scrape, '', b'HEAD /metrics HTTP/1.1\r\n\r\n')
    check('200 OK' in out and out.endswith('\r\n\r\n'), 'HEAD', out)
    for path in ('/healthz', '/readyz'):
        check('200 OK' in n.call('g', scrape, path), path)
    n.ctl('drain')
    out = n.call('g', scrape, '/healthz')
    check('503' in out and 'draining' in out, 'draining', out)
    n.ctl('resume')
    check('200 OK' in n.call('g', scrape, '/readyz'), 'resumed')
    # an engine that does not answer
    pid = [p['pid'] for p in n.ctlj('show', 'processes')['processes']
           if p['title'] == 'slirp'][0]
    os.kill(pid, signal.SIGSTOP)
    try:
        out = n.call('g', scrape, '/healthz')
        check('503' in out and 'not answering' in out, 'stopped', out)
        check(n.ctl('health', ok=False).returncode == 1, 'health')
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: '200 OK' in n.call('g', scrape, '/healthz'), 5,
             'well again')
    for raw in (b'POST /metrics HTTP/1.0\r\nContent-Length: 9\r\n\r\nx',
                b'\0' * 100 + b'\r\n\r\n', b'GET ' + b'a' * 100000,
                b'DELETE /metrics HTTP/1.1\r\n\r\n'):
        out = n.call('g', scrape, '', raw)
        check('200 OK' not in out, raw[:20], out[:100])

    def many():
        socks = [socket.create_connection(('127.0.0.1', 9586), 5)
                 for _ in range(100)]
        for s in socks:
            s.sendall(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
        answers = []
        for s in socks:
            s.settimeout(10)
            try:
                answers.append(read_all(s)[9:12])
            except ConnectionResetError:
                answers.append(b'reset')
            s.close()
        return answers
    # those who say nothing do not hold up those who do
    def beside(idle=20):
        socks = [socket.create_connection(('127.0.0.1', 9586), 5)
                 for _ in range(idle)]
        for s in socks[::2]:
            s.sendall(b'GET /me')
        out = [scrape() for _ in range(5)]
        for s in socks:
            s.close()
        return out
    for out in n.call('g', beside):
        check('200 OK' in out, 'behind idle connections', out[:100])
    got = n.call('g', many)
    check(got.count(b'200') >= 4 and got.count(b'200') +
          got.count(b'503') == 100, got)
    wait_for(lambda: '200 OK' in n.call('g', scrape), what='an answer')
    # link-local clients have a scope, which libraries like to look up
    n.use('metrics listen on * port 9587')
    local = re.search(r'inet6 (fe80::[0-9a-f:]+)/', run(
        'ip', '-n', n.nsname('g'), '-6', 'addr', 'show', 'dev',
        'e1').stdout).group(1)

    def scoped():
        a = (local, 9587, 0, socket.if_nametoindex('e1'))
        with socket.socket(socket.AF_INET6) as s:
            s.settimeout(5)
            s.connect(a)
            s.sendall(b'GET /metrics HTTP/1.0\r\n\r\n')
            return read_all(s)
    check(n.call('s', scoped).endswith(b'# EOF\n'), 'link-local')
    n.use()
    check(n.call('g', connect_error, '127.0.0.1', 9586, 3)[0] ==
          'ECONNREFUSED', 'still there')


def talk_on(a, b, seconds):
    """Have a send for as long; count what comes, while b is talked to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.05)
        end, got = time.monotonic() + seconds, []
        s.sendto(b'%d' % (seconds * 20), (a, server.STREAM))
        while time.monotonic() < end:
            s.sendto(b'', (b, server.WHOAMI))
            try:
                while True:
                    if s.recvfrom(2000)[1][0] == a:
                        got.append(time.monotonic())
            except socket.timeout:
                pass
    return got


def test_flush_udp(n):
    """A mapping loses whom it may not talk to any more, and only that."""
    n.use()
    end = n.begin('c', talk_on, SERVER4, OTHER4, 4)
    time.sleep(1.5)
    n.use('block to %s' % SERVER4)
    n.ctl('flush')
    at = time.monotonic()
    got = end()
    check(got and got[0] < at and len(got) > 5, 'nothing came before')
    late = [t for t in got if t > at + 0.5]
    check(not late, '%d datagrams after flush' % len(late))
    n.use()


def flood_control(host, port, seconds):
    """An association whose client writes on its connection."""
    s, m = socks5(host, port, '0.0.0.0', 0, cmd=3)
    end = time.monotonic() + seconds
    s.settimeout(1)
    try:
        while time.monotonic() < end:
            try:
                s.send(b'x' * 65536)
            except socket.timeout:
                pass
    except OSError:
        pass
    return time.monotonic()


def test_proxy_hostile(n):
    """Clients that flood, vanish, and outlive their permission."""
    n.use('proxy listen on 127.0.0.1 port 1080')
    end = n.begin('g', flood_control, '127.0.0.1', 1080, 4)
    time.sleep(1)
    check(n.call('c', get, SERVER4, MB)[0] == MB, 'a guest beside it')
    n.ctl('show')
    at = time.monotonic()
    check(end() > at, 'answered only when the flood was over')

    def vanish():
        for i in range(400):
            with socket.create_connection(('127.0.0.1', 1080), 5) as s:
                s.sendall(b'CONNECT x%d.test:80 HTTP/1.1\r\n\r\n' % i)
    before = slirp_memory(n)
    n.call('g', vanish)
    wait_for(lambda: n.call('g', socks_reply, '127.0.0.1', 1080, GUEST4,
                            80)[:2] == b'\5\0', 30, 'the proxy')
    check(slirp_memory(n) < before + 20000, 'memory')

    # an association ends with its listener
    def outlive():
        s, m = socks5('127.0.0.1', 1080, '0.0.0.0', 0, cmd=3)
        s.settimeout(15)
        return s.recv(1)
    end = n.begin('g', outlive)
    time.sleep(0.5)
    n.use('proxy listen on 127.0.0.1 port 1080\ncopy tos yes')
    time.sleep(0.5)
    n.use()
    check(end() == b'', 'the association lives on')


TESTS = [test_traceroute, test_path_mtu, test_mapping, test_filtering,
         test_hairpin, test_rules, test_host_addresses,
         test_egress, test_nat64, test_loopback, test_dns, test_host_names,
         test_dns_upstreams, test_dns_block, test_dns_forward, test_dns_tls,
         test_dns_hostile, test_dns_budget, test_forward,
         test_forward_lossy, test_proxy, test_proxy_hostile, test_flush_udp,
         test_budget, test_rate, test_quic, test_health_network, test_http_metrics, test_quota,
         test_expires, test_guest_mtu]


def main():
    n = Router()

    def setup():
        n.start_server()
        for who in 'fgc':
            n.serve(who)
        _, n.names = n.serve('s', SERVER4, name='names.py')
        n.start()
        n.client_up()
    return run_tests(n, 'router', named(TESTS), setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
