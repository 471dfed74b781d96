# SPDX-License-Identifier: ISC
"""wg(8) on the gateway: every subcommand, with live clients."""

import base64
import os
import socket
import subprocess

import server
from guest import connect_error, echo_slowly, flood, get
from net import SERVER4, Failure, check, run, wait_for

OTHER4 = '10.77.0.3'
AIPS = 130560
LOW_ORDER = [
    '00' * 32, '01' + '00' * 31,
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]


class Gateway:
    """The gateway's own interface for wg(8)."""

    def __init__(self, n, option=''):
        self.n = n
        self.name = 'gw' + n.tag
        self.path = '/var/run/wireguard/%s.sock' % self.name
        self.conf = 'uapi interface "%s" %s\n' % (self.name, option)
        n.stop()
        n.start(n.conf(extra=self.conf), as_root=True)
        check(os.stat(self.path).st_mode & 0o777 == 0o600, 'mode')

    def wg(self, cmd, *args, ok=True, stdin=None):
        r = subprocess.run(('wg', cmd, self.name) + args, input=stdin,
                           capture_output=True, text=True, timeout=120)
        if ok and r.returncode != 0:
            raise Failure('wg %s: %s' % (cmd, r.stderr.strip()))
        return r.stdout if ok else (r.returncode, r.stderr)

    def from_file(self, cmd, text):
        path = os.path.join(self.n.dir, 'wg.conf')
        with open(path, 'w') as f:
            f.write(text)
        return self.wg(cmd, path)

    def show(self, what):
        """One of wg's tables: {public key: the rest of its line}."""
        out = {}
        for line in self.wg('show', what).splitlines():
            key, _, rest = line.partition('\t')
            out[key] = rest
        return out

    def raw(self, text, timeout=60):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(self.path)
            s.sendall(text.encode())
            out = b''
            while b'\n\n' not in out:
                b = s.recv(65536)
                if not b:
                    break
                out += b
        return out.decode()


def hexkey(b64):
    return base64.b64decode(b64).hex()


def fresh(n):
    """Have the client make a new session with the gateway."""
    check(n.client_set() == 0, 'client_set')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 20, 'a session')


def test_wg_show(n):
    g = Gateway(n)
    fresh(n)
    out = g.wg('show')
    for s in ('public key: ' + n.pub('s'), 'listening port: 51820',
              'peer: ' + n.pub('c'), 'endpoint: 10.9.0.2:',
              'preshared key: (hidden)', 'latest handshake: ',
              'allowed ips: 10.77.0.2/32, fd77::2/128'):
        check(s in out, s, 'not in', out)
    with open(os.path.join(n.dir, 's.key')) as f:
        private = f.read().strip()
    lines = g.wg('show', 'dump').splitlines()
    check(lines[0].split('\t') == [private, n.pub('s'), '51820', 'off'],
          lines[0])
    f = lines[1].split('\t')
    p = n.ctlj('show', 'peers')['peers'][0]
    check((f[0], f[3], f[4]) == (p['public_key'], '10.77.0.2/32,'
                                 'fd77::2/128', str(p['latest_handshake'])),
          f, p)
    check(int(f[5]) > 0 and int(f[6]) > 0 and f[7] == 'off', f)
    conf = g.wg('showconf')
    check('ListenPort = 51820' in conf and private in conf and
          'AllowedIPs = 10.77.0.2/32, fd77::2/128' in conf, conf)
    check(g.name in run('wg', 'show', 'interfaces').stdout.split(), 'list')


