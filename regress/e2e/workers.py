# SPDX-License-Identifier: ISC
"""Several workers: guests that live with different ones.

usage: workers.py [test ...]
The laptop lives with the second, the other one with the third.  Every other
end-to-end test can be run so, too: WORKERS=4 python3 regress/e2e/e2e.py
"""

import os
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from e2e import (held_sockets, send_to_peer, serve_once,    # noqa: E402
                 start_held, stop_held)
from guest import (connect_error, echo_slowly, get,         # noqa: E402
                   parallel, ping, put, udp_echo)
from net import (Failure, Net, check, enter, named, run,    # noqa: E402
                 run_tests, wait_for, SERVER4, SERVER6, GATE4, GUEST4,
                 GUEST6)

MB = 1 << 20
OTHER4, OTHER6 = '10.77.0.3', 'fd77::3'
HOST4 = '192.0.2.1'
THREE = ['parent', 'crypto', 'slirp', 'control', 'crypto 2', 'slirp 2',
         'crypto 3', 'slirp 3']


class Workers(Net):
    def text(self, extra='', other='', workers=3):
        return 'workers %d\n' % workers + self.conf(extra='''%s
peer "other" {
	public key "%s"
	allowed ips { %s/32 %s/128 }
	%s
}
''' % (extra, self.pub('x'), OTHER4, OTHER6, other))

    def start(self, text=None, **kw):
        return super().start(text if text is not None else self.text(), **kw)

    def use(self, **kw):
        self.write_conf(self.text(**kw))
        self.ctl('reload')

    def back(self):
        """Both have a session again."""
        for who in 'cd':
            wait_for(lambda: self.call(who, connect_error, SERVER4, 80, 6)[
                0] == 'connected', 20, who)

    def pid(self, title):
        return [p['pid'] for p in self.ctlj('show', 'processes')['processes']
                if p['title'] == title][0]

    def cpu(self, title):
        with open('/proc/%d/stat' % self.pid(title)) as f:
            v = f.read().rpartition(')')[2].split()
        return int(v[11]) + int(v[12])


def test_spread(n):
    """Each with its own pair, both families, at once."""
    check([p['title'] for p in n.ctlj('show', 'processes')['processes']] ==
          THREE, n.ctl('show', 'processes').stdout)
    check('crypto 2: handshake peer "laptop"' in n.logtext() and
          'crypto 3: handshake peer "other"' in n.logtext(), n.logtext())
    before = {t: n.cpu(t) for t in THREE}
    ends = [n.begin(who, get, h, 40 * MB) for who in 'cd'
            for h in (SERVER4, SERVER6)]
    for end in ends:
        check(end() == (40 * MB, server.digest(40 * MB)), 'download')
    ends = [n.begin(who, put, SERVER4, 40 * MB) for who in 'cd']
    for end in ends:
        check(end() == server.digest(40 * MB), 'upload')
    for who in 'cd':
        check(not n.call(who, udp_echo, SERVER4, (1, 1200, 30000)), 'udp')
        check(n.call(who, ping, SERVER6)[0] == 0, 'ping')
    used = {t: n.cpu(t) - before[t] for t in THREE}
    n.last = ' '.join('%s %.2f s' % (t, v / 100) for t, v in used.items())
    # the first has nothing to do with either of them
    check(all(used[t] > 10 for t in ('slirp 2', 'slirp 3', 'crypto 2',
                                     'crypto 3')), used)
    check(used['slirp'] + used['crypto'] < 10, used)


def test_parallel(n):
    """A hundred connections each."""
    ends = [n.begin(who, parallel, SERVER4, 100) for who in 'cd']
    for end in ends:
        check(not end(), 'connections')


def test_overlay(n):
    """From one to the other, and back, as if they lived together."""
    code, text = n.call('c', ping, OTHER4)
    check(code != 0, 'off', text)
    n.use(extra='overlay yes')
    for a, b in (('c', OTHER4), ('c', OTHER6), ('d', GUEST4), ('d', GUEST6)):
        code, text = n.call(a, ping, b)
        check(code == 0 and 'ttl=63' in text, a, b, text)
    end = n.begin('d', serve_once, 7777)
    check(n.call('c', send_to_peer, 7777) == '%d 10.77.0.2' % (3 * MB),
          'transfer')
    end()
    c = n.ctlj('show', 'counters')
    check(c['wg_overlay_packets'] > 4000 and c['wg_drop_across'] == 0, c)
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'the host')
    n.use()


