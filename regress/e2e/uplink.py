# SPDX-License-Identifier: ISC
"""Where guests come out: behind another peer's tunnel, a proxy, or not.

usage: uplink.py [test ...]
Beside the server's network there is a provider at 198.51.100.2: Debian's
wireguard-go, for which the gateway is a client with a key and the address
10.64.0.2.  Behind the provider are 203.0.113.9 and 2001:db8:77::9.  The
server's host has the same two addresses: what leaks comes there.
"""

import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import (                                         # noqa: E402
    connect_error, dial, get, half_client_first, half_server_first,
    many_udp_sockets, parallel, ping, put, read_all, reset_by_server,
    udp_echo)
from net import (Net, check, enter, named, run, run_tests,   # noqa: E402
                 wait_for, GATE4, GATE6, SERVER4, SERVER6, TOP, WORKERS)

MB = 1 << 20
PROVIDER = '198.51.100.2'
WORLD4, WORLD6 = '203.0.113.9', '2001:db8:77::9'
OURS4, OURS6 = '10.64.0.2', 'fd64::2'
THERE4, THERE6 = '10.64.0.1', 'fd64::1'


class World(Net):
    """The hosts of Net, and a provider beside the server."""

    def make(self):
        super().make()
        run('ip', 'netns', 'add', self.nsname('p'))
        self.ns['p'] = os.open('/run/netns/' + self.nsname('p'),
                               os.O_RDONLY)
        self.ip('p', 'link', 'set', 'lo', 'up')
        run('ip', 'link', 'add', 'e2', 'netns', self.nsname('s'), 'type',
            'veth', 'peer', 'name', 'e0', 'netns', self.nsname('p'))
        for w, dev, a in (('s', 'e2', '198.51.100.1'),
                          ('p', 'e0', PROVIDER)):
            self.ip(w, 'addr', 'add', a + '/24', 'dev', dev)
            self.ip(w, 'link', 'set', dev, 'up')
        for w in 'sp':
            self.ip(w, 'addr', 'add', WORLD4 + '/32', 'dev', 'lo')
            self.ip(w, 'addr', 'add', WORLD6 + '/128', 'dev', 'lo', 'nodad')
        self.call('s', forward_packets)
        self.call('p', forward_packets)
        self.ip('p', 'route', 'add', 'unreachable', '203.0.113.77/32')
        for to, via in (('198.51.100.0/24', SERVER4),
                        ('203.0.113.0/24', SERVER4)):
            self.ip('g', 'route', 'add', to, 'via', via, 'dev', 'e1')
        self.ip('g', '-6', 'route', 'add', '2001:db8:77::/64', 'via',
                SERVER6, 'dev', 'e1')
        self.ip('p', 'route', 'add', 'default', 'via', '198.51.100.1')
        for name in ('p', 'u'):
            self.ctl_local('genkey', name + '.key')
        if self.owner is not None:
            os.chown(os.path.join(self.dir, 'u.key'), self.owner, self.owner)

    def provider_up(self):
        self.name = 'wg' + self.tag + 'p'
        self.tunnel = self.spawn('p', ['wireguard-go', '-f', self.name])
        self.provider_set()
        self.ip('p', 'addr', 'add', THERE4 + '/24', 'dev', self.name)
        self.ip('p', 'addr', 'add', THERE6 + '/64', 'dev', self.name,
                'nodad')
        self.ip('p', 'link', 'set', self.name, 'mtu', '1420', 'up')

    def provider_set(self):
        path = os.path.join(self.dir, 'provider.conf')
        with open(os.path.join(self.dir, 'p.key')) as f:
            priv = f.read().strip()
        with open(path, 'w') as f:
            f.write('[Interface]\nPrivateKey = %s\nListenPort = 51820\n'
                    '[Peer]\nPublicKey = %s\n'
                    'AllowedIPs = %s/32, %s/128\n' % (
                        priv, self.pub('u'), OURS4, OURS6))
        wait_for(lambda: run('ip', 'netns', 'exec', self.nsname('p'), 'wg',
                             'setconf', self.name, path,
                             ok=False).returncode == 0, what='the provider')

    def uplink(self, more=''):
        return '''peer "provider" {
	address { %s/32, %s/128 }
	private key file "%s/u.key"
	public key "%s"
	endpoint "%s" port 51820
	%s
}
''' % (OURS4, OURS6, self.dir, self.pub('p'), PROVIDER, more)

    def use(self, extra='', peer_extra='', more='dns %s' % THERE4):
        """Reload with an uplink and these statements."""
        self.write_conf(self.conf(extra=self.uplink(more) + extra,
                                  peer_extra=peer_extra))
        self.ctl('reload')
        # who lives with another worker now has a new session first
        if WORKERS:
            self.call('c', ping, GATE4)

    def counters(self):
        return self.ctlj('show', 'counters')


def forward_packets():
    for p in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding'):
        with open('/proc/sys/net/' + p, 'w') as f:
            f.write('1')


