# SPDX-License-Identifier: ISC
"""End-to-end tests: wireguard-go and real sockets through the gateway.

usage: e2e.py [test ...]
As root the daemon runs as an ordinary user between namespaces that the
test makes; as an ordinary user everything runs inside "unshare -Urnm".
"""

import base64
import errno
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
import uapi                                                 # noqa: E402
from guest import (                                         # noqa: E402
    client_stops, connect_error, dial, drip, echo_slowly, ect_echo, flood,
    get, impossible,
    half_client_first, half_server_first, many_udp_sockets, parallel,
    no_ping, ping, put, read_all, reset_by_client, reset_by_server,
    speaks_first,
    stalled_reader, stamp, udp_echo, udp_refused, udp_steadily)
from net import (Net, TOP, check, enter, named, open_ping, run,  # noqa: E402
                 run_tests, setns, wait_for, TITLES, WORKERS, SERVER4, SERVER6,
                 GATE4, GATE6, GUEST4)

MB = 1 << 20
BOTH = (SERVER4, SERVER6)


def session(n):
    """The daemon forgot its sessions: have the client make a new one."""
    check(n.client_set() == 0, 'setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 20, 'a new session')


# ---- tests

def test_download(n):
    for h in BOTH:
        got, d = n.call('c', get, h, 50 * MB)
        check((got, d) == (50 * MB, server.digest(50 * MB)), h, got)


def test_upload(n):
    for h in BOTH:
        d = n.call('c', put, h, 50 * MB)
        check(d == server.digest(50 * MB), h, d)


def test_parallel(n):
    for h in BOTH:
        bad = n.call('c', parallel, h, 100)
        check(not bad, h, bad)


def test_half_close(n):
    for h in BOTH:
        first, got = n.call('c', half_server_first, h)
        check(first == b'first' and got == str(MB), h, first, got)
        answer = n.call('c', half_client_first, h)
        line, _, rest = answer.partition(b'\n')
        check(line == b'200000 ' + server.digest(200000).encode(), h, line)
        check(hashlib.sha256(rest).hexdigest() == server.digest(300000),
              h, len(rest))


def test_refused(n):
    for h in BOTH:
        e, t = n.call('c', connect_error, h, 9, 5)
        check(e == 'ECONNREFUSED', h, e, t)
        check(n.call('c', udp_refused, h) == 'refused', h, 'udp')


def test_blackhole(n):
    """A silent destination stays silent, and delays nobody."""
    n.ip('s', 'addr', 'add', '192.0.2.9/32', 'dev', 'lo')
    n.ip('g', 'route', 'add', '198.51.100.0/24', 'via', SERVER4)
    n.ip('s', 'route', 'add', 'blackhole', '198.51.100.0/24')
    slow = n.begin('c', connect_error, '198.51.100.1', 80, 6)
    time.sleep(0.3)
    got2 = n.call('c', get, SERVER4, 1000)
    end = time.monotonic()
    got = slow()
    check(got[0] == 'timeout', got)
    check(got2[0] == 1000 and time.monotonic() - end > 1, 'delayed')


def test_unreachable(n):
    n.ip('g', 'route', 'add', 'unreachable', '203.0.113.0/24')
    e, t = n.call('c', connect_error, '203.0.113.1', 80, 5)
    check(e in ('EHOSTUNREACH', 'ENETUNREACH'), e, t)


def test_reset(n):
    for h in BOTH:
        check(n.call('c', reset_by_server, h) == 'reset', h)
        check(n.call('c', reset_by_client, h) == 'reset', h)


def test_stalled_reader(n):
    for h in BOTH:
        answer, (got, d), before = n.call('c', stalled_reader, h)
        want = '%d %s' % (12 * MB, server.digest(12 * MB))
        check(answer == want, h, answer)
        check(got == 2 * MB and before, h, 'the other flow waited')
        got, d = n.call('c', client_stops, h)
        check((got, d) == (16 * MB, server.digest(16 * MB)), h, got)


def test_speaks_first(n):
    for h in BOTH:
        check(n.call('c', speaks_first, h) == b'hello\n', h)


def test_udp(n):
    for h in BOTH:
        bad = n.call('c', udp_echo, h,
                     (1, 0, 1200, 1392, 1400, 8000, 60000))
        check(not bad, h, bad)
    check(n.call('c', many_udp_sockets, SERVER4, 50) == 0, 'many sockets')


def test_ping(n):
    for h in BOTH + (GATE4, GATE6):
        code, text = n.call('c', ping, h)
        check(code == 0 and all(' icmp_seq=%d ' % i in text
                                for i in (1, 2, 3)), h, text)


def ping_two(hosts):
    """Echoes with one id to several hosts; who answers?"""
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.settimeout(3)
    got = set()
    for seq, h in enumerate(hosts):
        m = struct.pack('>BBHHH', 8, 0, 0, 1, seq) + b'x' * 32
        c = sum(struct.unpack('>20H', m))
        c = ~((c & 0xffff) + (c >> 16)) & 0xffff
        s.sendto(m[:2] + struct.pack('>H', c) + m[4:], (h, 0))
    try:
        while len(got) < len(hosts):
            b, a = s.recvfrom(2000)
            if b[20] == 0 and b[24:26] == b'\0\1':
                got.add(a[0])
    except socket.timeout:
        pass
    return sorted(got)


def test_ping_one_id(n):
    n.ip('s', 'addr', 'add', '192.0.2.3/24', 'dev', 'e1')
    hosts = [SERVER4, '192.0.2.3', GATE4]
    check(n.call('c', ping_two, hosts) == sorted(hosts), 'answers')


def test_blocked(n):
    """Loopback, link-local, the gateway's own and embedded forms."""
    lo = socket.socket(socket.AF_INET6)
    for h in ('127.0.0.1', '192.0.2.1', '10.9.0.1', '169.254.169.254',
              '0.0.0.1', '2001:db8::1', '::ffff:127.0.0.1',
              '64:ff9b::7f00:1', '2002:7f00:1::', '10.77.0.99'):
        if h.startswith('127.') or h.startswith('::ffff') or \
                h.startswith('0.'):
            continue        # the client's own kernel keeps these
        e, t = n.call('c', connect_error, h, 51820, 2)
        check(e != 'connected' and e != 'timeout', h, e)
    lo.close()
    before = n.ctlj('show', 'counters')['ip_drop_policy']
    check(before > 0, 'nothing counted')


def test_show(n):
    """show tells the truth while a transfer runs."""
    download = n.begin('c', client_stops, SERVER4)
    try:
        def flow():
            fs = [f for f in n.ctlj('show', 'flows')['flows']
                  if f['destination'] == SERVER4 + ':80' and
                  f['tx_bytes'] > 0]
            return fs
        with_flow = wait_for(flow, what='a flow in show flows')
        p = n.ctlj('show', 'peers')['peers'][0]
    finally:
        download()
    f = with_flow[0]
    check(f['proto'] == 'tcp' and f['peer'] == 'laptop' and
          f['state'] == 'established' and
          f['source'].startswith(GUEST4 + ':'), f)
    check(set(f) == {'id', 'proto', 'peer', 'source', 'destination',
                     'state', 'rx_bytes', 'tx_bytes', 'age'}, f)
    check(p['name'] == 'laptop' and p['public_key'] == n.pub('c') and
          re.match(r'10\.9\.0\.2:\d+$', p['endpoint']) and
          p['allowed_ips'] == ['10.77.0.2/32', 'fd77::2/128'] and
          abs(p['latest_handshake'] - time.time()) < 300 and
          p['flows'] >= 1, p)
    p2 = n.ctlj('show', 'peers', 'laptop')['peers'][0]
    check(p2['tx_bytes'] > 16 * MB and p2['rx_bytes'] > 0, p2)
    check(n.ctl('show', 'peers', 'nobody', ok=False).returncode == 1,
          'unknown peer')
    procs = n.ctlj('show', 'processes')['processes']
    check([x['title'] for x in procs] == TITLES, procs)
    for x in procs:
        check(x['seccomp'], x)
        status = open('/proc/%d/status' % x['pid']).read()
        check('Seccomp:\t2' in status and 'NoNewPrivs:\t1' in status, x)
        if not n.rootless:
            check(re.search(r'^CapEff:\t0+$', status, re.M), x, 'caps')
        if x['title'] != 'parent':
            limits = open('/proc/%d/limits' % x['pid']).read()
            check(re.search(r'^Max data size +\d+ +\d+', limits, re.M),
                  x, 'any amount of memory')
    c = n.ctlj('show', 'counters')
    check(c['tcp_established'] > 0 and all(
        isinstance(v, int) for v in c.values()), c)
    for what in ('summary', 'peers', 'flows', 'counters', 'processes',
                 'metrics'):
        check(n.ctl('show', what).stdout, what)
    check(n.ctl('show', 'metrics').stdout.endswith('# EOF\n'), 'metrics')


def forms(secret):
    """A secret as programs may hold it."""
    raw = base64.b64decode(secret)
    return [raw, secret.encode()[:-1], raw.hex().encode(),
            raw.hex().upper().encode()]


def found_in(pid, needles):
    """Which of these a process has in its memory."""
    got = set()
    with open('/proc/%d/maps' % pid) as maps, \
            open('/proc/%d/mem' % pid, 'rb', 0) as mem:
        for line in maps:
            m = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)
            if m is None:
                continue
            start, end = (int(x, 16) for x in m.groups())
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            got |= {x for x in needles if x in data}
    return got