def serve_many(port, count):
    """A server of echoes of a byte, TCP and UDP, on all addresses."""
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('::', port))
    s.listen(10)
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.bind(('::', port))

    def udp():
        while True:
            data, who = u.recvfrom(65536)
            u.sendto(data, who)
    threading.Thread(target=udp, daemon=True).start()
    for _ in range(count):
        a, _ = s.accept()
        with a:
            a.sendall(b'x' + a.recv(100))
    time.sleep(1)


def ask_tcp(host, port):
    with socket.create_connection((host, port), 5) as s:
        s.sendall(b'y')
        return s.recv(100)


def ask_udp(host, port, sizes):
    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect((host, port))
        for size in sizes:
            s.send(bytes(size))
            got.append(len(s.recv(65536)))
    return got


def socks(host, port, target, tport, cmd=1):
    s = socket.create_connection((host, port), 5)
    s.settimeout(5)
    s.sendall(b'\5\1\0')
    s.recv(2)
    s.sendall(b'\5' + bytes([cmd]) + b'\0\1' + socket.inet_aton(target) +
              tport.to_bytes(2, 'big'))
    return s, s.recv(10)


def ask_socks(host, port, target, tport):
    s, m = socks(host, port, target, tport)
    with s:
        if m[1] != 0:
            return m[1]
        s.sendall(b'z')
        return s.recv(100)


def ask_socks_udp(host, port, targets, tport):
    s, m = socks(host, port, '0.0.0.0', 0, 3)
    got = []
    with s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        u.settimeout(5)
        for t in targets:
            head = b'\0\0\0\1' + socket.inet_aton(t) + tport.to_bytes(2, 'big')
            u.sendto(head + b'hi', (host, int.from_bytes(m[8:10], 'big')))
            got.append(u.recv(100) == head + b'hi')
    return got


def test_forwards(n):
    """What listens on the host leads to guests of every worker."""
    n.use(extra='''proxy listen on %s port 1080 allow 192.0.2.0/24
forward tcp from %s port 8001 to %s port 7001
forward tcp from %s port 8002 to %s port 7001
forward udp from %s port 8001 to %s port 7001
forward udp from %s port 8002 to %s port 7001
''' % (HOST4, HOST4, GUEST4, HOST4, OTHER4, HOST4, GUEST4, HOST4, OTHER4))
    ends = [n.begin(who, serve_many, 7001, 6) for who in 'cd']
    time.sleep(1)
    for port in (8001, 8002):
        for _ in range(3):
            check(n.call('s', ask_tcp, HOST4, port) == b'xy', port)
        sizes = [1, 0, 1400, 9000] * 3
        check(n.call('s', ask_udp, HOST4, port, sizes) == sizes, port)
    for guest in (GUEST4, OTHER4):
        check(n.call('s', ask_socks, HOST4, 1080, guest, 7001) == b'xz',
              guest)
        # nobody listens there: told by the proxy
        check(n.call('s', ask_socks, HOST4, 1080, guest, 9) == 5, guest)
    check(n.call('s', ask_socks_udp, HOST4, 1080,
                 (GUEST4, OTHER4, GUEST4, OTHER4), 7001) == [True] * 4, 'udp')
    flows = n.ctlj('show', 'flows')['flows']
    check({f['peer'] for f in flows if f['proto'] == 'udp' and
           f['destination'].endswith(':7001')} == {'laptop', 'other'}, flows)
    # each forward is told of once
    check(len(n.ctlj('show', 'forwards')['forwards']) == 4,
          n.ctl('show', 'forwards').stdout)
    # with other forwards the datagrams' flows end, and those that stay go on
    n.use(extra='forward udp from %s port 8001 to %s port 7001' % (HOST4,
                                                                   GUEST4))
    wait_for(lambda: {f['peer'] for f in n.ctlj('show', 'flows')['flows']
                      if f['destination'].endswith(':7001')} == {'laptop'},
             5, 'the flows to go')
    check(n.call('s', ask_udp, HOST4, 8001, [7]) == [7], 'a forward that stays')
    for port in (8001, 8002, 8001, 8002):
        n.use(extra='forward tcp from %s port %d to %s port 7001' % (
            HOST4, port, GUEST4 if port == 8001 else OTHER4))
        n.call('s', ask_tcp, HOST4, port)
    for end in ends:
        try:
            end()
        except Failure:
            pass
    n.use()