def whoami(host, sport=0, wait=20):
    """How the world sees a datagram of the guest."""
    v6 = ':' in host
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        s.settimeout(wait)
        s.bind(('', sport))
        try:
            s.connect((host, server.WHOAMI))
            s.send(b'')
            return s.recv(200).decode().split()
        except socket.timeout:
            return 'silence'
        except OSError as e:
            return type(e).__name__, e.errno


VIA = 'egress via peer "provider"'


def come_out(n, host=WORLD4, wait=20):
    """Where a guest's datagrams come out by now."""
    got = n.call('c', whoami, host, 0, wait)
    return got[0] if isinstance(got, list) else got


def test_via(n):
    """Everything of a guest leaves by the uplink, both families."""
    n.use(peer_extra=VIA)
    for host, ours in ((WORLD4, OURS4), (WORLD6, OURS6)):
        seen = come_out(n, host)
        check(seen == ours, host, seen)
        for size in (0, 1, 100000, 20 * MB):
            check(n.call('c', get, host, size) == (size, server.digest(
                size)), host, 'get', size)
        check(n.call('c', put, host, 5 * MB) == server.digest(5 * MB),
              host, 'put')
        bad = n.call('c', udp_echo, host, (1, 100, 1200, 1393, 4000, 30000))
        check(not bad, host, bad)
        r, out = n.call('c', ping, host)
        check(r == 0, host, out)
    check(not n.call('c', parallel, WORLD4, 50), 'parallel')
    check(n.call('c', many_udp_sockets, WORLD4, 100) == 0, 'sockets')
    # the guest keeps its port, if nobody else has it there
    check(n.call('c', whoami, WORLD4, 40123) == [OURS4, '40123'], 'port')


def seen_by_world(port):
    with dial(WORLD4, port) as s:
        return s.getsockname()


def test_ends(n):
    """Ends of connections pass through both halves."""
    n.use(peer_extra=VIA)
    for fn in (half_server_first, half_client_first):
        check(n.call('c', fn, WORLD4), fn.__name__)
    check(n.call('c', reset_by_server, WORLD4), 'reset')
    kind, took = n.call('c', connect_error, WORLD4, 9, 5)
    check(kind == 'ECONNREFUSED' and took < 2, kind, took)
    # nobody is there: the provider's word for it
    kind, took = n.call('c', connect_error, '203.0.113.77', 9, 8)
    check(kind == 'EHOSTUNREACH' and took < 2, kind, took)
    r, out = n.call('c', ping, '203.0.113.77')
    check('Host Unreachable' in out and THERE4 in out, out)
    wait_for(lambda: n.counters()['tcp_active'] == 0, 20,
             'connections to end')


def flows_of(n):
    return n.ctlj('show', 'flows')['flows']


def hold(host, seconds, ready):
    with dial(host, server.ECHO) as s:
        s.sendall(b'hold')
        ready()
        time.sleep(seconds)
        s.sendall(b'more')
        s.settimeout(60)
        got = b''
        while len(got) < 8:
            got += s.recv(8)
        return got


def test_show(n):
    """A connection is one flow, and says by which way it leaves."""
    n.use(peer_extra=VIA)
    end = n.begin_ready('c', hold, WORLD4, 2)
    # there may be others that earlier tests have left
    mine = wait_for(lambda: [
        f for f in flows_of(n) if f['destination'].startswith(WORLD4) and
        f['proto'] == 'tcp' and f['state'] == 'established' and
        f['age'] < 2 and f.get('way')], what='the flow')
    check(len(mine) == 1 and mine[0]['way'] == 'provider', mine)
    check('provider' in n.ctl('show', 'flows').stdout, 'text')
    check(end() == b'holdmore', 'the connection')
    # one that is killed ends on both sides
    end = n.begin_ready('c', reset_seen, WORLD4)
    f = wait_for(lambda: [f for f in flows_of(n) if f['proto'] == 'tcp'],
                 what='the flow')[0]
    n.ctl('kill', 'flow', str(f['id']))
    check(end() == 'reset', 'killed')
    wait_for(lambda: n.counters()['tcp_active'] == 0, 10, 'the other half')


def reset_seen(host, ready):
    with dial(host, server.ECHO) as s:
        s.sendall(b'x')
        s.recv(1)
        ready()
        try:
            return 'end' if s.recv(1) == b'' else 'data'
        except ConnectionResetError:
            return 'reset'


def test_strict(n):
    """While the provider is away nothing leaves, and guests hear so."""
    n.use(peer_extra=VIA)
    check(come_out(n) == OURS4, 'before')
    n.ip('p', 'link', 'set', 'e0', 'down')
    try:
        t0 = time.monotonic()
        wait_for(lambda: n.call('c', connect_error, WORLD4, server.ECHO,
                                1)[0] == 'ENETUNREACH', 60,
                 'the gateway to notice')
        n.last = 'noticed after %.0f s' % (time.monotonic() - t0)
        got = come_out(n, wait=3)
        check(got == 'silence', got)
        kind, took = n.call('c', connect_error, WORLD4, server.ECHO, 5)
        check(kind == 'ENETUNREACH' and took < 1, kind, took)
        check(n.counters()['egress_none'] > 0, 'counter')
        # and that of one who may go elsewhere does
        n.use(peer_extra='egress { "provider", host }')
        check(come_out(n) == '192.0.2.1', 'the next way', come_out(n))
    finally:
        n.ip('p', 'link', 'set', 'e0', 'up')
        n.ip('p', 'route', 'replace', 'default', 'via', '198.51.100.1')
    out, end = [], time.monotonic() + 90
    while OURS4 not in out and time.monotonic() < end:
        out.append(come_out(n, wait=3))
    check(OURS4 in out, 'the provider is not back', out[-9:],
          n.ctl('show', 'peers').stdout)