def secrets_left(n, keys, words=(), crypto=()):
    """Only the crypto engine has keys, and as bytes alone."""
    have = set()
    for p in n.ctlj('show', 'processes')['processes']:
        needles = {x: k for k in keys for x in forms(k)}
        needles.update({w.encode(): w for w in words})
        got = found_in(p['pid'], needles)
        if p['title'].startswith('crypto'):
            got -= {base64.b64decode(k) for k in keys}
            have |= found_in(p['pid'], [base64.b64decode(k) for k in crypto])
        if p['title'] == 'slirp':
            got -= {w.encode() for w in words}
        check(not got, p['title'], 'holds', [needles[x][:4] for x in got],
              [len(x) for x in got])
    check(len(have) == len(crypto), 'the scan finds what is there')


def test_secrets(n):
    """No process keeps a secret that is not its own."""
    if os.geteuid() != 0 or n.rootless:
        return
    n.stop()

    def new():
        return run('wg', 'genkey').stdout.strip()
    own, psk, psk2, psk3 = new(), new(), new(), new()
    users = os.path.join(n.dir, 'users')
    with open(os.open(users, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
        f.write('joe:Xyzzy-Plugh-17\n')
    for path in (users,):
        if n.owner is not None:
            os.chown(path, n.owner, n.owner)
    conf = ('listen on 0.0.0.0 port 51820\nmykey = \'"%s"\'\n'
            'private key $mykey\naddress 10.77.0.1/24\n'
            'proxy listen on 127.0.0.1 port 1080 users file "%s"\n'
            'uapi interface "wgsecret"\n'
            'peer "a" {\n\tpublic key "%s"\n\tpreshared key "%s"\n'
            '\tallowed ips 10.77.0.2/32\n}\n' % (own, users, n.pub('c'),
                                                 psk))
    n.start(conf, as_root=True)
    words = ('Xyzzy-Plugh-17',)
    secrets_left(n, (own, psk), words, (own, psk))
    n.call('g', lambda: run('curl', '-s', '-m', '5', '-p', '-x',
                            'http://joe:Xyzzy-Plugh-17@127.0.0.1:1080',
                            'http://10.77.0.77/', ok=False))
    n.write_conf(conf.replace(psk, psk2))
    n.ctl('reload')
    secrets_left(n, (own, psk, psk2), words, (own, psk2))
    key = os.path.join(n.dir, 'other.psk')
    with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
        f.write(psk3 + '\n')
    own2 = new()
    path = os.path.join(n.dir, 'other.key')
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
        f.write(own2 + '\n')
    run('wg', 'set', 'wgsecret', 'private-key', path, 'peer', n.pub('c'),
        'preshared-key', key)
    check(psk3 in run('wg', 'showconf', 'wgsecret').stdout, 'showconf')
    secrets_left(n, (own, psk, psk2, psk3, own2), words, (own2, psk3))
    n.stop()
    # by the environment
    env = dict(os.environ, WG_PRIVATE_KEY=own, WG_ADDRESS='10.77.0.1/24',
               WG_PEERS='0', WG_PEER_0_PUBLIC_KEY=n.pub('c'),
               WG_PEER_0_PRESHARED_KEY=psk,
               WG_CONF='peer "b" { public key "%s" preshared key "%s" '
               'allowed ips 10.77.0.3/32 }' % (n.pub('x'), psk2))
    p = n.spawn('g', ['env'] + ['%s=%s' % (k, v) for k, v in env.items()
                                if k.startswith('WG_')] +
                [n.bin + '/wgslirpd', '-d', '-e', '-s', n.sock], log=n.log)
    wait_for(lambda: n.ctl('show', ok=False).returncode == 0, 10, 'start')
    secrets_left(n, (own, psk, psk2), (), (own, psk, psk2))
    for x in n.ctlj('show', 'processes')['processes']:
        text = open('/proc/%d/environ' % x['pid']).read() + \
            open('/proc/%d/cmdline' % x['pid']).read()
        check(not [k for k in (own, psk, psk2) if k in text], x['title'])
    p.terminate()
    p.wait(10)
    n.start()
    session(n)


def has_open(pid, path):
    fds = '/proc/%d/fd/' % pid
    try:
        return path in [os.readlink(fds + x) for x in os.listdir(fds)]
    except FileNotFoundError:
        return False        # one was closed meanwhile


def test_hidden(n):
    """The memory of the parent is nobody's while it still reads keys."""
    if n.owner is None:
        return
    fifo = os.path.join(n.dir, 'fifo')
    os.mkfifo(fifo)
    os.chown(fifo, n.owner, n.owner)
    # nothing comes, and it does not end before this is closed
    w = os.open(fifo, os.O_RDWR)
    try:
        p = n.spawn('g', [n.bin + '/wgslirpd', '-n', '-f', fifo], log=n.log,
                    uid=n.owner)
        wait_for(lambda: has_open(p.pid, fifo), 20, 'it reads')
        check(os.stat('/proc/%d/mem' % p.pid).st_uid == 0, 'dumpable')
        check(p.poll() is None, 'it has ended')
    finally:
        os.close(w)
        os.unlink(fifo)
    p.wait(20)


def test_control_hostile(n):
    """A malformed client is dropped, nothing more."""
    for data in (b'\0' * 16, b'\xff' * 64, struct.pack(
            '<IIII', 1001, 16, 0, 0), struct.pack(
            '<IIII', 1001, 0x80000010, 0, 0), struct.pack(
            '<IIII', 9, 96, 0, 0) + b'x' * 80, os.urandom(4096)):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(n.sock)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass
        except ConnectionError:
            pass
        s.close()
    # more than there is room for, who stay: the oldest make room
    ask = struct.pack('<IIII', 1006, 96, 0, 0) + bytes(80)
    for first in (b'', ask * 1000):
        many = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for s in many:
            s.connect(n.sock)
            s.setblocking(False)
            try:
                s.send(first)
            except OSError:
                pass
        for _ in range(3):
            check(n.ctl('show', ok=False).returncode == 0,
                  'shut out by hostile clients')
        for s in many:
            s.close()
    if n.owner is not None and os.getuid() == 0:
        # somebody else, whom the mode of a socket would let in
        os.chmod(n.sock, 0o666)
        os.chmod(os.path.dirname(n.sock), 0o755)
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setresuid(4711, 4711, 4711)
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(n.sock)
                    s.sendall(ask)
                    os._exit(len(s.recv(99)) != 0)
            except (ConnectionError, BrokenPipeError):
                os._exit(0)
            finally:
                os._exit(9)
        check(os.waitpid(pid, 0)[1] == 0, 'a stranger was served')
    # one that asks and never reads costs no memory
    pid = [x['pid'] for x in n.ctlj('show', 'processes')['processes']
           if x['title'] == 'control'][0]
    ask_procs = struct.pack('<IIII', 1006, 96, 0, 0) + bytes(80)
    s = socket.socket(socket.AF_UNIX)
    s.connect(n.sock)
    s.setblocking(False)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        try:
            s.send(ask_procs * 500)
        except BlockingIOError:
            time.sleep(0.01)
    rss = int(re.search(r'VmRSS:\s+(\d+)', open(
        '/proc/%d/status' % pid).read()).group(1))
    s.close()
    check(rss < 20000, 'control engine grew to', rss, 'kB')
    # several requests at once are all answered
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(n.sock)
    s.sendall(ask_procs * 5)
    s.shutdown(socket.SHUT_WR)
    got = read_all(s)
    s.close()
    check(len(got) == 5 * (len(TITLES) * (16 + 24) + 16), 'pipelined', len(got))


def test_slots(n):
    """The slots that came back last are used next, not all in turn."""
    n.restart()
    n.call('c', udp_steadily, SERVER4, 12000, 1000, 0.004)
    shared = max(int(re.search(r'RssShmem:\s+(\d+)', open(
        '/proc/%d/status' % x['pid']).read()).group(1))
        for x in n.ctlj('show', 'processes')['processes']
        if x['title'].startswith('crypto'))
    n.last = '12000 datagrams went through %d kB of slots' % shared
    check(shared < 6000, 'kB of slots:', shared)


def test_kill_flow(n):
    def held(ready):
        with dial(SERVER4, server.ECHO) as s:
            s.sendall(b'x')
            s.recv(1)
            ready()
            try:
                return 'eof' if s.recv(1) == b'' else 'data'
            except ConnectionResetError:
                return 'reset'
    end = n.begin_ready('c', held)

    def find():
        return [f for f in n.ctlj('show', 'flows')['flows']
                if f['destination'] == '%s:%d' % (SERVER4, server.ECHO) and
                f['state'] == 'established' and f['rx_bytes'] == 1]
    f = wait_for(find, what='the flow')[0]
    n.ctl('kill', 'flow', str(f['id']))
    out = end()
    check(out == 'reset', out)
    r = n.ctl('kill', 'flow', str(f['id']), ok=False)
    check(r.returncode == 1 and 'no such flow' in r.stdout, r.stdout)


def test_log(n):
    n.ctl('log', 'verbose')
    n.ctl('log', 'brief')
    check(n.ctl('log', 'loud', ok=False).returncode == 1, 'log loud')


def test_peer_restart(n):
    """The client comes back with a new port and no memory."""
    n.client_down()
    n.client_up()
    check(n.call('c', get, SERVER4, 100000)[0] == 100000, 'get')


def test_roaming(n):
    """A live connection survives a change of the client's port."""
    end = n.begin('c', echo_slowly, 20, 0.1)
    time.sleep(0.5)
    n.wg_set('listen-port', '40001')
    out = end()
    check(out == 'all', out)
    p = n.ctlj('show', 'peers')['peers'][0]
    check(p['endpoint'] == '10.9.0.2:40001', p)


def test_outer_v6(n):
    check(n.client_set(endpoint='[fd09::1]:51820') == 0, 'setconf')
    check(n.call('c', get, SERVER4, MB)[0] == MB, 'get')
    p = n.ctlj('show', 'peers')['peers'][0]
    check(p['endpoint'].startswith('[fd09::2]:'), p)
    check(n.client_set() == 0, 'setconf')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get again')


def received():
    """Packets that came to the client's interface."""
    with open('/proc/thread-self/net/dev') as f:
        return int(re.search(r'e0:\s*\d+\s+(\d+)', f.read()).group(1))


def test_offload(n):
    """Without trains of datagrams: one by one, and every byte."""
    def download():
        before = n.call('c', received)
        got, d = n.call('c', get, SERVER4, 10 * MB)
        check((got, d) == (10 * MB, server.digest(10 * MB)), got)
        return n.call('c', received) - before
    trains = download()
    n.write_conf(n.conf(extra='offload no'))
    n.ctl('reload')
    try:
        single = download()
        # a train is one packet to this interface
        n.last = '%d packets in trains, %d singly' % (trains, single)
        check(single >= 10 * MB // 1420 and trains < single / 2, n.last)
        check(n.call('c', put, SERVER6, 10 * MB) ==
              server.digest(10 * MB), 'up')
        test_udp(n)
    finally:
        n.write_conf(n.conf())
        n.ctl('reload')


def test_reload(n):
    """A reload keeps flows; a bad file changes nothing."""
    end = n.begin('c', echo_slowly, 30, 0.1)
    time.sleep(0.3)
    n.write_conf(n.conf(extra='peer "other" {\n\tpublic key "%s"\n'
                        '\tallowed ips 10.77.0.3/32\n}' % n.pub('x')))
    n.ctl('reload')
    names = [p['name'] for p in n.ctlj('show', 'peers')['peers']]
    check(sorted(names) == ['laptop', 'other'], names)
    n.write_conf(n.conf(extra='nonsense'))
    r = n.ctl('reload', ok=False)
    check(r.returncode == 1 and ':5: ' in r.stdout, r.stdout)
    check(len(n.ctlj('show', 'peers')['peers']) == 2, 'half applied')
    n.write_conf(n.conf())
    os.kill(n.daemon.pid, signal.SIGHUP)
    wait_for(lambda: len(n.ctlj('show', 'peers')['peers']) == 1,
             what='SIGHUP')
    # many more peers than at the start, and away again
    keys = [os.urandom(32) for _ in range(2000)]
    n.write_conf(n.conf(extra=''.join(
        'peer "p%d" {\n\tpublic key "%s"\n\tallowed ips 10.88.%d.%d\n}\n'
        % (i, base64.b64encode(k).decode(), i // 256, i % 256)
        for i, k in enumerate(keys))))
    n.ctl('reload')
    check(len(n.ctlj('show', 'peers')['peers']) == 2001, 'many peers')
    n.write_conf(n.conf())
    n.ctl('reload')
    check(len(n.ctlj('show', 'peers')['peers']) == 1, 'and back')
    out = end()
    check(out == 'all', out)


def test_policy_rules(n):
    n.write_conf(n.conf(
        extra='block to 192.0.2.0/24\n'
        'pass from peer "laptop" proto tcp to 192.0.2.2 port 80\n'))
    n.ctl('reload')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'port 80')
    e, t = n.call('c', connect_error, SERVER4, server.ECHO, 3)
    check(e in ('EHOSTUNREACH', 'EACCES'), e, t)
    check(n.call('c', get, SERVER6, 1000)[0] == 1000, 'v6')
    n.write_conf(n.conf())
    n.ctl('reload')
    check(n.call('c', connect_error, SERVER4, server.ECHO, 3)[0] ==
          'connected', 'after reload')


def test_wrong_key(n):
    """A client with another key gets nothing, and breaks nothing."""
    check(n.client_set(key='x') == 0, 'setconf')
    e, t = n.call('c', connect_error, SERVER4, 80, 3)
    check(e == 'timeout', e)
    check(n.client_set(psk=False) == 0, 'setconf')
    e, t = n.call('c', connect_error, SERVER4, 80, 3)
    check(e == 'timeout', 'without psk', e)
    check(n.client_set() == 0, 'setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 20, 'the right key')


def test_stop(n):
    """A clean stop leaves nothing behind and says 0."""
    pids = [x['pid'] for x in n.ctlj('show', 'processes')['processes']]
    check(n.stop() == 0, 'exit status')
    check(not os.path.exists(n.sock), 'socket left')
    for p in pids:
        check(not os.path.exists('/proc/%d' % p), 'process left', p)
    n.start()
    os.kill(n.daemon.pid, signal.SIGINT)
    check(n.daemon.wait(10) == 0, 'SIGINT')
    n.start()


def test_kill_children(n):
    """The death of any child ends the daemon and is told."""
    for title in TITLES[1:]:
        procs = n.ctlj('show', 'processes')['processes']
        pid = [x['pid'] for x in procs if x['title'] == title][0]
        os.kill(pid, signal.SIGKILL)
        code = n.daemon.wait(10)
        check(code == 1, title, 'exit status', code)
        check('%s engine terminated by signal 9' % title in n.logtext(),
              title, n.logtext())
        for x in procs:
            check(not os.path.exists('/proc/%d' % x['pid']), 'left', x)
        n.start()
    session(n)


def test_as_root(n):
    """Started as root it gives everything up."""
    if n.rootless:
        return
    n.stop()
    n.start(as_root=True)
    session(n)
    for x in n.ctlj('show', 'processes')['processes']:
        if x['title'] == 'parent':
            continue
        status = open('/proc/%d/status' % x['pid']).read()
        uid = re.search(r'^Uid:\t(\d+)', status, re.M).group(1)
        check(uid != '0', x, 'still root')
        check(re.search(r'^CapEff:\t0+$', status, re.M), x, 'caps')
        if x['title'] != 'parent':
            limits = open('/proc/%d/limits' % x['pid']).read()
            check(re.search(r'^Max data size +\d+ +\d+', limits, re.M),
                  x, 'any amount of memory')
        check(os.readlink('/proc/%d/root' % x['pid']) != '/', x,
              'not in a chroot')
    n.stop()
    n.start()


def test_endpoint_by_name(n):
    """The gateway connects to a peer whose endpoint is a name."""
    n.wg_set('listen-port', '40002')
    for name in ('client.test', 'nowhere.test'):
        n.stop()
        n.start(n.conf(peer_extra='endpoint "%s" port 40002\n'
                       '\tpersistent keepalive 1' % name), hosts={
                           'client.test': '10.9.0.2'})
        if name == 'client.test':
            # the gateway starts the handshake: the client stays silent
            wait_for(lambda: n.ctlj('show', 'peers')['peers'][0]
                     ['latest_handshake'] > 0, 15, 'a handshake')
            c = n.ctlj('show', 'counters')
            check(c['wg_tx_initiations'] > 0 and
                  c['wg_rx_initiations'] == 0, c)
            check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get')
    # a name that is nowhere harms nobody
    time.sleep(1)
    session(n)
    n.ctl('refresh')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get')
    # and one that a reload brings
    n.write_conf(n.conf(peer_extra='endpoint "client.test" port 40002'))
    n.ctl('reload')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'after reload')
    n.stop()
    n.start()
    session(n)


def connects(count):
    """The longest of so many connects, one after the other."""
    worst = 0
    for _ in range(count):
        t = time.monotonic()
        # of a new session the flood may swallow a beginning, or two
        dial(SERVER4, server.ECHO, 50).close()
        worst = max(worst, time.monotonic() - t)
        time.sleep(0.05)
    return worst


def test_flood(n):
    """A million junk datagrams and as many initiations that look right."""
    session(n)
    # what cannot be WireGuard at all does not even wake the daemon
    before = n.ctlj('show', 'counters')
    n.call('d', impossible, 500)
    after = n.ctlj('show', 'counters')
    check(after['wg_rx_datagrams'] - before['wg_rx_datagrams'] < 10 and
          after['wg_drop_kernel'] - before['wg_drop_kernel'] > 490,
          'steering', before['wg_drop_kernel'], after['wg_drop_kernel'])
    public = base64.b64decode(n.pub('s'))
    for valid in (False, True):
        before = n.ctlj('show', 'counters')
        end = n.begin('d', flood, public, 1000000, valid, timeout=120)
        worst = n.call('c', connects, 40, timeout=100)
        # one who comes anew proves where it is, and gets in
        check(n.client_set() == 0, 'setconf')
        again = n.call('c', connects, 10, timeout=100)
        sent = end()
        after = n.ctlj('show', 'counters')
        seen = {k: after[k] - before[k] for k in after
                if k.startswith('wg_') and after[k] != before[k]}
        print('     flood: %d sent, %d seen; longest connect %.3f s, with '
              'a new session %.3f s' % (sent, seen['wg_rx_datagrams'], worst,
                                        again))
        check(seen['wg_rx_initiations'] >= 1, 'the client', seen)
        if valid:
            check(seen['wg_tx_cookies'] > 0 and
                  seen['wg_drop_handshake'] > 0, seen)
            # what is sent back is never more than what came
            check(seen['wg_tx_cookies'] < seen['wg_rx_datagrams'], seen)
        else:
            check(seen['wg_drop_mac1'] > 1000 and
                  seen['wg_drop_malformed'] > 1000 and
                  seen['wg_drop_index'] > 1000, seen)


def test_unsteered(n):
    """Of a session that the kernel does not know, nothing is held back."""
    n.restart()
    session(n)
    before = n.ctlj('show', 'counters')
    parent = next(x['pid'] for x in n.ctlj('show', 'processes')['processes']
                  if x['title'].startswith('parent'))
    # it is who tells the kernel
    os.kill(parent, signal.SIGSTOP)
    try:
        check(n.client_set() == 0, 'setconf')
        d = n.call('c', put, SERVER4, 10 * MB)
    finally:
        os.kill(parent, signal.SIGCONT)
    check(d == server.digest(10 * MB), d)
    after = n.ctlj('show', 'counters')
    check(after['wg_rx_initiations'] > before['wg_rx_initiations'], 'old one')
    paused = after['wg_rx_pauses'] - before['wg_rx_pauses']
    check(paused <= 3, 'pauses:', paused)


def name_server(answers):
    """Say each of these addresses once, and the last one from then on."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((SERVER4, 53))
    s.settimeout(40)
    said = []
    while True:
        q, a = s.recvfrom(512)
        end = q.index(b'\0', 12) + 5
        kind = q[end - 4:end - 2]
        found = kind == b'\0\1'
        r = q[:2] + b'\x81\x80\0\1' + bytes((0, found)) + b'\0\0\0\0' + \
            q[12:end]
        if found:
            ip = answers[min(len(said), len(answers) - 1)]
            r += b'\xc0\x0c\0\1\0\1\0\0\0\1\0\4' + socket.inet_aton(ip)
            said.append(ip)
        s.sendto(r, a)
        if len(said) >= len(answers):
            return said


def test_reserved(n):
    """A client with reserved bytes that comes from where it likes."""
    n.write_conf(n.conf(peer_extra='reserved { 7 8 9 }'))
    n.ctl('reload')
    end = n.begin('c', stamp, 40010, ('10.9.0.1', 51820), b'\7\x08\x09', 5)
    time.sleep(0.2)
    check(n.client_set(endpoint='127.0.0.1:40010') == 0, 'setconf')
    check(n.call('c', get, SERVER4, MB) == (MB, server.digest(MB)), 'get')
    check(end() == 0, 'answers without the bytes')
    # those of nobody are nobody's
    before = n.ctlj('show', 'counters')['wg_drop_malformed']
    end = n.begin('c', stamp, 40010, ('10.9.0.1', 51820), b'\7\x08\x0a', 3)
    time.sleep(0.2)
    check(n.client_set(endpoint='127.0.0.1:40010') == 0, 'setconf')
    check(n.call('c', connect_error, SERVER4, 80, 2)[0] == 'timeout',
          'a session with wrong bytes')
    end()
    check(n.ctlj('show', 'counters')['wg_drop_malformed'] > before, 'count')
    n.write_conf(n.conf())
    n.ctl('reload')
    session(n)


def echo_end(ready):
    """How a connection to the echo service ends that says nothing more."""
    with dial(SERVER4, server.ECHO) as s:
        s.sendall(b'x')
        s.recv(1)
        ready()
        s.settimeout(10)
        try:
            return s.recv(1)
        except ConnectionResetError:
            return 'reset'
        except socket.timeout:
            return 'alive'


def test_dead_server(n):
    """A server that is gone without a word is noticed."""
    end = n.begin_ready('c', echo_end)
    out = run('ip', 'netns', 'exec', n.nsname('g'), 'ss', '-tnoH', 'dst',
              '%s:%d' % (SERVER4, server.ECHO)).stdout
    check(re.search(r'timer:\(keepalive,9min', out), 'not asked for', out)
    # it says so at last: a reset, as the kernel's time-out would be
    killed = run('ip', 'netns', 'exec', n.nsname('g'), 'ss', '-KtnH', 'dst',
                 '%s:%d' % (SERVER4, server.ECHO), ok=False).stdout
    # not every kernel has it
    check(end() == 'reset' or not killed, 'the guest was not told')


def test_outer_ecn(n):
    """A path that marks congestion (RFC 6040): what takes part goes on."""
    end = n.begin('c', stamp, 40010, ('10.9.0.1', 51820), bytes(3), 9, 3)
    time.sleep(0.2)
    check(n.client_set(endpoint='127.0.0.1:40010') == 0, 'setconf')
    wait_for(lambda: n.call('c', ect_echo, SERVER4, 2), 6, 'ECT(0)')
    check(n.call('c', ect_echo, SERVER4, 1), 'ECT(1)')
    before = n.ctlj('show', 'counters')['wg_drop_ecn']
    check(not n.call('c', ect_echo, SERVER4, 0), 'not ECT was let through')
    check(n.ctlj('show', 'counters')['wg_drop_ecn'] > before, 'count')
    end()
    session(n)


def test_moving_name(n):
    """A peer that does not answer may have another address by now."""
    n.stop()
    # the client could not come by itself
    n.wg_set('listen-port', '40003', 'peer', n.pub('s'), 'endpoint',
             '10.9.0.99:1')
    end = n.begin('s', name_server, ['10.9.0.77', '10.9.0.2'])
    n.start(n.conf(peer_extra='endpoint "moving.test" port 40003\n'
                   '\tpersistent keepalive 1'), hosts={})
    wait_for(lambda: n.ctlj('show', 'peers')['peers'][0]['endpoint'] ==
             '10.9.0.77:40003', 10, 'the first address')
    wait_for(lambda: n.ctlj('show', 'peers')['peers'][0]
             ['latest_handshake'] > 0, 40, 'the second address')
    check(end() == ['10.9.0.77', '10.9.0.2'], 'asked otherwise')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get')
    n.stop()
    n.start()
    session(n)


def test_address_change(n):
    """The gateway's address changes under live connections."""
    end = n.begin('c', echo_slowly, 60, 0.1)
    wait_for(lambda: n.ctlj('show', 'flows')['flows'], what='the flow')
    down = n.begin('c', drip, 60)
    time.sleep(0.5)
    n.ip('g', 'addr', 'add', '10.9.0.8/25', 'dev', 'e0')
    n.ip('g', 'addr', 'del', '10.9.0.1/24', 'dev', 'e0')
    try:
        # what comes down shows the client where the gateway is now
        out = down()
        check(out == 60, 'down', out)
        out = end()
        check(out == 'all', 'both ways', out)
        ends = run('ip', 'netns', 'exec', n.nsname('c'), 'wg', 'show',
                   'wg' + n.tag + 'c', 'endpoints').stdout
        check('10.9.0.8:51820' in ends, ends)
    finally:
        n.ip('g', 'addr', 'del', '10.9.0.8/25', 'dev', 'e0')
        n.ip('g', 'addr', 'add', '10.9.0.1/24', 'dev', 'e0')
        session(n)


def test_sticky_source(n):
    """Answers come from the address that the client has sent to."""
    n.ip('g', 'addr', 'add', '10.9.0.7/24', 'dev', 'e0')
    try:
        check(n.client_set(endpoint='10.9.0.7:51820') == 0, 'setconf')
        wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
                 'connected', 20, 'a session')
        check(n.call('c', get, SERVER4, 100000)[0] == 100000, 'get')
        ends = run('ip', 'netns', 'exec', n.nsname('c'), 'wg', 'show',
                   'wg' + n.tag + 'c', 'endpoints').stdout
        check('10.9.0.7:51820' in ends, 'answered from', ends)
    finally:
        n.ip('g', 'addr', 'del', '10.9.0.7/24', 'dev', 'e0')
        session(n)


def test_metrics(n):
    """Each family stands together, with its type before it."""
    seen, now = set(), None
    lines = n.ctl('show', 'metrics').stdout.splitlines()
    check(lines[-1] == '# EOF', lines[-1])
    for line in lines[:-1]:
        if line.startswith('# TYPE '):
            now, kind = line.split()[2:4]
            check(now not in seen, 'twice', now)
            seen.add(now)
        elif not line.startswith('#'):
            want = now + ('_total' if kind == 'counter' else '')
            check(re.split('[{ ]', line)[0] == want, line)
    check('wgslirpd_peer_rx_bytes' in seen and
          'wgslirpd_tcp_active' in seen, seen)


def test_tcp_options(n):
    """What the sockets of the host get, and that every option runs."""
    session(n)
    n.write_conf(n.conf(extra='copy tos yes\nttl 63\ntcp { receive buffer '
                        '40000 send buffer 50000 congestion cubic fast dial '
                        '2000 gate log debug idle gate 3000 mss 1200 pace '
                        'gap 1 window scale 5 sack no initial window 4 }'))
    n.ctl('reload')
    end = n.begin('c', echo_slowly, 15, 0.1)
    wait_for(lambda: n.ctlj('show', 'flows')['flows'], what='the flow')
    out = run('ip', 'netns', 'exec', n.nsname('g'), 'ss', '-tmn', 'dst',
              SERVER4).stdout
    # the kernel doubles what it is told
    check('rb80000,' in out and 'tb100000,' in out, out)
    check(end() == 'all', 'echo')
    for h in BOTH:
        got, d = n.call('c', get, h, MB)
        check((got, d) == (MB, server.digest(MB)), h)
    n.write_conf(n.conf())
    n.ctl('reload')


def test_show_flows(n):
    """Some of them, in an order."""
    session(n)
    # they begin together, and each sends more than the next
    ends = [n.begin('c', echo_slowly, k, 3 / k) for k in (6, 60, 20)]
    time.sleep(1.5)
    try:
        flows = wait_for(lambda: len(n.ctlj('show', 'flows', 'proto', 'tcp')[
            'flows']) == 3 and n.ctlj('show', 'flows', 'proto', 'tcp',
                                      'state', 'established', 'sort',
                                      'rx')['flows'], what='three flows')
        rx = [f['rx_bytes'] for f in flows]
        check(rx == sorted(rx, reverse=True) and rx[0] > rx[2], rx)
        for key in ('tx', 'age', 'peer', 'to'):
            check(len(n.ctlj('show', 'flows', 'sort', key)['flows']) >= 3,
                  key)
        check(not n.ctlj('show', 'flows', 'port', '1', 'sort', 'rx')['flows'],
              'another port')
        r = n.ctl('show', 'flows', 'sort', 'colour', ok=False)
        check(r.returncode == 1 and 'not one of rx' in r.stdout, r.stdout)
    finally:
        for end in ends:
            end()


def keys(value):
    """All keys of what JSON says."""
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in keys(v)}
    return {k for v in value for k in keys(v)} if isinstance(value, list) \
        else set()


def test_show_more(n):
    """Where it listens, what it is called, what it holds."""
    n.write_conf(n.conf(extra='dns listen domain "lan.wg"\n' + ''.join(
        'forward tcp from 127.0.0.1 port %d to 10.77.0.2 port 80\n' % p
        for p in range(20000, 20100))))
    n.ctl('reload')
    try:
        seen = n.ctlj('show', 'interfaces')['interfaces']
        kinds = [x['kind'] for x in seen]
        check(kinds.count('forward') == 100, kinds)
        check({'kind': 'forward', 'address': 'tcp 127.0.0.1:20099',
               'detail': '10.77.0.2:80'} in seen, seen[-5:])
        check('udp 0.0.0.0:51820' in [x['address'] for x in seen
                                      if x['kind'] == 'wireguard'], seen[:3])
        check({'wireguard', 'tunnel', 'control'} <= set(kinds), kinds)
        names = n.ctlj('show', 'names')['names']
        check({'name': 'laptop.lan.wg', 'address': GUEST4} in names and
              {'name': 'gateway.lan.wg', 'address': GATE4} in names, names)
        mem = n.ctlj('show', 'memory')
        check({p['title'] for p in mem['memory']} == set(TITLES), mem)
        check(all(p['resident'] > p['shared'] > 0 for p in mem['memory']) and
              mem['queue_bytes'] > mem['queue_bytes_used'] >= 0, mem)
        for what in ('interfaces', 'names', 'memory'):
            check(n.ctl('show', what).stdout, what)
        # the page has every key; a copy of the programs may have no page
        page = os.path.join(TOP, 'man/wgslirpctl.8')
        if os.path.exists(page):
            text = open(page).read()
            text = text[text.index('.Ss JSON'):]
            for what in ('summary', 'peers', 'flows', 'processes', 'rules',
                         'interfaces', 'names', 'memory'):
                for key in keys(n.ctlj('show', what)):
                    check(re.search(r'\b%s\b' % key, text), what, key)
    finally:
        n.write_conf(n.conf())
        n.ctl('reload')


def test_watch(n):
    """Files that change by themselves are read again."""
    n.ctl_local('genkey', 'watch.key')

    def conf(names, extra='watch yes'):
        return n.conf(extra=extra + ''.join(
            '\npeer "%s" {\n\tpublic key "%s"\n\tallowed ips 10.77.0.%d/32'
            '\n}' % (x, n.pub('watch'), 90) for x in names))

    def names():
        return {p['name'] for p in n.ctlj('show', 'peers')['peers']}
    try:
        n.write_conf(conf([]))
        n.ctl('reload')
        before = names()
        n.write_conf(conf(['one']))
        wait_for(lambda: names() == before | {'one'}, 5, 'a peer')
        # in its place, as who is careful does
        path = os.path.join(n.dir, 'wgslirpd.conf')
        with open(path + '.new', 'w') as f:
            f.write(conf(['two']) + WORKERS)
        shutil.copymode(path, path + '.new')
        shutil.chown(path + '.new', os.stat(path).st_uid,
                     os.stat(path).st_gid)
        os.rename(path + '.new', path)
        wait_for(lambda: names() == before | {'two'}, 5, 'another one')
        # wrong: told, once, and nothing changes
        n.write_conf(conf(['three'], 'watch yes\nlisen on *'))
        wait_for(lambda: 'did you mean "listen"' in n.logtext(), 5, 'told')
        time.sleep(1.5)
        check(names() == before | {'two'}, names())
        check(n.logtext().count('did you mean "listen"') == 1, 'how often')
        n.write_conf(conf(['four']))
        wait_for(lambda: names() == before | {'four'}, 5, 'mended')
        seen = n.logtext().count('reloaded')
        time.sleep(1.5)
        check(n.logtext().count('reloaded') == seen, 'again and again')
        n.write_conf(conf(['four'], 'watch no'))
        wait_for(lambda: n.logtext().count('reloaded') > seen, 5, 'off')
        n.write_conf(conf(['five']))
        time.sleep(1.5)
        check(names() == before | {'four'}, 'it still looks')
    finally:
        n.write_conf(n.conf())
        n.ctl('reload')


def as_owner(n, *args, ok=True):
    """wgslirpctl, as the user whom the daemon and its files belong to."""
    who = [] if n.owner is None else [
        'setpriv', '--reuid=%d' % n.owner, '--regid=%d' % n.owner,
        '--clear-groups']
    return run(*who, n.bin + '/wgslirpctl', '-s', n.sock, *args, ok=ok)


def test_peer_new(n):
    """A phone in one command; another name, off, on and away."""
    top = tempfile.mkdtemp(dir=n.dir)
    os.chmod(top, 0o700)
    if n.owner is not None:
        os.chown(top, n.owner, n.owner)
    r = as_owner(n, 'peer', 'new', 'phone', ok=False)
    check(r.returncode == 1 and 'include' in r.stdout, r.stdout)
    n.write_conf(n.conf(extra='include "%s/peers.d/*.conf"\n'
                        'public endpoint "10.9.0.1"\n' % top))
    # a folder that is not there yet can be read only after a start
    n.stop()
    n.start(n.conf(extra='include "%s/peers.d/*.conf"\n'
                   'public endpoint "10.9.0.1"\n' % top))
    out = json.loads(as_owner(n, '-j', 'peer', 'new', 'phone', 'quota', '1G',
                              'keep').stdout)
    conf = out['config']
    check('Endpoint = 10.9.0.1:51820\n' in conf, conf)
    addr = re.search(r'Address = ([0-9.]+)/32', conf).group(1)
    check(addr not in (GUEST4, GATE4), 'not free', addr)
    for f in ('phone.conf', 'phone.client'):
        st = os.stat(os.path.join(top, 'peers.d', f))
        check(st.st_mode & 0o777 == 0o600, f, oct(st.st_mode))
    # a real client with exactly that
    path = os.path.join(n.dir, 'phone.setconf')
    with open(path, 'w') as f:
        f.write('\n'.join(x for x in conf.split('\n') if not
                          x.startswith(('Address', 'DNS', 'MTU'))))
    dev = 'wg' + n.tag + 'c'
    run('ip', 'netns', 'exec', n.nsname('c'), 'wg', 'setconf', dev, path)
    n.ip('c', 'addr', 'add', addr + '/32', 'dev', dev)
    try:
        wait_for(lambda: run('ip', 'netns', 'exec', n.nsname('c'), 'ping',
                             '-c', '1', '-W', '1', '-I', addr, GATE4,
                             ok=False).returncode == 0, 10, 'the phone')
        p = n.ctlj('show', 'peers', 'phone')['peers'][0]
        check(p['latest_handshake'] > 0 and p['quota'] == 10 ** 9, p)
        # another name: the session stays
        as_owner(n, 'peer', 'rename', 'phone', 'mobile')
        p = n.ctlj('show', 'peers', 'mobile')['peers'][0]
        check(p['latest_handshake'] > 0, 'the session went')
        # other limits, too; what is refused leaves them as they were
        as_owner(n, 'peer', 'set', 'mobile', 'quota', '2G', 'rate', 'in',
                 '1M', 'expires', '2099-01-01')
        path = os.path.join(top, 'peers.d', 'mobile.conf')
        with open(path) as f:
            text = f.read()
        for bad in (('quota', 'much'), ('expires', 'soon'), ('nothing',)):
            r = as_owner(n, 'peer', 'set', 'mobile', *bad, ok=False)
            check(r.returncode == 1, bad, r.stdout)
        with open(path) as f:
            check(f.read() == text and text.count('quota') == 1 and
                  'rate in 1M' in text, text)
        p = n.ctlj('show', 'peers', 'mobile')['peers'][0]
        check(p['latest_handshake'] > 0 and p['quota'] == 2 * 10 ** 9 and
              p['expires'] == '2099-01-01T00:00:00Z', p)
        as_owner(n, 'peer', 'set', 'mobile', 'quota', 'none', 'expires',
                 'never')
        p = n.ctlj('show', 'peers', 'mobile')['peers'][0]
        check(not p.get('quota') and not p.get('expires'), p)
        as_owner(n, 'peer', 'disable', 'mobile')
        check(n.ctl('show', 'peers', 'mobile', ok=False).returncode == 1,
              'disabled')
        # its address is not given away
        other = json.loads(as_owner(n, '-j', 'peer', 'new', 'other').stdout)
        check(addr + '/32' not in other['config'], other)
        as_owner(n, 'peer', 'enable', 'mobile')
        out = as_owner(n, 'peer', 'qr', 'mobile').stdout
        check(out == conf, 'kept', out)
        check(as_owner(n, 'peer', 'qr', 'other', ok=False).returncode == 1,
              'a key that was not kept')
        as_owner(n, 'kill', 'peer', 'mobile')
        wait_for(lambda: run('ip', 'netns', 'exec', n.nsname('c'), 'ping',
                             '-c', '1', '-W', '1', '-I', addr, GATE4,
                             ok=False).returncode == 0, 20, 'it comes back')
        names = {x['name']: x for x in json.loads(as_owner(
            n, '-j', 'peer', 'list').stdout)['peers']}
        check(set(names) >= {'laptop', 'mobile', 'other'} and
              names['mobile']['managed'] and names['mobile']['kept'] and
              not names['laptop']['managed'], names)
        # what the daemon does not take is not left behind
        for bad in (('mobile',), ('a/b',), ('x', 'quota', 'much'),
                    ('x', 'allowed', 'ips', addr + '/32')):
            r = as_owner(n, 'peer', 'new', *bad, ok=False)
            check(r.returncode == 1, bad, r.stdout)
        as_owner(n, 'peer', 'delete', 'mobile')
        as_owner(n, 'peer', 'delete', 'other')
        left = os.listdir(os.path.join(top, 'peers.d'))
        check(left == [], left)
    finally:
        n.ip('c', 'addr', 'del', addr + '/32', 'dev', dev)
        n.stop()
        n.start()
        session(n)


def test_drain(n):
    """Drained: guests hear of it, nothing is sent any more, health fails."""
    check(n.ctl('health').returncode == 0, 'not well')
    end = n.begin_ready('c', echo_end)
    n.ctl('drain')
    check(end() == 'reset', 'the guest was not told')
    r = n.ctl('health', ok=False)
    check(r.returncode == 1 and 'draining' in r.stdout, r.stdout)
    time.sleep(0.5)
    before = n.ctlj('show', 'counters')
    check(n.call('c', connect_error, SERVER4, 80, 3)[0] == 'timeout',
          'it is still served')
    after = n.ctlj('show', 'counters')
    for k in ('wg_tx_packets', 'wg_tx_keepalives', 'wg_tx_initiations',
              'wg_tx_responses', 'wg_tx_cookies', 'wg_tx_offers'):
        check(before[k] == after[k], k, before[k], after[k])
    n.ctl('resume')
    check(n.ctl('health').returncode == 0, 'not well again')
    session(n)


def test_monitor(n):
    """What happens is seen when it happens, and costs nothing otherwise."""
    log = os.path.join(n.dir, 'monitor.log')
    n.write_conf(n.conf(extra='block to %s port 81\n' % SERVER4))
    n.ctl('reload')
    p = n.spawn('g', [n.bin + '/wgslirpctl', '-j', '-s', n.sock, 'monitor'],
                log=log)
    time.sleep(0.5)
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'get')
    n.call('c', connect_error, SERVER4, 81, 2)
    n.client_set()
    n.call('c', get, SERVER4, 1000)

    def kinds():
        return {json.loads(x)['event'] for x in open(log) if x.strip()}
    wait_for(lambda: kinds() >= {'flow-open', 'flow-close', 'blocked',
                                 'handshake'}, 10, 'events')
    e = [json.loads(x) for x in open(log)][0]
    check(set(e) == {'time', 'event', 'peer', 'text', 'lost'}, e)
    check(e['peer'] == 'laptop' and abs(e['time'] - time.time()) < 60, e)
    p.terminate()
    p.wait(5)
    n.write_conf(n.conf())
    n.ctl('reload')
    check(n.ctl('health').returncode == 0, 'health')