def test_control(n):
    """One gateway to who looks: flows, counts and orders for all."""
    ends = [n.begin(who, echo_slowly, 300, 0.1) for who in 'cd']

    def shown():
        return n.ctlj('show', 'flows')['flows']

    def both():
        # and not mappings that another test has left
        return {f['peer'] for f in shown() if f['rx_bytes'] > 0 and
                f['destination'] == '%s:%d' % (SERVER4, server.ECHO)} == {
                    'laptop', 'other'}
    wait_for(both, 20, 'flows')
    flows = shown()
    check({f['peer'] for f in flows} == {'laptop', 'other'} and
          len({f['id'] for f in flows}) == len(flows), flows)
    peers = n.ctlj('show', 'peers')['peers']
    check([p['name'] for p in peers if p['flows'] > 0] != [] and
          [p['name'] for p in peers] == ['other', 'laptop'] and
          all(p['latest_handshake'] > 0 and p['flows'] > 0 for p in peers),
          peers)
    check(len(n.ctlj('show', 'peers', 'other')['peers']) == 1, 'by name')
    s = n.ctlj('show', 'summary')
    check(s['peers'] == 2 and s['peers_active'] == 2, s)
    c = n.ctlj('show', 'counters')
    check(c['tcp_active'] == 2 and c['icmp_available'] == 1 and
          c['nofile_soft'] > 100, c)
    # a flow is ended by its number, with whoever it is
    for f in flows:
        check(n.ctl('kill', 'flow', str(f['id'])).returncode == 0, f)
    check(n.ctl('kill', 'flow', str(flows[0]['id']), ok=False).returncode ==
          1, 'twice')
    wait_for(lambda: not shown(), 20, 'the end')
    for end in ends:
        try:
            end()
        except Failure:
            pass
    for name in ('laptop', 'other'):
        check(n.ctl('kill', 'peer', name).returncode == 0, name)
    check(n.ctl('kill', 'peer', 'nobody', ok=False).returncode == 1, 'nobody')
    n.back()
    check(n.ctl('health').returncode == 0, 'health')
    check(n.ctl('drain').returncode == 0, 'drain')
    check(n.ctl('health', ok=False).returncode == 1, 'drained')
    for who in 'cd':
        check(n.call(who, connect_error, SERVER4, 80, 3)[0] != 'connected',
              'drained')
    check(n.ctl('resume').returncode == 0, 'resume')
    n.back()


def syns_to(host, port):
    """
    Try to connect; how many SYNs went.  One whose answer is slow is sent
    again, and judged again, and connect_error() may try more than once.
    """
    def went():
        n = 0
        for file, group, what in (('snmp', 'Tcp:', 'ActiveOpens'),
                                  ('netstat', 'TcpExt:', 'TCPSynRetrans')):
            with open('/proc/thread-self/net/' + file) as f:
                names, values = [x.split() for x in f
                                 if x.startswith(group)]
            n += int(values[names.index(what)])
        return n
    before = went()
    connect_error(host, port, 3)
    return went() - before


def test_rules(n):
    """Rules hold everywhere, and are counted together."""
    n.use(extra='block to %s port 9\npass from peer "other" to %s port 80' % (
        SERVER4, SERVER4))
    sent = 0
    for who in 'cd':
        sent += sum(n.call(who, syns_to, SERVER4, 9) for _ in range(3))
        n.call(who, connect_error, SERVER4, 80, 3)

    def matches():
        return [r['matches'] for r in n.ctlj('show', 'rules')['rules']]
    # the last one may be on its way, and is not counted twice when it comes
    for _ in range(2):
        wait_for(lambda: sum(matches()) >= sent + 1, 20, 'the last SYN')
        check(matches() == [sent, 1], sent, matches())
        time.sleep(0.5)
    m = n.ctl('show', 'metrics').stdout
    check(len(re.findall(r'^wgslirpd_rule_matches_total', m, re.M)) == 2 and
          len(re.findall(r'^wgslirpd_tcp_opened_total', m, re.M)) == 1, m)
    # more than one portion of them
    n.use(extra=''.join('block to 198.51.100.%d port 9\n' % i
                        for i in range(1, 151)))
    rules = n.ctlj('show', 'rules')['rules']
    check(len(rules) == 150 and [r['number'] for r in rules] ==
          sorted(r['number'] for r in rules), len(rules))
    n.use()