def test_restart_provider(n):
    """
    A provider that starts anew: connections go on.  It has forgotten who we
    are, and cannot begin: the gateway does, 15 seconds after the first
    packet that nobody has answered (WireGuard paper, 6.2), which may be the
    one that is sent last here.
    """
    n.use(peer_extra=VIA)
    end = n.begin_ready('c', hold, WORLD4, 8)
    n.tunnel.terminate()
    n.tunnel.wait(10)
    time.sleep(1)
    n.provider_up()
    check(end() == b'holdmore', 'the connection')


def test_rules(n):
    """A rule says by which way; what it does not say goes the peer's."""
    n.use('pass from peer "laptop" to %s egress "provider"\n'
          'pass proto udp to %s port %d egress host\n' % (
              WORLD4, WORLD6, server.WHOAMI))
    check(come_out(n) == OURS4, 'rule')
    check(come_out(n, WORLD6) == '2001:db8::1', 'host')
    check(come_out(n, SERVER4) == '192.0.2.1', 'other')
    # one socket of the guest, two ways
    def both():
        out = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            for host in (WORLD4, SERVER4, WORLD4, SERVER4):
                s.sendto(b'', (host, server.WHOAMI))
                out.append(s.recv(200).decode().split()[0])
        return out
    check(n.call('c', both) == [OURS4, '192.0.2.1'] * 2, n.call('c', both))
    text = n.ctl('show', 'rules').stdout
    check('egress "provider"' in text, text)
    # names for ways, and an order
    n.use('egress "far" via peer "provider"\n'
          'egress "any" { "far", host }\negress "any"\n')
    check(come_out(n) == OURS4, 'list')
    n.use('egress none', 'egress "provider"')
    check(come_out(n) == OURS4, 'peer before all')
    dns = 'dns listen upstream %s\n' % SERVER4
    n.use('egress none\n' + dns)
    check(come_out(n)[1] in (13, 113), come_out(n))
    check(n.call('c', ask, 'host.test') == 2, 'a question got out')


def test_reload(n):
    """Another way is for what begins; what is open goes on."""
    n.use(peer_extra=VIA)
    end = n.begin_ready('c', hold, WORLD4, 2)
    n.use()
    check(come_out(n) == '192.0.2.1', 'host by now')
    check(end() == b'holdmore', 'the connection')
    # an uplink that goes takes with it what was there
    n.use(peer_extra=VIA)
    end = n.begin_ready('c', reset_seen, WORLD4)
    n.write_conf(n.conf())
    n.ctl('reload')
    check(end() == 'reset', 'without its uplink')
    check(come_out(n) == '192.0.2.1', 'without an uplink')


def test_closed(n):
    """What is closed to guests is closed there, too; and for the provider."""
    n.use(peer_extra=VIA)
    for dst in ('169.254.169.254', '192.0.2.1'):
        kind, took = n.call('c', connect_error, dst, 22, 3)
        check(kind == 'EHOSTUNREACH' and took < 1, dst, kind)
    # the provider is no guest: nothing begins there
    for dst in (OURS4, '10.77.0.1', '10.77.0.2', SERVER4):
        n.ip('p', 'route', 'replace', dst + '/32', 'dev', n.name)
        kind, took = n.call('p', connect_error, dst, server.ECHO, 2)
        check(kind in ('ECONNREFUSED', 'timeout'), dst, kind)
        n.ip('p', 'route', 'del', dst + '/32', 'dev', n.name)
    got = n.call('p', stranger, OURS4)
    check(got == 'silence', got)