def blocks(data):
    """The packets of a pcapng stream: (data, options)."""
    out, at = [], 0
    while at + 12 <= len(data):
        kind, size = struct.unpack_from('<II', data, at)
        check(struct.unpack_from('<I', data, at + size - 4)[0] == size,
              'a block that does not end')
        if kind == 6:
            n = struct.unpack_from('<I', data, at + 20)[0]
            opts = data[at + 28 + (n + 3) // 4 * 4:at + size - 4]
            out.append((data[at + 28:at + 28 + n], opts))
        at += size
    return out


def test_pcap(n):
    """Packets in the clear, for who may see them."""
    path = os.path.join(n.dir, 'pcap')
    with open(path, 'wb') as f:
        p = subprocess.Popen([n.bin + '/wgslirpctl', '-s', n.sock, 'pcap',
                              'peer', 'laptop'], stdout=f)
        other = subprocess.Popen([n.bin + '/wgslirpctl', '-s', n.sock,
                                  'pcap', 'peer', 'nobody'],
                                 stdout=subprocess.PIPE)
        time.sleep(0.5)
        check(n.call('c', get, SERVER4, 20000)[0] == 20000, 'get')
        n.call('c', ping, GATE4)
        time.sleep(0.3)
        p.terminate()
        other.terminate()
        p.wait(5)
        check(not blocks(other.communicate(timeout=5)[0]), 'of another peer')
    got = blocks(open(path, 'rb').read())
    check(len(got) > 20, len(got))
    for data, opts in got:
        check(data[0] >> 4 in (4, 6) and b'peer laptop' in opts, data[:20])
        check(struct.unpack('>H', data[2:4])[0] == len(data), 'cut')
    ports = [struct.unpack('>HH', d[20:24]) for d, _ in got if d[9] == 6]
    check(any(b == 80 for _, b in ports) and any(a == 80 for a, _ in ports),
          'not both ways', ports)
    check(sum(len(d) - 52 for d, _ in got if d[9] == 6 and
              struct.unpack('>H', d[20:22])[0] == 80) >= 20000, 'bytes')
    check(n.ctl('health').returncode == 0, 'health')


def test_pcap_file(n):
    """The same in a file, as tcpdump has it, up to a size."""
    def packets(path):
        data = open(path, 'rb').read()
        check(struct.unpack('<IHHIIII', data[:24]) ==
              (0xa1b2c3d4, 2, 4, 0, 0, 65535, 101), data[:24])
        out, at = [], 24
        while at < len(data):
            sec, usec, cut, size = struct.unpack_from('<IIII', data, at)
            check(cut == size and usec < 1000000 and
                  abs(time.time() - sec) < 60, data[at:at + 16])
            out.append(data[at + 16:at + 16 + cut])
            check(len(out[-1]) == cut, 'cut off')
            at += 16 + cut
        return out
    path = os.path.join(n.dir, 'run', 'pcap')
    try:
        n.stop()
        n.start(n.conf(extra='pcap file "%s" max size 60K' % path))
        check(os.stat(path).st_mode & 0o777 == 0o600, 'mode')
        session(n)
        check(n.call('c', get, SERVER4, 20000)[0] == 20000, 'get')
        wait_for(lambda: os.stat(path).st_size > 20000, what='packets')
        time.sleep(1.2)
        got = packets(path)
        ports = [struct.unpack('>HH', d[20:24]) for d in got if d[9] == 6]
        check(any(b == 80 for _, b in ports) and
              any(a == 80 for a, _ in ports), 'not both ways', ports)
        check(n.call('c', get, SERVER4, 200000)[0] == 200000, 'get more')
        wait_for(lambda: 'pcap file: full' in n.logtext(), what='its end')
        check(50000 < os.stat(path).st_size <= 60000, os.stat(path).st_size)
        packets(path)
        n.write_conf(n.conf(extra='pcap file "%s.2"' % path))
        check('restart' in n.ctl('reload', ok=False).stdout, 'another file')
        # three files that take turns, and only the begin of each packet
        n.stop()
        n.start(n.conf(extra='pcap file "%s" max size 30K rotate 3 snaplen '
                             '60' % path))
        session(n)
        for _ in range(4):
            check(n.call('c', get, SERVER4, 1000000)[0] == 1000000, 'get')
        time.sleep(1.2)
        check('pcap file: full' not in n.logtext(), 'it ended')
        for p in (path, path + '.1', path + '.2'):
            size = os.stat(p).st_size
            data = open(p, 'rb').read()
            check(24 < size <= 30000 and data[:4] == b'\xd4\xc3\xb2\xa1',
                  p, size)
            cut, whole = struct.unpack_from('<II', data, 32)
            check(cut <= 60 and whole >= cut, cut, whole)
        check(not os.path.exists(path + '.3'), 'one too many')
        # of nobody that there is
        n.stop()
        n.start(n.conf(extra='pcap file "%s" peer other' % path))
        session(n)
        check(n.call('c', get, SERVER4, 2000)[0] == 2000, 'get')
        wait_for(lambda: os.stat(path).st_size == 24, what='a header')
        check(packets(path) == [], 'of another peer')
        # not through a link that somebody has laid
        n.stop()
        os.rename(path, path + '.old')
        os.symlink(path + '.old', path)
        n.start(n.conf(extra='pcap file "%s"' % path), wait=False)
        check(n.daemon.wait(5) == 1 and 'pcap file: ' in n.logtext(),
              n.logtext())
    finally:
        n.stop()
        n.start()
        session(n)


def test_metrics_log(n):
    """The figures in the log, under the names that wgslirp gives them."""
    def reports():
        return [json.loads(x.split('metrics: ', 1)[1])
                for x in n.logtext().splitlines()
                if x.startswith('control: metrics: {') and x.endswith('}')]
    session(n)
    check(n.call('c', get, SERVER4, 20000)[0] == 20000, 'get')
    n.write_conf(n.conf(extra='metrics log 1\nmetrics format json'))
    n.ctl('reload')
    wait_for(lambda: len(reports()) >= 2, what='two lines')
    r = reports()[-1]
    check(r['tcp']['bytes_recv'] >= 20000, 'bytes', r)
    check(r['total']['conns_created'] >= r['tcp_ext']['dial_ok'] > 0, r)
    check(r['wg']['plaintext_from_wg'] > 0 and r['wg_hs']['fresh'] == 1 and
          r['wg_hs']['peers'] == 1, r)
    check(r['ts'].endswith('Z') and r['udp_active'] >= 0, r)
    n.write_conf(n.conf(extra='metrics log 1'))
    n.ctl('reload')
    wait_for(lambda: 'metrics: ts=' in n.logtext(), what='text')
    check(' | tcp: pkts_sent=' in n.logtext(), n.logtext()[-500:])
    n.write_conf(n.conf())
    n.ctl('reload')
    time.sleep(0.2)
    seen = n.logtext().count('metrics: ')
    time.sleep(1.5)
    check(n.logtext().count('metrics: ') == seen, 'no end')


def test_restart(n):
    """A gateway that is started again has its clients back at once."""
    session(n)
    n.stop()
    n.start(n.conf(extra='gateway id 7\n'))
    t = time.monotonic()
    check(n.call('c', connect_error, SERVER4, 80, 20)[0] == 'connected',
          'no connection')
    took = time.monotonic() - t
    check(took < 3, 'active', took)
    check(n.ctlj('show', 'counters')['wg_tx_offers'] == 1, 'who offered?')
    # and one that only says that it is there
    run('ip', 'netns', 'exec', n.nsname('c'), 'wg', 'set', 'wg' + n.tag + 'c',
        'peer', n.pub('s'), 'persistent-keepalive', '2')
    n.stop()
    n.start(n.conf(extra='gateway id 7\n'))
    t = time.monotonic()
    wait_for(lambda: n.ctlj('show', 'peers')['peers'][0]['latest_handshake'],
             10, 'the idle one')
    n.last = 'active %.2f s, idle with keepalive 2 %.2f s' % (
        took, time.monotonic() - t)
    run('ip', 'netns', 'exec', n.nsname('c'), 'wg', 'set', 'wg' + n.tag + 'c',
        'peer', n.pub('s'), 'persistent-keepalive', '0')
    n.stop()
    n.start()
    session(n)


def test_pause(n):
    """A pause loses sessions, not connections."""
    end = n.begin('c', echo_slowly, 8, 0.4)
    time.sleep(1)
    n.ctl('pause')
    check('paused' in n.ctl('show').stdout, 'summary')
    code, text = n.call('c', no_ping, GATE4)
    check(code != 0, 'paused', text)
    n.ctl('resume')
    check(n.client_set() == 0, 'setconf')
    check(end() == 'all', 'the connection')
    check(n.ctlj('show', 'counters')['wg_drop_paused'] > 0, 'counter')
    n.ctl('refresh')


def serve_once(port):
    s = socket.create_server(('10.77.0.3', port))
    s.settimeout(20)
    c, a = s.accept()
    data = read_all(c)
    c.sendall(b'%d %s' % (len(data), a[0].encode()))
    c.close()


def send_to_peer(port):
    for _ in range(50):
        try:
            s = dial('10.77.0.3', port)
            break
        except OSError:
            time.sleep(0.1)
    with s:
        s.sendall(bytes(3 * MB))
        s.shutdown(socket.SHUT_WR)
        return read_all(s).decode()


def test_overlay(n):
    """Peers reach each other if, and only if, that is configured."""
    other = ('peer "other" {\n\tpublic key "%s"\n'
             '\tallowed ips { 10.77.0.3/32 fd77::3/128 }\n}' % n.pub('x'))
    n.write_conf(n.conf(extra=other))
    n.ctl('reload')
    session(n)
    n.second_up()
    check(n.call('d', ping, GATE4)[0] == 0, 'second client')
    check(n.call('d', ping, SERVER4)[0] == 0, 'second client to the host')
    code, text = n.call('c', ping, '10.77.0.3')
    check(code != 0 and 'Unreachable' in text, 'off', text)
    n.write_conf(n.conf(extra='overlay yes\n' + other))
    n.ctl('reload')
    for h in ('10.77.0.3', 'fd77::3'):
        code, text = n.call('c', ping, h)
        check(code == 0 and ('ttl=63' in text), 'on', text)
    srv = n.begin('d', serve_once, 7777)
    check(n.call('c', send_to_peer, 7777) == '%d 10.77.0.2' % (3 * MB),
          'transfer')
    srv()
    check(n.ctlj('show', 'counters')['wg_overlay_packets'] > 2000, 'count')
    check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'the host')
    n.write_conf(n.conf(extra='overlay yes exclude 10.77.0.3/32\n' + other))
    n.ctl('reload')
    code, text = n.call('c', no_ping, '10.77.0.3')
    check(code != 0, 'excluded', text)
    n.write_conf(n.conf())
    n.ctl('reload')