def test_wg(n):
    """wg(8) sees one device, and moves addresses between workers."""
    if n.rootless:
        return
    name = 'gw' + n.tag

    def wg(*args):
        return run('wg', *args).stdout
    n.stop()
    n.start(n.text(extra='uapi interface "%s"\noverlay yes' % name),
            as_root=True)
    n.back()
    try:
        text = wg('show', name, 'allowed-ips')
        check(set(text.split()) == {
            n.pub('c'), n.pub('x'), '10.77.0.2/32', 'fd77::2/128',
            '10.77.0.3/32', 'fd77::3/128'}, text)
        check(wg('show', name, 'public-key').strip() == n.pub('s'), 'key')
        psk = dict(x.split('\t') for x in
                   wg('show', name, 'preshared-keys').splitlines())
        check(psk[n.pub('c')] == open(os.path.join(n.dir, 'psk')).read()
              .strip() and psk[n.pub('x')] == '(none)', psk)
        # an address of one is the other's now, and the way to it
        wg('set', name, 'peer', n.pub('x'), 'allowed-ips',
           '10.77.0.3/32,fd77::3/128,10.77.0.99/32')
        n.ip('d', 'addr', 'add', '10.77.0.99/32', 'dev', 'wg' + n.tag + 'd')
        check(n.call('c', ping, '10.77.0.99')[0] == 0, 'an address more')
        wg('set', name, 'peer', n.pub('c'), 'allowed-ips',
           '10.77.0.2/32,fd77::2/128,10.77.0.99/32')
        check(n.call('c', ping, '10.77.0.99')[0] != 0, 'moved')
        # the peer anew, with whoever it is to live with then
        wg('set', name, 'peer', n.pub('x'), 'remove')
        check(n.call('d', connect_error, SERVER4, 80, 3)[0] != 'connected',
              'removed')
        wg('set', name, 'peer', n.pub('x'), 'allowed-ips',
           '10.77.0.3/32,fd77::3/128')
        n.back()
        check(n.call('c', ping, OTHER4)[0] == 0, 'back')
        n.ctl('reload')
        n.back()
    finally:
        n.ip('d', 'addr', 'del', '10.77.0.99/32', 'dev', 'wg' + n.tag + 'd')
        n.stop()
        n.start()
        n.back()


def test_move(n):
    """A reload gives a peer to another worker; the others notice nothing."""
    n.write_conf(n.text(other='egress { "nl" host }', extra='''peer "nl" {
	public key "%s"
	endpoint 198.51.100.9 port 51820
	address 10.64.0.2/32
}
''' % n.pub('n')))
    end = n.begin('c', echo_slowly, 50, 0.1)
    n.ctl('reload')
    t = time.monotonic()
    n.back()
    took = time.monotonic() - t
    check('crypto: handshake peer "other"' in n.logtext(), n.logtext())
    check(n.call('d', get, SERVER4, MB)[0] == MB, 'by the host')
    n.use()
    n.back()
    check(end(), 'the other one')
    n.last = 'served %.1f s later' % took