def ask(name, kind=1, server_at=GATE4, wait=6):
    """The addresses, or the error, that the gateway answers."""
    q = struct.pack('>6H', 77, 0x100, 1, 0, 0, 0) + b''.join(
        bytes([len(x)]) + x for x in name.encode().split(b'.')) + \
        b'\0' + struct.pack('>2H', kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(wait)
        s.connect((server_at, 53))
        s.send(q)
        try:
            m = s.recv(4096)
        except socket.timeout:
            return 'silence'
    if m[3] & 15:
        return m[3] & 15
    return socket.inet_ntoa(m[-4:]) if kind == 1 else \
        'cut' if m[2] & 2 else len(m)


def test_dns(n):
    """Questions of guests leave as they do, and the answers stay apart."""
    dns = 'dns listen upstream %s domain tunnel.test\n' % SERVER4
    n.use(dns, VIA)
    at = len(open(n.names['s']).read()), len(open(n.names['p']).read())
    check(n.call('c', ask, 'host.test') == '192.0.2.80', 'asked')
    check(n.call('c', ask, 'host.test') == '192.0.2.80', 'cached')
    # what does not fit a datagram comes by TCP, through the tunnel
    check(n.call('c', ask, 'big.test', 16) == 'cut', 'by TCP')
    here = open(n.names['s']).read()[at[0]:]
    there = open(n.names['p']).read()[at[1]:]
    check('host.test' not in here and 'big.test' not in here, here)
    check(there.count('host.test') == 1 and 'big.test 16 tcp' in there,
          there)
    # another guest, who leaves by the host, does not get that answer
    n.use(dns)
    check(n.call('c', ask, 'host.test') == '192.0.2.80', 'host')
    check('host.test' in open(n.names['s']).read()[at[0]:], 'asked here')
    # a domain with upstreams of its own has them here
    n.use(dns + 'dns forward "corp.test" to %s\n' % SERVER4, VIA)
    n.call('c', ask, 'a.corp.test')
    check('a.corp.test' in open(n.names['s']).read()[at[0]:], 'forward')
    # names of lists and of the tunnel are answered here
    n.use(dns + 'dns block "ads.test"\n', VIA)
    check(n.call('c', ask, 'x.ads.test') == 3, 'block')
    check(n.call('c', ask, 'laptop.tunnel.test') == '10.77.0.2', 'own name')
    # "dns" has to be said
    n.write_conf(n.conf(extra=n.uplink() + dns, peer_extra=VIA))
    r = n.ctl('reload', ok=False)
    check('dns host' in r.stdout + n.logtext(), r.stdout)
    n.use(dns, VIA, more='dns host')
    at = len(open(n.names['s']).read())
    check(n.call('c', ask, 'host.test') == '192.0.2.80', 'dns host')
    check('host.test' in open(n.names['s']).read()[at:], 'at the host')


# ---- ports for guests (RFC 6887, RFC 6886)

def pcp(body, to=GATE4, wait=3):
    with socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        s.settimeout(wait)
        s.connect((to, 5351))
        s.send(body)
        try:
            return s.recv(1100)
        except (socket.timeout, ConnectionRefusedError):
            return b''


def pcp_map(proto, port, want, life, nonce=b'n' * 12, to=GATE4,
            client=None, options=b'', version=2, opcode=1):
    """The result, lifetime and external port."""
    client = client or ('fd77::2' if ':' in to else '10.77.0.2')
    who = socket.inet_pton(socket.AF_INET6, client if ':' in client else
                           '::ffff:' + client)
    m = pcp(struct.pack('>BBHI', version, opcode, 0, life) + who + nonce +
            struct.pack('>B3xHH', proto, port, want) + b'\0' * 16 + options,
            to)
    if len(m) < 60:
        return (m[3], len(m)) if m else None
    return m[3], struct.unpack('>I', m[4:8])[0], \
        struct.unpack('>H', m[42:44])[0]


def listen_once(port, v6, ready):
    """Take one connection; who is it, as the guest sees him?"""
    with socket.socket(socket.AF_INET6 if v6 else
                       socket.AF_INET) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('', port))
        s.listen(5)
        ready()
        s.settimeout(10)
        c, a = s.accept()
        with c:
            c.sendall(b'guest')
            c.recv(10)
        return a[0]


def call_port(host, port):
    with dial(host, port, 5) as s:
        got = s.recv(5)
        s.sendall(b'x')
        return got