def test_wg_set(n):
    """A peer comes and goes; the other one notices nothing."""
    g = Gateway(n)
    fresh(n)
    end = n.begin('c', echo_slowly, 40, 0.1)
    x = n.pub('x')
    g.wg('set', 'peer', x, 'allowed-ips', OTHER4 + '/32,fd77::3/128')
    n.second_up()
    check(n.call('d', get, SERVER4, 100000)[0] == 100000, 'new peer')
    peers = {p['public_key']: p for p in n.ctlj('show', 'peers')['peers']}
    check(peers[x]['name'] == x and peers[x]['latest_handshake'] > 0,
          peers[x])
    # its allowed IPs move, and come back by one
    g.wg('set', 'peer', x, 'allowed-ips', '')
    check(n.call('d', connect_error, SERVER4, 80, 2)[0] == 'timeout',
          'without allowed ips')
    g.wg('set', 'peer', x, 'allowed-ips', OTHER4)
    check(n.call('d', get, SERVER4, 1000)[0] == 1000, 'and with')
    # a preshared key that it does not have: the session goes on, the
    # next handshake fails
    g.wg('set', 'peer', x, 'preshared-key', '/dev/stdin',
         stdin=base64.b64encode(b'p' * 32).decode())
    check(n.call('d', get, SERVER4, 1000)[0] == 1000, 'live session')
    g.wg('set', 'peer', x, 'preshared-key', '/dev/null')
    g.wg('set', 'peer', x, 'persistent-keepalive', '7')
    check(g.show('persistent-keepalive')[x] == '7', 'keepalive')
    held = n.begin('d', echo_slowly, 40, 0.1, timeout=5)
    wait_for(lambda: any(f['peer'] == x for f in
                         n.ctlj('show', 'flows')['flows']), what='its flow')
    g.wg('set', 'peer', x, 'remove')
    check(x not in g.show('peers'), 'removed')
    check(not any(f['peer'] == x for f in
                  n.ctlj('show', 'flows')['flows']), 'flows left')
    check(n.call('d', connect_error, SERVER4, 80, 2)[0] == 'timeout',
          'removed peer is served')
    out = end()
    check(out == 'all', 'the other peer:', out)
    try:
        out = held()
    except Failure:
        out = 'ended'
    check(out != 'all', 'a removed peer keeps its connections')


def test_wg_conf(n):
    """addconf, syncconf and setconf."""
    g = Gateway(n)
    fresh(n)
    c, x = n.pub('c'), n.pub('x')
    end = n.begin('c', echo_slowly, 30, 0.1)
    hs = g.show('latest-handshakes')[c]
    g.from_file('addconf', '[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n'
                % (x, OTHER4))
    check(set(g.show('peers')) == {c, x}, 'addconf')
    # what showconf says, without the other peer
    conf = g.wg('showconf')
    head, first, second = conf.split('[Peer]')
    mine = first if c in first else second
    g.from_file('syncconf', head + '[Peer]' + mine)
    check(set(g.show('peers')) == {c}, 'syncconf')
    check(g.show('latest-handshakes')[c] == hs, 'session lost')
    out = end()
    check(out == 'all', 'syncconf', out)
    # setconf forgets sessions, and the client comes back
    g.from_file('setconf', head + '[Peer]' + mine)
    new = g.show('latest-handshakes')[c]
    # the client may have been faster
    check(new == '0' or int(new) > int(hs), 'sessions forgotten', new, hs)
    check(n.ctlj('show', 'peers')['peers'][0]['name'] == 'laptop', 'name')
    fresh(n)
    g.from_file('setconf', head)
    check(g.show('peers') == {}, 'no peers')
    check(n.call('c', connect_error, SERVER4, 80, 2)[0] == 'timeout', 'out')
    # a file that names it brings it back
    n.ctl('reload')
    fresh(n)