def test_reload(n):
    """Another number takes a restart, with -R too; the same does not."""
    n.write_conf(n.text(workers=2))
    r = n.ctl('reload', ok=False)
    check(r.returncode == 1 and 'workers: takes a restart' in r.stdout, r)
    conf = os.path.join(n.dir, 'next.conf')
    log = os.path.join(n.dir, 'next.log')

    def another():
        open(log, 'w').close()
        os.chmod(log, 0o666)
        os.rename(n.write_conf(n.text(workers=workers)), conf)
        p = n.spawn('g', [n.bin + '/wgslirpd', '-R', '-d', '-v', '-f', conf,
                          '-s', n.sock], log=log, uid=n.owner)
        wait_for(lambda: 'started' in open(log).read() or
                 p.poll() is not None, what='the next one')
        return p
    workers = 2
    p = another()
    check(p.wait(10) == 1 and '-R: workers: ' in open(log).read(),
          open(log).read())
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'the old one')
    workers = 3
    old, p = n.daemon, another()
    check(p.poll() is None and old.wait(10) == 0, open(log).read())
    n.daemon = p
    n.back()
    check('crypto 3: ' in open(log).read(), open(log).read())
    n.stop()
    n.start()
    n.back()


def test_unsteered(n):
    """Where the kernel does not steer the first hands on all that comes."""
    if n.owner is None:
        return
    n.stop()
    # of another user, whose group nobody joins
    conf = n.write_conf(n.text())
    u, s = held_sockets(n)
    sock, n.sock = n.sock, n.dir + '/run/act.sock'
    pid = None
    try:
        pid = start_held(n, u, s, conf)
        check('one socket for all workers' in n.logtext(), n.logtext())
        n.back()
        check(n.call('c', get, SERVER4, 2 * MB) ==
              (2 * MB, server.digest(2 * MB)), 'download')
        check(n.call('c', put, SERVER4, 2 * MB) == server.digest(2 * MB),
              'upload')
    finally:
        if pid is not None:
            stop_held(pid)
        n.sock = sock
        u.close()
        s.close()
        os.unlink(n.dir + '/run/act.sock')
        n.start()
        n.back()


def test_death(n):
    """The death of any of them ends the daemon, and is told."""
    for title in THREE[1:]:
        procs = n.ctlj('show', 'processes')['processes']
        os.kill(n.pid(title), signal.SIGKILL)
        check(n.daemon.wait(10) == 1, title)
        check('%s engine terminated by signal 9' % title in n.logtext(),
              title, n.logtext())
        for x in procs:
            check(not os.path.exists('/proc/%d' % x['pid']), 'left', x)
        n.start()
    n.back()


def test_order(n):
    """Peers are shown as they stand in the file, whoever has them."""
    names = ['q%d' % i for i in range(5)]
    for name in names:
        n.ctl_local('genkey', name + '.key')
    n.write_conf(n.text(extra='\n'.join(
        'peer "%s" {\n\tpublic key "%s"\n\tallowed ips 10.77.0.%d/32\n}' % (
            name, n.pub(name), 100 + i) for i, name in enumerate(names))))
    n.ctl('reload')
    try:
        peers = n.ctlj('show', 'peers')['peers']
        got = [p['name'] for p in peers if p['name'] in names]
        check(got == names, got)
        for p in peers:
            if p['name'] in names:
                check(p['allowed_ips'] == ['10.77.0.%d/32' % (
                    100 + names.index(p['name']))], p)
    finally:
        n.write_conf(n.text())
        n.ctl('reload')


def test_together(n):
    """Who has to live with the first is told of, if that is everybody."""
    n.stop()
    n.start(n.text(extra='''egress via peer "nl"
peer "nl" {
	public key "%s"
	endpoint 198.51.100.9 port 51820
	address 10.64.0.2/32
}''' % n.pub('n')))
    check('workers: every peer lives with the first' in n.logtext(),
          n.logtext())
    # they have sessions there, and nowhere to go
    for who in 'cd':
        check(n.call(who, ping, GATE4)[0] == 0, who)
    check('crypto: handshake peer "laptop"' in n.logtext() and
          'crypto: handshake peer "other"' in n.logtext(), n.logtext())
    n.stop()
    n.start()
    n.back()


TESTS = [test_spread, test_parallel, test_overlay, test_forwards, test_control,
         test_rules, test_wg, test_move, test_reload, test_unsteered,
         test_order, test_death, test_together]


def main():
    n = Workers()

    def setup():
        n.ctl_local('genkey', 'n.key')
        n.start_server()
        n.start()
        n.client_up()
        n.second_up()
        n.back()
    return run_tests(n, 'workers', named(TESTS), setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
