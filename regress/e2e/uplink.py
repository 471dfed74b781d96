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
                 wait_for, GATE4, GATE6, SERVER4, SERVER6, TOP)

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

    def counters(self):
        return self.ctlj('show', 'counters')


def forward_packets():
    for p in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding'):
        with open('/proc/sys/net/' + p, 'w') as f:
            f.write('1')


def whoami(host, sport=0, wait=3):
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


def come_out(n, host=WORLD4):
    """Where a guest's datagrams come out by now."""
    got = n.call('c', whoami, host)
    return got[0] if isinstance(got, list) else got


def test_via(n):
    """Everything of a guest leaves by the uplink, both families."""
    n.use(peer_extra=VIA)
    for host, ours in ((WORLD4, OURS4), (WORLD6, OURS6)):
        check(come_out(n, host) == ours, host, come_out(n, host))
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


def hold(host, seconds):
    with dial(host, server.ECHO) as s:
        s.sendall(b'hold')
        time.sleep(seconds)
        s.sendall(b'more')
        s.settimeout(10)
        got = b''
        while len(got) < 8:
            got += s.recv(8)
        return got


def test_show(n):
    """A connection is one flow, and says by which way it leaves."""
    n.use(peer_extra=VIA)
    end = n.begin('c', hold, WORLD4, 2)
    wait_for(lambda: any(f['destination'].startswith(WORLD4) for f in flows_of(n)),
             what='the flow')
    mine = [f for f in flows_of(n) if f['destination'].startswith(WORLD4) and
            f['proto'] == 'tcp']
    check(len(mine) == 1 and mine[0]['way'] == 'provider', mine)
    check('provider' in n.ctl('show', 'flows').stdout, 'text')
    check(end() == b'holdmore', 'the connection')
    # one that is killed ends on both sides
    end = n.begin('c', reset_seen, WORLD4)
    f = wait_for(lambda: [f for f in flows_of(n) if f['proto'] == 'tcp'],
                 what='the flow')[0]
    n.ctl('kill', 'flow', str(f['id']))
    check(end() == 'reset', 'killed')
    wait_for(lambda: n.counters()['tcp_active'] == 0, 10, 'the other half')


def reset_seen(host):
    with dial(host, server.ECHO) as s:
        s.sendall(b'x')
        s.recv(1)
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
        check(come_out(n) == 'silence', come_out(n))
        kind, took = n.call('c', connect_error, WORLD4, server.ECHO, 5)
        check(kind == 'ENETUNREACH' and took < 1, kind, took)
        check(n.counters()['egress_none'] > 0, 'counter')
        # and that of one who may go elsewhere does
        n.use(peer_extra='egress { "provider", host }')
        check(come_out(n) == '192.0.2.1', 'the next way', come_out(n))
    finally:
        n.ip('p', 'link', 'set', 'e0', 'up')
        n.ip('p', 'route', 'replace', 'default', 'via', '198.51.100.1')
    wait_for(lambda: come_out(n) == OURS4, 60, 'the provider again')


def test_restart_provider(n):
    """A provider that starts anew: connections go on."""
    n.use(peer_extra=VIA)
    end = n.begin('c', hold, WORLD4, 8)
    time.sleep(1)
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
            s.settimeout(3)
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
    n.use('egress none')
    check(come_out(n)[1] in (13, 113), come_out(n))


def test_reload(n):
    """Another way is for what begins; what is open goes on."""
    n.use(peer_extra=VIA)
    end = n.begin('c', hold, WORLD4, 2)
    time.sleep(1)
    n.use()
    check(come_out(n) == '192.0.2.1', 'host by now')
    check(end() == b'holdmore', 'the connection')
    # an uplink that goes takes with it what was there
    n.use(peer_extra=VIA)
    end = n.begin('c', reset_seen, WORLD4)
    time.sleep(1)
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
         test_closed, test_restart_provider, test_strict]


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