def test_wg_transaction(n):
    """All of a change or nothing; the numbers that wg expects."""
    g = Gateway(n)
    before = g.raw('get=1\n\n')
    check(before.endswith('errno=0\n\n'), before)
    x = hexkey(n.pub('x'))
    good = 'listen_port=51821\npublic_key=%s\nallowed_ip=10.1.0.0/16\n' % x
    for bad, err in (('nonsense=1', 22), ('nonsense', 71),
                     ('endpoint=10.0.0.1', 22), ('endpoint=[::1]', 22),
                     ('endpoint=10.0.0.1:0', 22),
                     ('allowed_ip=1.2.3.4/33', 22),
                     ('endpoint=host.example:1', 22),
                     ('preshared_key=12', 22), ('remove=yes', 22),
                     ('persistent_keepalive_interval=65536', 22),
                     ('protocol_version=2', 22), ('private_key=' + x, 22),
                     ('public_key=zz', 22)):
        out = g.raw('set=1\n%s%s\nremove=true\n\n' % (good, bad))
        check(out == 'errno=-%d\n\n' % err, bad, out)
    check(g.raw('set=1\nfwmark=7\n\n') == 'errno=-95\n\n', 'fwmark')
    check(g.raw('get=1\n\n') == before, 'half applied')

    def taken():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('0.0.0.0', 51821))
        out = g.raw('set=1\n' + good + '\n')
        s.close()
        return out
    check(n.call('g', taken) == 'errno=-98\n\n', 'port in use')
    check(g.raw('get=1\n\n') == before, 'half applied, port')
    # several operations on a connection, and what removes nothing
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(g.path)
        s.sendall(b'set=1\npublic_key=%s\nupdate_only=true\n'
                  b'allowed_ip=10.3.0.0/16\n\nget=1\n\nset=1\n\n'
                  % x.encode())
        out = b''
        while out.count(b'errno=') < 3:
            out += s.recv(65536)
    check(out.decode() == 'errno=0\n\n' + before + 'errno=0\n\n', out)
    # the last word counts
    out = g.raw('set=1\npublic_key=%s\nallowed_ip=10.1.0.0/16\n'
                'allowed_ip=10.2.3.4/16\nallowed_ip=-10.1.0.0/16\n'
                'public_key=%s\nremove=true\n'
                'public_key=%s\nallowed_ip=10.4.0.0/16\n\n' % (x, x, x))
    check(out == 'errno=0\n\n', out)
    check(g.show('allowed-ips')[n.pub('x')] == '10.4.0.0/16', 'order')
    # what is no good as a peer is taken, and does nothing
    me = hexkey(n.pub('s'))
    g.raw('set=1\npublic_key=%s\nendpoint=10.9.0.2:9\n\n' % me)
    check(n.pub('s') not in g.show('peers'), 'own key')
    for k in LOW_ORDER:
        out = g.raw('set=1\npublic_key=%s\nendpoint=10.9.0.2:9\n'
                    'persistent_keepalive_interval=1\n\n' % k)
        check(out == 'errno=0\n\n', k, out)
    tx = g.show('transfer')
    for k in LOW_ORDER:
        b64 = base64.b64encode(bytes.fromhex(k)).decode()
        check(tx[b64] == '0\t0', 'sent to a low-order point', tx[b64])


def test_wg_many(n):
    """One set of %d allowed IPs, while a client is connected.""" % AIPS
    g = Gateway(n)
    fresh(n)
    end = n.begin('c', echo_slowly, 30, 0.1)
    lines = ['set=1', 'public_key=' + hexkey(n.pub('x')),
             'replace_allowed_ips=true']
    for i in range(AIPS // 2):
        lines.append('allowed_ip=10.%d.%d.%d/32' % (
            128 + (i >> 16), i >> 8 & 255, i & 255))
        lines.append('allowed_ip=fd42:%x:%x::/48' % (i >> 8, i & 255))
    check(g.raw('\n'.join(lines) + '\n\n') == 'errno=0\n\n', 'set')
    got = g.show('allowed-ips')[n.pub('x')].split(' ')
    check(len(set(got)) == AIPS, len(got))
    peers = {p['name']: p for p in n.ctlj('show', 'peers')['peers']}
    check(len(peers[n.pub('x')]['allowed_ips']) == AIPS, 'ctl')
    # and the other way: many peers
    lines = ['set=1', 'public_key=' + hexkey(n.pub('x')), 'remove=true']
    for i in range(3000):
        lines += ['public_key=' + os.urandom(32).hex(),
                  'allowed_ip=10.99.%d.%d/32' % (i >> 8, i & 255)]
    check(g.raw('\n'.join(lines) + '\n\n') == 'errno=0\n\n', 'peers')
    check(len(g.show('peers')) == 3001, 'count')
    head = g.wg('showconf').split('[Peer]')[0]
    g.from_file('syncconf', head + '[Peer]\nPublicKey = %s\n'
                'PresharedKey = %s\n'
                'AllowedIPs = 10.77.0.2/32, fd77::2/128\n' % (
                    n.pub('c'),
                    open(os.path.join(n.dir, 'psk')).read().strip()))
    check(len(g.show('peers')) == 1, 'sync')
    out = end()
    check(out == 'all', out)


def test_wg_keys(n):
    """The gateway's private key changes, and is hidden."""
    g = Gateway(n)
    fresh(n)
    with open(os.path.join(n.dir, 'x.key')) as f:
        new = f.read()
    g.wg('set', 'private-key', '/dev/stdin', stdin=new)
    check(n.pub('x') in g.wg('show'), 'new public key')
    check(n.call('c', connect_error, SERVER4, 80, 2)[0] == 'timeout',
          'old key')
    n.wg_set('peer', n.pub('s'), 'remove')
    n.wg_set('peer', n.pub('x'), 'allowed-ips', '0.0.0.0/0,::/0',
             'endpoint', '10.9.0.1:51820', 'preshared-key',
             os.path.join(n.dir, 'psk'))
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 20, 'the new key')
    g.wg('set', 'private-key', '/dev/null')
    check('private key' not in g.wg('show'), 'cleared')
    n.ctl('reload')
    check(n.pub('s') in g.wg('show'), 'the file has the key')
    n.write_conf(n.conf(extra=g.conf.replace('" ', '" no-private-key')))
    n.ctl('reload')
    fresh(n)
    out = g.wg('show')
    check('peer: ' + n.pub('c') in out and 'private key' not in out and
          'preshared' not in out, out)
    check('private_key' not in g.raw('get=1\n\n'), 'raw')