def test_no_ping(n):
    """Where ping sockets are not allowed, all the rest works."""
    if n.rootless:
        return          # only the machine's root can close it again
    def close_ping():
        with open('/proc/sys/net/ipv4/ping_group_range', 'w') as f:
            f.write('1 0')
    n.call('g', close_ping)
    try:
        n.stop()
        n.start()
        check('net.ipv4.ping_group_range' in n.logtext(), n.logtext())
        session(n)
        check(n.ctlj('show', 'counters')['icmp_available'] == 0, 'counter')
        check(n.call('c', ping, GATE4)[0] == 0, 'gateway')
    finally:
        n.call('g', open_ping)
        n.stop()
        n.start()
        session(n)


def test_socket_path(n):
    """A file in the way of the control socket stays."""
    path = os.path.join(n.dir, 'run', 'precious')
    with open(path, 'w') as f:
        f.write('x')
    os.chmod(path, 0o666)
    conf = n.write_conf('listen on * port 51999\n' +
                        n.conf().partition('\n')[2])
    p = n.spawn('g', [n.bin + '/wgslirpd', '-d', '-f', conf, '-s', path],
                uid=n.owner)
    check(p.wait(10) == 1 and open(path).read() == 'x', 'file is gone')
    n.write_conf(n.conf())