def hear(port, ready):
    """Datagrams of strangers at a port of the guest, answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('', port))
        ready()
        s.settimeout(10)
        b, a = s.recvfrom(100)
        s.sendto(b + b'!', a)
        return a[0]


def tell_port(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(b'hallo', (host, port))
        b, a = s.recvfrom(100)
        return b, a[1]


def listen_long(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('', port))
        s.listen(5)
        s.settimeout(10)
        c, _ = s.accept()
        with c:
            c.settimeout(10)
            try:
                return c.recv(10)
            except OSError as e:
                return type(e).__name__


def stay(host, port, ready):
    with dial(host, port, 8) as s:
        ready()
        try:
            return 'ended' if s.recv(1) == b'' else 'data'
        except ConnectionResetError:
            return 'ended'
        except socket.timeout:
            return 'silence'


def spam(count):
    """Requests in a row; how many are answered?"""
    m = struct.pack('>BBHI', 2, 1, 0, 600) + b'\0' * 10 + b'\xff\xff' + \
        socket.inet_aton('10.77.0.2') + b'z' * 12
    got = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((GATE4, 5351))
        for i in range(count):
            s.send(m + struct.pack('>B3xHH', 6, 1 + i, 0) + b'\0' * 16)
        s.settimeout(1)
        try:
            while True:
                s.recv(2000)
                got += 1
        except socket.timeout:
            return got


def mapped(n, *args, **kw):
    return n.call('c', lambda: pcp_map(*args, **kw))


PCP = 'pcp port 20000:20099 max 3\n'


def test_pcp(n):
    """A guest has a port for a while, which it asked for by itself."""
    n.use(PCP)
    check(mapped(n, 6, 6881, 20005, 3600)[0] == 2, 'not allowed')
    n.use(PCP, 'pcp yes')
    check(mapped(n, 6, 6881, 20005, 3600) == (0, 3600, 20005),
          'TCP')
    end = n.begin_ready('c', listen_once, 6881, False)
    check(n.call('s', call_port, '192.0.2.1', 20005) == b'guest', 'call')
    check(end() == SERVER4, 'who calls')
    # another port than suggested, if that is taken or out of range
    got = mapped(n, 17, 6881, 99, 60)
    check(got[:2] == (0, 120) and 20000 <= got[2] <= 20099, got)
    end = n.begin_ready('c', hear, 6881)
    check(n.call('s', tell_port, '192.0.2.1', got[2]) == (b'hallo!', got[2]),
          'datagram')
    check(end() == SERVER4, 'whose datagram')
    # what it sends from there comes from that port
    check(n.call('c', whoami, SERVER4, 6881) == ['192.0.2.1', str(got[2])],
          'its own mapping')
    text = n.ctl('show', 'forwards').stdout
    check('tcp 0.0.0.0:20005' in text and 'laptop' in text and
          'udp 0.0.0.0:%d' % got[2] in text, text)
    # three, and no more; renewed by who knows the nonce alone
    check(mapped(n, 6, 80, 0, 600, b'm' * 12)[0] == 0, 'third')
    check(mapped(n, 6, 81, 0, 600)[0] == 10, 'quota')
    check(mapped(n, 6, 6881, 0, 99, b'm' * 12)[0] == 2, 'nonce')
    check(mapped(n, 6, 6881, 0, 999) == (0, 999, 20005), 'renewed')
    check(mapped(n, 6, 6881, 0, 0, b'm' * 12)[0] == 2, 'nonce')
    check(mapped(n, 6, 80, 0, 0, b'm' * 12)[0] == 0, 'deleted')
    # prefer failure
    option = b'\2\0\0\0'
    check(mapped(n, 6, 82, 20005, 600, options=option)[0] == 11,
          'exactly that one')
    # IPv6
    mapped(n, 17, 6881, 0, 0)
    check(mapped(n, 6, 90, 20090, 600, to=GATE6) ==
          (0, 600, 20090), 'IPv6')
    end = n.begin_ready('c', listen_once, 90, True)
    check(n.call('s', call_port, '2001:db8::1', 20090) == b'guest', 'IPv6')
    check(end() == SERVER6, 'who calls by IPv6')
    # gone with the permission
    n.use(PCP)
    check(n.call('s', connect_error, '192.0.2.1', 20005, 3)[0] ==
          'ECONNREFUSED', 'revoked')
    check('guest' not in n.ctl('show', 'forwards').stdout, 'shown')
    n.use(PCP, 'pcp yes')
    check(mapped(n, 6, 1, 0, 600)[0] == 0, 'count')
    # who has called is gone with the port, too
    end = n.begin('c', listen_long, 6881)
    check(mapped(n, 6, 6881, 20006, 600)[0] == 0, 'again')
    time.sleep(0.3)
    caller = n.begin_ready('s', stay, '192.0.2.1', 20006)
    n.use(PCP)
    check(caller() == 'ended', 'who has called')
    end()
    # nor for who leaves by an address or an interface of the host: the port
    # is at all of them
    for way in ('egress source 192.0.2.1', 'egress interface "lo"'):
        n.use(PCP, 'pcp yes\n' + way)
        check(mapped(n, 17, 6881, 20007, 600)[0] == 2, way)
    n.use(PCP, 'pcp yes')
    # who asks without end is not answered without end
    check(n.call('c', spam, 2000) < 200, 'spam')
    time.sleep(3)
    # a port of the host is nothing for who leaves elsewhere
    n.use(PCP, 'pcp yes\n' + VIA)
    check(mapped(n, 6, 6881, 20005, 3600)[0] == 2, 'elsewhere')
    n.use()
    check(mapped(n, 6, 6881, 20005, 3600) is None, 'off')


def test_pcp_junk(n):
    """What is wrong is answered as the RFC has it, or not at all."""
    n.use(PCP, 'pcp yes')
    check(mapped(n, 6, 1, 0, 60, version=1)[0] == 1, 'version')
    check(mapped(n, 6, 1, 0, 60, opcode=2)[0] == 4, 'PEER')
    check(mapped(n, 6, 1, 0, 60, client='10.77.0.9')[0] == 12,
          'somebody else')
    check(mapped(n, 132, 1, 0, 60)[0] == 9, 'SCTP')
    check(mapped(n, 0, 0, 0, 60)[0] == 9, 'everything')
    check(mapped(n, 6, 0, 0, 60)[0] == 9, 'all of TCP')
    check(mapped(n, 6, 1, 0, 60, options=b'\1\0\0\0')[0] == 5,
          'third party')
    check(mapped(n, 6, 1, 0, 60, options=b'\2\0\0\x08')[0] == 6,
          'option')
    check(mapped(n, 6, 7, 0, 600, options=b'\x80\0\0\0')[0] ==
          0, 'an option that may be ignored')
    check(n.call('c', pcp, b'\2\1' + b'\0' * 23)[3] == 3, 'length')
    for m in (b'', b'\2', b'\2\x81' + b'\0' * 58, b'\0\x80',
              b'\0\1\0\0', os.urandom(9)):
        m = m if m[:1] != b'\0' or len(m) < 9 else b'\2' + m[1:]
        n.call('c', pcp, m, GATE4, 0.2)
    check(mapped(n, 0, 0, 0, 0)[0] == 0, 'delete all')
    check('guest' not in n.ctl('show', 'forwards').stdout, 'deleted')
    # announce: the gateway is there
    m = n.call('c', pcp, b'\2\0' + b'\0' * 6 + b'\0' * 10 + b'\xff\xff' +
               socket.inet_aton('10.77.0.2'))
    check(m[:2] == b'\2\x80' and m[3] == 0, m)


def test_natpmp(n):
    """Debian's client of NAT-PMP."""
    n.use(PCP, 'pcp yes')

    def client(*args):
        r = run('natpmpc', '-g', GATE4, *args, ok=False)
        return r.returncode, r.stdout
    r, out = n.call('c', client)
    check(r == 0 and '192.0.2.1' in out, out)
    r, out = n.call('c', client, '-a', '20033', '7000', 'tcp', '600')
    check(r == 0 and 'Mapped public port 20033 protocol TCP' in out, out)
    end = n.begin_ready('c', listen_once, 7000, False)
    check(n.call('s', call_port, '192.0.2.1', 20033) == b'guest', 'call')
    end()
    r, out = n.call('c', client, '-a', '0', '7000', 'tcp', '0')
    check(r == 0, out)
    check(n.call('s', connect_error, '192.0.2.1', 20033, 3)[0] ==
          'ECONNREFUSED', 'deleted')