def test_wg_reload(n):
    """The file wins for what it names; the rest stays."""
    g = Gateway(n)
    fresh(n)
    c, x = n.pub('c'), n.pub('x')
    g.wg('set', 'peer', x, 'allowed-ips', '%s/32,10.50.0.0/16' % OTHER4)
    n.second_up()
    check(n.call('d', get, SERVER4, 1000)[0] == 1000, 'new peer')
    end = [n.begin(w, echo_slowly, 30, 0.1) for w in 'cd']
    g.wg('set', 'peer', c, 'persistent-keepalive', '9', 'allowed-ips',
         '10.77.0.2/32,10.60.0.0/16')
    n.ctl('reload')
    aips = g.show('allowed-ips')
    check(set(aips) == {c, x} and
          aips[c] == '10.77.0.2/32 fd77::2/128', aips)
    check(aips[x] == OTHER4 + '/32 10.50.0.0/16', aips)
    check(g.show('persistent-keepalive')[c] == 'off', 'keepalive')
    # the file names it now: it is the same peer, with its session
    hs = g.show('latest-handshakes')[x]
    other = 'peer "other" {\n\tpublic key "%s"\n\tallowed ips %s/32\n}\n'
    n.write_conf(n.conf(extra=g.conf + other % (x, OTHER4)))
    n.ctl('reload')
    check(g.show('allowed-ips')[x] == OTHER4 + '/32', 'the file wins')
    check(g.show('latest-handshakes')[x] == hs and hs != '0', 'session')
    for e in end:
        out = e()
        check(out == 'all', out)
    names = sorted(p['name'] for p in n.ctlj('show', 'peers')['peers'])
    check(names == ['laptop', 'other'], names)
    # and no longer: now it is the file's, so it goes
    n.write_conf(n.conf(extra=g.conf))
    n.ctl('reload')
    check(set(g.show('peers')) == {c}, 'left')
    n.write_conf(n.conf())
    r = n.ctl('reload', ok=False)
    check(r.returncode == 1 and 'uapi interface' in r.stdout, r.stdout)