def held_sockets(n):
    """The UDP and the control socket, as systemd makes them."""
    here = os.open('/proc/self/ns/net', os.O_RDONLY)
    try:
        setns(n.ns['g'])
        # one for both families
        u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        u.bind(('::', 51820))
    finally:
        setns(here)
        os.close(here)
    s = socket.socket(socket.AF_UNIX)
    s.bind(n.dir + '/run/act.sock')
    if n.owner is not None:
        os.chown(n.dir + '/run/act.sock', n.owner, n.owner)
    s.listen(5)
    return u, s


def start_held(n, u, s, conf):
    """A daemon that is given sockets, as another manager would start it."""
    open(n.log, 'w').close()

    def child():
        a, b = os.dup(u.fileno()), os.dup(s.fileno())
        os.dup2(a, 200)
        os.dup2(b, 201)
        os.dup2(200, 3)
        os.dup2(201, 4)
        os.closerange(5, 256)
        os.environ['LISTEN_FDS'] = '2'
        os.environ['LISTEN_PID'] = str(os.getpid())
        log = os.open(n.log, os.O_WRONLY | os.O_TRUNC)
        os.dup2(log, 2)
        os.close(log)
        os.execv(n.bin + '/wgslirpd', ['wgslirpd', '-d', '-f', conf,
                                       '-s', n.sock])
    pid = os.fork()
    if pid == 0:
        try:
            setns(n.ns['g'])
            if n.owner is not None:
                os.setgroups([])
                os.setresgid(n.owner, n.owner, n.owner)
                os.setresuid(n.owner, n.owner, n.owner)
            child()
        finally:
            os._exit(127)
    wait_for(lambda: 'started' in n.logtext(), what='start')
    return pid