def occupy(port, seconds, ready):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('', port))
        ready()
        time.sleep(seconds)


def test_ports_kept(n):
    """UDP leaves by the guest's own port, if it is free."""
    n.use('udp { preserve ports yes }')
    check(n.call('c', whoami, SERVER4, 41234) == ['192.0.2.1', '41234'],
          'kept')
    end = n.begin_ready('g', occupy, 41235, 2)
    got = n.call('c', whoami, SERVER4, 41235)
    check(got[0] == '192.0.2.1' and got[1] != '41235', got)
    end()
    n.use()
    check(n.call('c', whoami, SERVER4, 41236)[1] != '41236', 'off')


# ---- a proxy on the way out

class Proxy:
    """Debian's microsocks at the server's host."""

    def __init__(self, n, *args):
        self.n, self.log = n, os.path.join(n.dir, 'microsocks.log')
        self.p = n.spawn('s', ['microsocks', '-i', SERVER4, '-p', '1080'] +
                         list(args), log=self.log)
        wait_for(lambda: n.call('s', connect_error, SERVER4, 1080, 1)[0] ==
                 'connected', what='microsocks')

    def __enter__(self):
        return self

    def __exit__(self, *a):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()

    def text(self):
        with open(self.log) as f:
            return f.read()


SOCKS = 'egress socks5 "%s" port 1080' % SERVER4


def test_socks(n):
    """TCP and names leave through a proxy, and the rest does not."""
    with Proxy(n) as proxy:
        n.use(peer_extra=SOCKS)
        check(n.call('c', get, WORLD4, 5 * MB) == (
            5 * MB, server.digest(5 * MB)), 'get')
        check(n.call('c', put, WORLD4, MB) == server.digest(MB), 'put')
        check(WORLD4 in proxy.text(), proxy.text())
        check(n.call('c', get, WORLD6, 1000)[0] == 1000, 'IPv6')
        # the host speaks first, together with the proxy's answer
        check(n.call('c', seen_first, WORLD4), 'who speaks first')
        check(not n.call('c', parallel, WORLD4, 30), 'parallel')
        kind, took = n.call('c', connect_error, WORLD4, 9, 5)
        check(kind == 'ECONNREFUSED' and took < 2, kind, took)
        # what a proxy has no word for is refused, not sent elsewhere
        check(come_out(n) == ('OSError', 113), come_out(n))
        r, out = n.call('c', ping, WORLD4)
        check(r != 0, out)
        # names: by TCP through the proxy
        at = len(proxy.text())
        n.use('dns listen upstream %s\n' % SERVER4, SOCKS)
        check(n.call('c', ask, 'host.test') == '192.0.2.80', 'name')
        check(SERVER4 + ':53' in proxy.text()[at:], proxy.text()[at:])
        wait_for(lambda: n.counters()['tcp_active'] == 0, 20, 'ends')
    # the proxy is gone
    kind, took = n.call('c', connect_error, WORLD4, server.ECHO, 5)
    check(kind == 'ENETUNREACH' and took < 2, kind, took)
    n.use('egress "tor" socks5 "%s" port 1080\n' % SERVER4,
          'egress { "tor", host }')
    n.call('c', connect_error, WORLD4, server.ECHO, 5)
    check(n.call('c', get, WORLD4, 1000)[0] == 1000, 'the next way')


def seen_first(host):
    with dial(host, server.LATE) as s:
        return s.recv(100)