def test_wg_restore(n):
    """A peer of the file that comes back has its name and its rules."""
    g = Gateway(n)
    rule = 'block from peer "laptop" proto tcp to 192.0.2.2 port 7001\n'
    c = n.pub('c')
    for reserved in ('', 'reserved { 1 2 3 }'):
        n.write_conf(n.conf(extra=g.conf + rule, peer_extra=reserved))
        n.ctl('reload')
        g.wg('set', 'peer', c, 'remove')
        g.wg('set', 'peer', c, 'allowed-ips', '10.77.0.2/32',
             'preshared-key', os.path.join(n.dir, 'psk'))
        check(n.ctlj('show', 'peers')['peers'][0]['name'] == 'laptop',
              'name')
        if reserved == '':
            fresh(n)
            e, _ = n.call('c', connect_error, SERVER4, server.ECHO, 3)
            check(e in ('EHOSTUNREACH', 'EACCES'), 'the rule', e)
        else:
            # an ordinary client cannot read such messages
            check(n.client_set() == 0, 'setconf')
            check(n.call('c', connect_error, SERVER4, 80, 2)[0] ==
                  'timeout', 'without reserved bytes')
    # over an interface by name, as wg(8) writes it
    for dev, want in (('e0', 0), ('nonesuch', -22)):
        out = g.raw('set=1\npublic_key=%s\nendpoint=[fe80::99%%%s]:9\n\n'
                    % (hexkey(n.pub('x')), dev))
        check(out == 'errno=%d\n\n' % want, dev, out)
    check('[fe80::99%' in g.raw('get=1\n\n'), 'scope')


def test_wg_port(n):
    g = Gateway(n)
    fresh(n)
    g.wg('set', 'listen-port', '51877')
    check(n.client_set(endpoint='10.9.0.1:51877') == 0, 'setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 20, 'the new port')
    n.ctl('reload')
    check(g.wg('show', 'listen-port').strip() == '51820', 'reload')
    fresh(n)
    # several: one moves, and none onto another
    n.write_conf(n.conf(extra=g.conf + 'listen on 127.0.0.1 port 51830\n'))
    n.ctl('reload')
    code, err = g.wg('set', 'listen-port', '51830', ok=False)
    check(code != 0 and 'in use' in err, code, err)
    g.wg('set', 'listen-port', '51831')
    g.wg('set', 'listen-port', '0')
    port = g.wg('show', 'listen-port').strip()
    check(port not in ('0', '51831', '51820'), port)
    n.write_conf(n.conf(extra=g.conf))
    n.ctl('reload')
    fresh(n)


def test_wg_hostile(n):
    """Clients that break the protocol, or do nothing."""
    g = Gateway(n)
    fresh(n)
    for text in (b'', b'get=1', b'get=1\nx\n\n', b'put=1\n\n', b'\n',
                 b'set=1\n' + b'a' * 100000, b'\0' * 5000,
                 b'set=1\n' + b'x=y\n' * 50000):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(g.path)
            try:
                s.sendall(text)
            except OSError:
                pass
    # one that never reads, and one that stays
    stuck = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for s in stuck:
        s.connect(g.path)
        s.setblocking(False)
        try:
            for _ in range(10000):
                s.sendall(b'get=1\n\n' * 100)
        except BlockingIOError:
            pass
    check(n.pub('c') in g.show('peers'), 'blocked')
    for s in stuck:
        s.close()
    # who goes away in the middle of an answer
    peers = ''.join('public_key=%s\nallowed_ip=10.98.0.%d\n' % (
        os.urandom(32).hex(), i) for i in range(200))
    check(g.raw('set=1\n' + peers + '\n') == 'errno=0\n\n', 'peers')
    for i in range(300):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(g.path)
            s.sendall(b'get=1\n\n' + b'x' * (1100 if i % 3 == 0 else 0))
            if i % 3 == 1:
                s.recv(10)
    # more of them than there is room for
    idle = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for s in idle:
        s.connect(g.path)
    check(n.pub('c') in g.show('peers'), 'idle clients are in the way')
    for s in idle:
        s.close()
    # the key goes while initiations are waiting
    end = n.begin('d', flood, base64.b64decode(n.pub('s')), 20000, True)
    with open(os.path.join(n.dir, 's.key')) as f:
        key = f.read()
    for _ in range(20):
        g.wg('set', 'private-key', '/dev/null')
        g.wg('set', 'private-key', '/dev/stdin', stdin=key)
    end()
    fresh(n)
    check(n.daemon.poll() is None, 'died')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'traffic')
    # back to what the other tests expect
    n.stop()
    check(not os.path.exists(g.path), 'socket left')
    n.start()


TESTS = [test_wg_show, test_wg_set, test_wg_conf, test_wg_transaction,
         test_wg_many, test_wg_keys, test_wg_reload, test_wg_restore,
         test_wg_port,
         test_wg_hostile]