def stop_held(pid):
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def test_activation(n):
    """Sockets from a service manager, which outlive the daemon."""
    n.stop()
    conf = n.write_conf(n.conf())
    u, s = held_sockets(n)
    try:
        pid = start_held(n, u, s, conf)
        session(n)
        r = run(n.bin + '/wgslirpctl', '-s', n.dir + '/run/act.sock',
                'show')
        check('peers: 1' in r.stdout, r.stdout)
        r = run(n.bin + '/wgslirpctl', '-s', n.dir + '/run/act.sock',
                'show', 'peers', '-v')
        check('endpoint: 10.9.0.2:' in r.stdout, r.stdout)
        stop_held(pid)
        # who connects while there is no gateway is served by the next one
        end = n.begin('c', connect_error, SERVER4, 80, 20)
        time.sleep(0.5)
        pid = start_held(n, u, s, conf)
        t = time.monotonic()
        check(end()[0] == 'connected', 'no connection')
        took = time.monotonic() - t
        check(took < 4, 'not at once', took)
        n.last = 'connected %.1f s after the start' % took
    finally:
        stop_held(pid)
        u.close()
        s.close()
        os.unlink(n.dir + '/run/act.sock')
        n.start()


def in_the_background(n):
    """wgslirpctl restarts it, with the options that it has."""
    conf = n.write_conf(n.conf())
    as_d = n.spawn('g', [n.bin + '/wgslirpd', '-D', 'a=b', '-f', conf,
                         '-s', n.sock], uid=n.owner)
    check(as_d.wait(10) == 0, 'in the background')

    def parent():
        r = n.ctl('-j', 'show', 'processes', ok=False)
        return r.returncode == 0 and [
            p['pid'] for p in json.loads(r.stdout)['processes']
            if p['title'] == 'parent'][0]

    def restart():
        out = n.dir + '/restart.log'
        open(out, 'w').close()
        os.chmod(out, 0o666)
        return n.spawn('g', [n.bin + '/wgslirpctl', '-s', n.sock,
                             'restart'], uid=n.owner, log=out).wait(30)
    pids = [wait_for(parent, what='the first')]
    try:
        check(restart() == 0, 'restart')
        pids.append(parent())
        check(pids[0] != pids[1], 'the same')
        check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'served')
        n.write_conf(n.conf(extra='nonsense'))
        check(restart() == 1, 'a wrong configuration')
        check('syntax error' in open(n.dir + '/restart.log').read(),
              open(n.dir + '/restart.log').read())
        check(parent() == pids[1], 'another one')
    finally:
        os.kill(parent(), signal.SIGTERM)
        wait_for(lambda: not os.path.exists(n.sock), what='its end')