def test_socks_user(n):
    """The proxy wants to know who it is."""
    path = os.path.join(n.dir, 'proxy.user')
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
        f.write('guest:secret\n')
    if n.owner is not None:
        os.chown(path, n.owner, n.owner)
    with Proxy(n, '-u', 'guest', '-P', 'secret'):
        n.use(peer_extra=SOCKS + ' user file "%s"' % path)
        check(n.call('c', get, WORLD4, 1000)[0] == 1000, 'get')
        check('secret' not in n.logtext(), 'logged')
        n.use(peer_extra=SOCKS)
        kind, took = n.call('c', connect_error, WORLD4, server.ECHO, 5)
        check(kind in ('EHOSTUNREACH', 'ENETUNREACH') and took < 2, kind)


class Dante:
    """Debian's dante at the server's host, which takes UDP as well."""

    def __init__(self, n):
        self.n, self.log = n, os.path.join(n.dir, 'danted.log')
        self.conf = os.path.join(n.dir, 'danted.conf')
        with open(self.conf, 'w') as f:
            f.write("""logoutput: %s
internal: %s port = 1082
external: %s
external: %s
socksmethod: none
clientmethod: none
client pass { from: 0/0 to: 0/0 }
socks pass { from: 0/0 to: 0/0 }
""" % (self.log, SERVER4, SERVER4, SERVER6))
        self.p = None

    def start(self):
        self.p = self.n.spawn('s', ['danted', '-f', self.conf, '-p',
                                    os.path.join(self.n.dir, 'danted.pid')])
        wait_for(lambda: self.n.call('s', connect_error, SERVER4, 1082,
                                     1)[0] == 'connected', what='danted')

    def stop(self):
        if self.p is not None and self.p.poll() is None:
            # its children have their connections
            os.killpg(self.p.pid, 9)
            self.p.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *a):
        self.stop()


DANTE = 'egress "dante" socks5 "%s" port 1082\n' % SERVER4


def asking(host, seconds, ready):
    """
    One socket that asks: what it hears, in order, until it has heard something
    three times after a silence.  It is ready when it has heard something.
    """
    out = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect((host, server.WHOAMI))
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (
                'silence' in out and 'silence' not in out[-3:]):
            try:
                s.send(b'')
                out.append(s.recv(200).decode().split()[0])
                if len(out) == 3:
                    s.settimeout(0.5)
                    ready()
                time.sleep(0.2)
            except socket.timeout:
                out.append('silence')
            except OSError as e:
                out.append(e.errno)
                time.sleep(0.2)
    return out


def test_socks_udp(n):
    """Datagrams by a proxy that takes them: UDP ASSOCIATE."""
    with Dante(n) as dante:
        n.use(DANTE, 'egress "dante"')
        check(n.call('c', get, WORLD4, MB)[0] == MB, 'TCP')
        # the first one is not lost while the proxy is asked for a port
        check(come_out(n) == SERVER4, come_out(n))
        check(come_out(n, WORLD6) == SERVER6, come_out(n, WORLD6))
        for host in (WORLD4, WORLD6):
            bad = n.call('c', udp_echo, host, (0, 1, 100, 1350, 1400, 4000))
            check(not bad, host, bad)
        check(n.call('c', many_udp_sockets, WORLD4, 40) == 0, 'sockets')
        flows = [f for f in n.ctlj('show', 'flows')['flows']
                 if f['proto'] == 'udp']
        check(sum(f.get('way') == 'dante' for f in flows) > 40, flows)
        # several at once, which go as one train
        check(n.call('c', burst, WORLD4, 20) == 20, 'train')
        # it is gone, and comes back
        end = n.begin_ready('c', asking, WORLD4, 40)
        dante.stop()
        time.sleep(1.5)
        dante.start()
        got = end()
        check(got[:3] == got[-3:] == [SERVER4] * 3 and set(got) ==
              {SERVER4, 'silence'}, got)
    # the guest is told when nobody is there; Linux hides it from programs
    for i in range(2):
        before = n.counters()['icmp_tx_errors']
        n.call('c', whoami, WORLD4, 0, 0.5)
        wait_for(lambda: n.counters()['icmp_tx_errors'] > before,
                 what='it to be told')
        check(n.counters()['icmp_tx_errors'] == before + 1, i)
    # who takes none, is not asked at each datagram
    with Proxy(n) as proxy:
        n.use(peer_extra=SOCKS)
        before = n.counters()['egress_none']
        for i in range(5):
            check(come_out(n) == ('OSError', 113), come_out(n))
        check(n.counters()['egress_none'] > before, 'refused here')
    n.use()
    wait_for(lambda: come_out(n) == '192.0.2.1', 10, 'the host')


def burst(host, count):
    """Datagrams sent at once: how many of them come back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect((host, server.UDP))
        s.send(b'first')
        s.recv(100)
        for i in range(count):
            s.send(b'%4d' % i * 200)
        got = set()
        try:
            while len(got) < count:
                got.add(s.recv(2000))
        except socket.timeout:
            pass
        return len(got)


def babble(port, what, ready):
    """A proxy that says this, whoever comes, for a while."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((SERVER4, port))
        s.listen(16)
        ready()
        end, came = time.monotonic() + 2, 0
        s.settimeout(0.5)
        while time.monotonic() < end:
            try:
                c, _ = s.accept()
            except socket.timeout:
                continue
            came += 1
            with c:
                for b in what:
                    try:
                        c.settimeout(0.3)
                        c.recv(600)
                        c.sendall(b)
                    except OSError:
                        break
    return came