def test_replace(n):
    """Another daemon takes the sockets of the one that runs."""
    n.stop()
    n.start(n.conf(extra='forward tcp from 127.0.0.1 port 8099 to 10.77.0.2 '
                         'port 80'))
    session(n)
    old, log = n.daemon, n.log

    def another(text, ok=True):
        path = os.path.join(n.dir, 'next.conf')
        os.rename(n.write_conf(text), path)
        n.write_conf(n.conf())
        out = os.path.join(n.dir, 'next.log')
        open(out, 'w').close()
        os.chmod(out, 0o666)
        p = n.spawn('g', [n.bin + '/wgslirpd', '-R', '-d', '-v', '-f', path,
                          '-s', n.sock], log=out, uid=n.owner)
        wait_for(lambda: 'started' in open(out).read() or
                 p.poll() is not None, what='the next one')
        return p, open(out).read()
    try:
        # one that cannot start changes nothing
        for wrong in ('nonsense', 'pcap file "/nowhere/x"',
                      'metrics listen on 192.0.2.77 port 9586'):
            p, text = another(n.conf(extra=wrong))
            check(p.wait(10) == 1 and old.poll() is None, wrong, text)
            check(n.call('c', get, SERVER4, 1000)[0] == 1000, wrong)
        sockets = n.ctlj('show', 'interfaces')['interfaces']
        inode = os.stat(n.sock).st_ino
        t = time.monotonic()
        p, text = another(n.conf(extra='forward tcp from 127.0.0.1 port 8099 '
                                 'to 10.77.0.2 port 80'))
        check(p.poll() is None, text)
        took = time.monotonic() - t
        n.daemon, n.log = p, os.path.join(n.dir, 'next.log')
        check(old.wait(10) == 0, 'how the old one ended')
        t = time.monotonic()
        check(n.call('c', get, SERVER4, 1000)[0] == 1000, 'served')
        again = time.monotonic() - t
        n.last = 'replaced in %.1f s, served %.1f s later' % (took, again)
        check(n.ctlj('show', 'interfaces')['interfaces'] == sockets,
              'other sockets')
        check(os.stat(n.sock).st_ino == inode, 'another control socket')
        check(n.ctl('health').returncode == 0, 'health')
        # and so on, one after the other
        first = n.daemon
        p, text = another(n.conf())
        check(p.poll() is None, text)
        n.daemon = p
        check(first.wait(10) == 0, 'the second one')
        session(n)
        check(not [x for x in n.ctlj('show', 'interfaces')['interfaces']
                   if x['kind'] == 'forward'], 'left over')
        check(n.stop() == 0, 'stopped')
        left = os.listdir(os.path.dirname(n.sock))
        check(not [x for x in left if x.startswith('ctl.sock')], left)
        # root needs a user for a daemon in the background
        if n.owner is not None:
            in_the_background(n)
        # nobody to replace
        p, text = another(n.conf())
        check(p.wait(10) == 1 and '-R: ' in text, text)
    finally:
        n.stop()
        n.log = log
        n.start()
        session(n)


def test_watchdog(n):
    """A service manager hears that all is well, as long as it is."""
    path = n.dir + '/notify'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        os.chmod(path, 0o777)
        os.chmod(n.dir, 0o755)
        n.stop()
        os.environ['NOTIFY_SOCKET'] = path
        os.environ['WATCHDOG_USEC'] = '600000'
        try:
            n.start()
        finally:
            del os.environ['NOTIFY_SOCKET'], os.environ['WATCHDOG_USEC']
        try:
            s.settimeout(5)
            check(s.recv(100) == b'READY=1', 'ready')
            for _ in range(3):
                check(s.recv(100) == b'WATCHDOG=1', 'well')
            for title in ('crypto', 'slirp', 'control'):
                pid = [p['pid'] for p in n.ctlj('show', 'processes')[
                    'processes'] if p['title'] == title][0]
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.3)
                s.setblocking(False)
                try:
                    while s.recv(100):
                        pass
                except BlockingIOError:
                    pass
                s.settimeout(1)
                try:
                    check(False, title, 'hangs, and is well', s.recv(100))
                except socket.timeout:
                    pass
                os.kill(pid, signal.SIGCONT)
                s.settimeout(5)
                check(s.recv(100) == b'WATCHDOG=1', 'well again')
        finally:
            n.stop()
            os.unlink(path)
            n.start()
            session(n)


TESTS = [test_ping, test_download, test_upload, test_parallel, test_half_close,
         test_refused, test_blackhole, test_unreachable, test_reset,
         test_stalled_reader, test_speaks_first, test_udp, test_ping_one_id,
         test_blocked, test_show, test_secrets, test_hidden,
         test_control_hostile, test_slots, test_kill_flow,
         test_log, test_outer_v6, test_roaming, test_reload, test_offload,
         test_policy_rules, test_endpoint_by_name, test_reserved,
         test_outer_ecn, test_dead_server,
         test_moving_name,
         test_address_change, test_sticky_source, test_flood, test_unsteered,
         test_metrics,
         test_tcp_options, test_restart,
         test_peer_new, test_drain, test_monitor, test_pcap,
         test_pcap_file, test_metrics_log, test_watch, test_show_flows,
         test_show_more,
         test_pause, test_peer_restart, test_wrong_key,
         test_stop, test_kill_children, test_as_root, test_overlay,
         test_no_ping, test_socket_path, test_watchdog,
         test_replace,
         test_activation]


def main():
    n = Net()

    def setup():
        n.start_server()
        n.start()
        n.client_up()
    return run_tests(n, 'e2e', named(TESTS + uapi.TESTS), setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