def bad_relay(port, ready):
    """A proxy whose relay answers with junk, and at last with "ok"."""
    with socket.socket() as l, socket.socket(socket.AF_INET,
                                             socket.SOCK_DGRAM) as u:
        l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        l.bind((SERVER4, port))
        l.listen(16)
        u.bind((SERVER4, 0))
        ready()
        l.settimeout(5)
        u.settimeout(5)
        c, _ = l.accept()
        with c:
            c.recv(600)
            c.sendall(b'\5\0')
            check(c.recv(600) == b'\5\3\0\1' + bytes(6), 'request')
            # "at another host": nobody is to send there
            c.sendall(b'\5\0\0\1\x7f\0\0\1' +
                      struct.pack('>H', u.getsockname()[1]))
            b, a = u.recvfrom(2000)
            for m in (b'', b'\0', b[:9], b[:3] + b'\3\xff' + bytes(300),
                      b'\0\0\1' + b[3:] + b'cut', b[:3] + b'\4' + bytes(18),
                      b'\0\0\0\1\xc6\x33\x64\x42' + b[8:10] + b'stranger',
                      b'\0\0\0\1\x7f\0\0\1' + b[8:10] + b'loopback',
                      b[:10] + b'ok'):
                u.sendto(m, a)
            time.sleep(0.2)
            c.sendall(b'there is nothing more to say here' * 100)
            time.sleep(0.2)
        return b


def silent(port, seconds):
    """A proxy that takes connections, and says nothing."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((SERVER4, port))
        s.listen(16)
        time.sleep(seconds)


def test_socks_silent(n):
    """Who only sends datagrams is told about a silent proxy, and goes on."""
    end = n.begin('s', silent, 1083, 9)
    n.use('egress "mute" socks5 "%s" port 1083\n' % SERVER4,
          'egress { "mute", host }')
    before = n.counters()['icmp_tx_errors']
    check(n.call('c', whoami, WORLD4, 0, 0.5) == 'silence', 'silence')
    wait_for(lambda: n.counters()['icmp_tx_errors'] == before + 1, 8, 'told')
    check(come_out(n) == '192.0.2.1', 'the next way', come_out(n))
    end()


def test_socks_hostile(n):
    """A proxy that lies, stops or talks too much."""
    for what in ((b'',), (b'\4\0',), (b'\5\xff',), (b'\5\2',),
                 (b'\5\0', b'\5\0\0\x63xxxxxx'),
                 (b'\5\0', b'\5\0\0\3\xff' + b'y' * 40),
                 (b'\5\0', b'\5\1\0\1\0\0\0\0\0\0'), (b'\5',),
                 (b'\5\0', b'\5\7\0\1\0\0\0\0\0\0'),
                 (b'HTTP/1.0 400 no' * 1000,)):
        # a reload, or one that has failed would have a rest
        n.use(peer_extra='egress socks5 "%s" port 1081' % SERVER4)
        end = n.begin_ready('s', babble, 1081, what)
        kind, took = n.call('c', connect_error, WORLD4, server.ECHO, 4)
        # told, and not left to wait
        check(kind in ('EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED') and
              took < 2, what, kind, took)
        n.call('c', whoami, WORLD4, 0, 0.5)
        check(end() > 0, 'nobody came', what)
    n.use(peer_extra='egress socks5 "%s" port 1081' % SERVER4)
    end = n.begin_ready('s', bad_relay, 1081)
    check(n.call('c', whoami, WORLD4) == ['ok'], 'relay')
    check(end() == b'\0\0\0\1' + socket.inet_aton(WORLD4) + struct.pack(
        '>H', server.WHOAMI), 'header')
    n.use()
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'after all')


def stranger(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((host, 4000))
        try:
            s.send(b'x')
            return s.recv(100)
        except socket.timeout:
            return 'silence'


TESTS = [test_via, test_ends, test_show, test_rules, test_reload, test_dns,
         test_closed, test_pcp, test_pcp_junk, test_natpmp, test_ports_kept,
         test_socks, test_socks_user, test_socks_udp, test_socks_silent,
         test_socks_hostile,
         test_restart_provider, test_strict]


def main():
    n = World()

    def setup():
        n.start_server()
        log = os.path.join(n.dir, 'server-p.log')
        n.spawn('p', [sys.executable, os.path.join(
            TOP, 'regress/e2e/server.py')], log=log)
        wait_for(lambda: 'ready' in open(log).read(), what='server')
        n.provider_up()
        n.names = {}
        for who, at in (('s', SERVER4), ('p', THERE4)):
            n.names[who] = os.path.join(n.dir, 'names.' + who)
            n.spawn(who, [sys.executable, os.path.join(
                TOP, 'regress/e2e/names.py'), at], log=n.names[who])
            wait_for(lambda: 'ready' in open(n.names[who]).read(),
                     what='names.py')
        n.start(n.conf(extra=n.uplink('dns %s' % THERE4)))
        n.client_up()
    return run_tests(n, 'uplink', named(TESTS), setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
