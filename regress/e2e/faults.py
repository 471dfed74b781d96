# SPDX-License-Identifier: ISC
"""Floods and faults, and what an honest guest notices of them.

A guest, "c", or somebody outside of the tunnel does what is worst; another one,
"d", asks a server something every 50 ms meanwhile.  The daemon has its filters
on, its memory is looked at before, during and afterwards, and each test prints
what it saw.
"""

import errno
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '../guest')]
import server                                               # noqa: E402
from guest import get                                       # noqa: E402
from net import (Net, check, named, run, run_tests,         # noqa: E402
                 wait_for, GATE4, SERVER4, TOP)

MB = 1 << 20
SECONDS = float(os.environ.get('SECONDS', '4'))
SEED = int(os.environ.get('SEED', '1'))
HONEST = '10.77.0.3'


# ---- the honest guest

def asks(seconds):
    """A byte there and back, again and again; milliseconds, and failures."""
    took, failed = [], 0
    end = time.time() + seconds
    s = None
    while time.time() < end:
        began = time.time()
        try:
            if s is None:
                s = socket.create_connection((SERVER4, server.ECHO), 15)
                s.settimeout(15)
            s.sendall(b'x')
            if s.recv(1) != b'x':
                raise OSError('closed')
            took.append((time.time() - began) * 1000)
        except OSError:
            failed += 1
            if s is not None:
                s.close()
            s = None
        # and a new connection now and then
        if s is not None and len(took) % 10 == 0:
            s.close()
            s = None
        time.sleep(0.05)
    return sorted(took), failed


def stands_still(seconds):
    """
    For how many milliseconds at most somebody who only sleeps, and wants
    nothing, is kept from going on: the machine's part of what is slow.
    """
    worst, end = 0, time.time() + seconds
    while time.time() < end:
        began = time.time()
        time.sleep(0.005)
        worst = max(worst, (time.time() - began) * 1000 - 5)
    return worst


def resident(n):
    """KiB of the engines that are no shared memory."""
    got = {}
    for p in n.ctlj('show', 'processes')['processes']:
        with open('/proc/%d/status' % p['pid']) as f:
            for line in f:
                if line.startswith('RssAnon'):
                    got[p['title']] = int(line.split()[1])
    return got


def pids(n):
    return {p['title']: p['pid'] for p in
            n.ctlj('show', 'processes')['processes']}


def during(n, what, attack, *args, seconds=None, who='c', least=1000):
    """Have somebody attack, and say what the honest guest saw."""
    seconds = seconds or SECONDS
    before = resident(n)
    still = n.begin('d', stands_still, seconds, timeout=seconds + 60)
    end = n.begin('d', asks, seconds, timeout=seconds + 60)
    sent = n.begin(who, attack, seconds, *args, timeout=seconds + 60)()
    took, failed = end()
    machine = still()
    check(n.daemon.poll() is None, what, 'daemon died', n.logtext()[-600:])
    after = resident(n)
    grown = {k: after[k] - before[k] for k in after}
    check(took, what, 'nothing came back')
    check(sent >= least, what, 'only', sent)
    median, worst = took[len(took) // 2], took[-1]
    print('     %s: %d sent; the honest guest: %d answers, median %.1f ms, '
          'worst %.0f ms, %d failed; the machine %.0f ms; '
          'memory %+d KiB slirp, %+d KiB crypto' % (
              what, sent, len(took), median, worst, failed, machine,
              grown['slirp'], grown['crypto']))
    # An answer that takes 15 seconds has failed.
    check(failed == 0, what, 'failed for the honest guest:', failed)
    # A question is passed on by a handful of processes, each of which may have
    # to wait for a machine that stands still, or its host does; twice over.
    check(median < 2000 + 10 * machine, what, 'median', median, machine)
    check(max(grown.values()) < 64 * 1024, what, 'memory', grown)


# ---- what a guest sends

def checksum(b):
    if len(b) % 2:
        b += b'\0'
    s = sum(struct.unpack('>%dH' % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ip4(proto, payload, src='10.77.0.2', dst=SERVER4, frag=0, ident=1,
        ttl=64, options=b''):
    h = struct.pack('>BBHHHBBH4s4s', 0x40 | (5 + len(options) // 4), 0,
                    20 + len(options) + len(payload), ident, frag, ttl,
                    proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    h += options
    return h[:10] + struct.pack('>H', checksum(h)) + h[12:] + payload


def pseudo(proto, payload, src='10.77.0.2', dst=SERVER4):
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(
        '>BBH', 0, proto, len(payload))


def tcp(sport, dport, seq, ack, flags, options=b'', data=b'', window=65535):
    options += b'\0' * (-len(options) % 4)
    h = struct.pack('>HHIIBBHHH', sport, dport, seq & 0xffffffff,
                    ack & 0xffffffff, (5 + len(options) // 4) << 4, flags,
                    window, 0, 0) + options + data
    c = checksum(pseudo(6, h) + h)
    return h[:16] + struct.pack('>H', c) + h[18:]


def udp(sport, dport, data, dst=SERVER4):
    h = struct.pack('>HHHH', sport, dport, 8 + len(data), 0) + data
    c = checksum(pseudo(17, h, dst=dst) + h)
    return h[:6] + struct.pack('>H', c or 0xffff) + h[8:]


def raw(tag, kind=0x0800):
    """Bytes as they are, into the tunnel."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    return s, ('wg%sc' % tag, kind)


def push(s, where, packet):
    try:
        s.sendto(packet, where)
        return 1
    except OSError as e:
        if e.errno not in (errno.ENOBUFS, errno.EAGAIN):
            raise
        time.sleep(0.001)   # no room in the tunnel
        return 0


def changed(rnd, p):
    p = bytearray(p)
    for _ in range(rnd.randrange(1, 6)):
        how = rnd.randrange(4)
        at = rnd.randrange(len(p)) if p else 0
        if how == 0 and p:
            p[at] ^= 1 << rnd.randrange(8)
        elif how == 1 and p:
            p[at] = rnd.choice((0, 1, 0x7f, 0x80, 0xff))
        elif how == 2:
            p = p[:at]
        else:
            p[at:at] = rnd.randbytes(rnd.randrange(1, 30))
    return bytes(p)


def samples(rnd):
    """Packets to begin with: of each protocol, and odd ones."""
    x = rnd.randbytes
    opts = (b'\2\4\5\264\4\2\1\3\3\7', b'\5\12' + x(8), b'\5\42' + x(32),
            b'\x08\x0a' + x(8), b'\2\4\0\0', b'\3\3\377', b'\x13\x12' + x(16))
    port = rnd.randrange(1024, 65535)
    dport = rnd.choice((80, 7001, 7002, 9, 53))
    return rnd.choice((
        lambda: ip4(6, tcp(port, dport, 1, 0, 2, rnd.choice(opts))),
        lambda: ip4(6, tcp(port, dport, rnd.randrange(1 << 32),
                           rnd.randrange(1 << 32), rnd.randrange(256),
                           rnd.choice(opts), x(rnd.randrange(100)))),
        lambda: ip4(17, udp(port, dport, x(rnd.randrange(1300)))),
        lambda: ip4(17, udp(port, 53, x(rnd.randrange(100)), GATE4),
                    dst=GATE4),
        lambda: ip4(17, udp(port, 5351, x(rnd.randrange(100)), GATE4),
                    dst=GATE4),
        lambda: ip4(1, b'\x08\0\0\0' + x(rnd.randrange(60))),
        lambda: ip4(1, b'\3' + x(1) + b'\0\0' + x(4) +
                    ip4(17, udp(port, dport, b'x'), src=SERVER4,
                        dst='10.77.0.2')[:28]),
        lambda: ip4(rnd.choice((6, 17, 1)), x(rnd.randrange(8, 200)),
                    frag=rnd.choice((0x2000, 1, 0x2001, 0x1fff, 185)),
                    ident=rnd.randrange(4)),
        lambda: ip4(rnd.randrange(256), x(rnd.randrange(100)),
                    options=x(rnd.randrange(1, 10) * 4)),
        lambda: b'\x60' + x(3) + struct.pack(
            '>HBB', 40, rnd.choice((0, 43, 44, 60, 58, 6, 17, 135)), 64) +
            socket.inet_pton(socket.AF_INET6, 'fd77::2') +
            socket.inet_pton(socket.AF_INET6, '2001:db8::2') + x(40),
    ))()


def inner_junk(seconds, tag):
    rnd = random.Random(SEED)
    end, sent = time.time() + seconds, 0
    s, where = raw(tag)
    while time.time() < end:
        p = samples(rnd)
        if rnd.randrange(3):
            p = changed(rnd, p)
        if len(p) < 20:
            continue
        kind = 0x86dd if p[0] >> 4 == 6 else 0x0800
        sent += push(s, (where[0], kind), p)
    return sent


def syn_flood(seconds, tag):
    end, sent = time.time() + seconds, 0
    s, where = raw(tag)
    while time.time() < end:
        sent += push(s, where, ip4(6, tcp(
            1024 + sent % 60000, 81 + sent // 60000 % 7000, sent, 0, 2,
            b'\2\4\5\264')))
    return sent


def udp_spray(seconds, tag):
    """As many destinations as there are ports."""
    end, sent = time.time() + seconds, 0
    s, where = raw(tag)
    while time.time() < end:
        sent += push(s, where, ip4(17, udp(
            1024 + sent % 10007, 1 + sent % 65535, b'x')))
    return sent


def fragments(seconds, tag):
    """First pieces of datagrams of which nothing more comes."""
    end, sent = time.time() + seconds, 0
    s, where = raw(tag)
    while time.time() < end:
        sent += push(s, where, ip4(17, b'y' * 1200, frag=0x2000 | (
            sent % 3 * 150), ident=sent // 3 & 0xffff))
    return sent


def tiny(seconds, tag):
    """A byte in each segment, in an order that leaves holes, with SACK."""
    end, sent = time.time() + seconds, 0
    c = socket.create_connection((SERVER4, server.SINK), 5)
    s, where = raw(tag)
    sport = c.getsockname()[1]
    while time.time() < end:
        blocks = struct.pack('>BBII', 5, 10, sent * 7 & 0xffffffff,
                             (sent * 7 + 1) & 0xffffffff)
        sent += push(s, where, ip4(6, tcp(sport, server.SINK, sent * 2,
                                          sent * 5, 0x18, blocks, b'z')))
        if sent % 50 == 0:
            try:
                c.send(b'q', socket.MSG_DONTWAIT)
            except OSError:
                break
    c.close()
    return sent


def icmp_storm(seconds, tag):
    end, sent = time.time() + seconds, 0
    s, where = raw(tag)
    while time.time() < end:
        b = struct.pack('>BBHHH', 8, 0, 0, sent & 0xffff, sent >> 16) + \
            b'p' * 56
        b = b[:2] + struct.pack('>H', checksum(b)) + b[4:]
        sent += push(s, where, ip4(1, b, dst=SERVER4 if sent % 2 else
                                   GATE4))
    return sent


def slow_readers(seconds, _tag):
    """Downloads that nobody reads."""
    held = []
    end = time.time() + seconds
    while time.time() < end:
        if len(held) < 200:
            try:
                c = socket.create_connection((SERVER4, server.HTTP), 2)
                c.sendall(b'GET /104857600 HTTP/1.0\r\n\r\n')
                held.append(c)
            except OSError:
                time.sleep(0.05)
        else:
            time.sleep(0.05)
    n = len(held)
    for c in held:
        c.close()
    return n


# ---- what strangers send

def outer_junk(seconds, seeds):
    """Datagrams that look like WireGuard's, and ones that were."""
    rnd = random.Random(SEED)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end, sent = time.time() + seconds, 0
    sizes = {1: 148, 2: 92, 3: 64, 4: 32}
    while time.time() < end:
        how = rnd.randrange(4)
        if how == 0:
            b = rnd.randbytes(rnd.randrange(0, 200))
        elif how == 1 and seeds:
            b = changed(rnd, rnd.choice(seeds))
        else:
            t = rnd.randrange(1, 5)
            b = bytes((t, 0, 0, 0)) + rnd.randbytes(
                sizes[t] - 4 + (16 * rnd.randrange(8) if t == 4 else 0))
        try:
            s.sendto(b, ('10.9.0.1', 51820))
            sent += 1
        except OSError:
            pass
    return sent


def slow_clients(seconds, sock):
    """Of the control socket: bytes that never make a message."""
    held = []
    end = time.time() + seconds
    n = 0
    while time.time() < end:
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(1)
        try:
            c.connect(sock)
            c.sendall(b'\1')
            held.append(c)
            n += 1
        except OSError:
            c.close()
            time.sleep(0.01)
        while len(held) > 300:
            held.pop(0).close()
        time.sleep(0.002)
    return n


def slow_http(seconds):
    """A letter of a request now and then, on many connections."""
    held = []
    end = time.time() + seconds
    n = 0
    while time.time() < end:
        try:
            c = socket.create_connection(('127.0.0.1', 9586), 1)
            c.sendall(b'GET /met')
            held.append(c)
            n += 1
        except OSError:
            time.sleep(0.01)
        while len(held) > 300:
            held.pop(0).close()
        time.sleep(0.002)
    return n


# ---- tests: floods

def test_inner_junk(n):
    during(n, 'packets that are none', inner_junk, n.tag)


def test_outer_junk(n):
    during(n, 'datagrams that are none', outer_junk, [])


def test_syn_flood(n):
    during(n, 'SYN flood of a guest', syn_flood, n.tag)


def test_udp_spray(n):
    during(n, 'UDP to everywhere', udp_spray, n.tag)


def test_fragments(n):
    during(n, 'pieces of datagrams', fragments, n.tag)


def test_tiny(n):
    during(n, 'tiny segments, odd SACK', tiny, n.tag)


def test_icmp(n):
    during(n, 'pings', icmp_storm, n.tag)


def test_slow_readers(n):
    during(n, 'downloads that nobody reads', slow_readers, n.tag, least=50)


def test_slow_control(n):
    during(n, 'control socket, slowly', slow_clients, n.sock, who='g',
           least=100)
    wait_for(lambda: n.ctl('show', 'peers', ok=False).returncode == 0, 10,
             'the control socket to answer')


def test_slow_http(n):
    during(n, 'metrics, slowly', slow_http, who='g', least=50)


# ---- tests: faults

def test_stopped(n):
    """Processes stand still for a while, one after the other, under load."""
    rnd = random.Random(SEED)
    who = pids(n)
    end = n.begin_ready('c', get, SERVER4, 200 * MB, timeout=400)
    up = n.begin('d', asks, SECONDS * 2 + 5 * len(who), timeout=400)

    def stand(pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
    # each of them for long, and then any of them
    for title in sorted(who):
        stand(who[title], 5)
    stops = len(who)
    stop = time.time() + SECONDS * 2
    while time.time() < stop:
        stand(who[rnd.choice(sorted(who))],
              rnd.choice((0.05, 0.05, 0.2, 0.5, 1.5)))
        stops += 1
    got = end()
    took, failed = up()
    check(got == (200 * MB, server.digest(200 * MB)), 'download', got[0])
    print('     stopped %d times: worst answer %.0f ms, %d failed' % (
        stops, took[-1], failed))
    check(n.daemon.poll() is None, 'daemon died', n.logtext()[-600:])
    check(failed == 0, 'failed', failed)


def connects(k):
    """So many connections at once: how many were made, and how long it took."""
    held, began = [], time.time()
    for _ in range(k):
        try:
            held.append(socket.create_connection((SERVER4, server.ECHO), 5))
        except OSError:
            pass
    took = time.time() - began
    made = len(held)
    for c in held:
        c.close()
    return made, took


def limit(n, pid, what, soft):
    """Set a soft limit of a process as its user may; what it was."""
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if n.owner is not None:
                os.setgroups([])
                os.setresgid(n.owner, n.owner, n.owner)
                os.setresuid(n.owner, n.owner, n.owner)
            old = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (soft, old[1]))
            os.write(w, b'%d' % old[0])
        finally:
            os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        old = f.read()
    os.waitpid(child, 0)
    check(old, 'no limit could be set')
    return int(old)


def test_descriptors(n):
    """slirp has no descriptor left: refused at once, and well afterwards."""
    pid = pids(n)['slirp']
    # at every step of what a connection, a mapping and a name need
    for spare in (0, 1, 2, 3, 5, 20):
        used = max(int(x) for x in os.listdir('/proc/%d/fd' % pid)) + 1
        old = limit(n, pid, resource.RLIMIT_NOFILE, used + spare)
        try:
            made, took = n.call('c', connects, 40)
        finally:
            limit(n, pid, resource.RLIMIT_NOFILE, old)
        check(took < 20, 'spare', spare, made, took)
        check(made > 0 or spare < 20, 'spare', spare, made, took)
        check(n.daemon.poll() is None, 'daemon died', n.logtext()[-600:])
    wait_for(lambda: n.call('c', connects, 40)[0] == 40, 20, 'connections')


def without_memory(n, title, act):
    """What happens while a process gets none: it goes on, and so does all."""
    pid = pids(n)[title]
    with open('/proc/%d/status' % pid) as f:
        data = [int(x.split()[1]) for x in f if x.startswith('VmData')][0]
    old = limit(n, pid, resource.RLIMIT_DATA, data * 1024)
    try:
        act()
        check(n.daemon.poll() is None, 'daemon died', n.logtext()[-600:])
    finally:
        if n.daemon.poll() is None:
            limit(n, pid, resource.RLIMIT_DATA, old)
    wait_for(lambda: n.call('c', connects, 40)[0] == 40, 20, 'connections')
    wait_for(lambda: n.ctl('show', 'peers', ok=False).returncode == 0, 10,
             'the control socket to answer')


def test_memory(n):
    """slirp gets no more memory: what is new is refused."""
    def act():
        n.call('c', slow_readers, 3, '')
        n.call('c', inner_junk, 2, n.tag)
        n.call('c', udp_spray, 2, n.tag)
        n.ip('g', 'addr', 'add', '198.51.100.77/24', 'dev', 'e1')
        time.sleep(1)
        n.ip('g', 'addr', 'del', '198.51.100.77/24', 'dev', 'e1')
    without_memory(n, 'slirp', act)


def test_memory_crypto(n):
    """The same of the engine that has the keys, with handshakes."""
    def act():
        n.call('c', outer_junk, 2, [])
        for _ in range(3):
            n.client_set()
            n.call('c', connects, 2)
        n.call('c', get, SERVER4, 20 * MB)
    without_memory(n, 'crypto', act)


def test_memory_control(n):
    """And of the one that answers administrators."""
    def act():
        n.call('g', slow_clients, 2, n.sock)
        n.call('g', slow_http, 2)
        for what in ('peers', 'flows', 'counters', 'rules', 'metrics'):
            n.ctl('show', what, ok=False)
    without_memory(n, 'control', act)


def test_link(n):
    """The way to the servers goes down and up again, and loses its address."""
    end = n.begin_ready('c', get, SERVER4, 400 * MB, timeout=400)
    time.sleep(0.3)
    for _ in range(2):
        n.ip('g', 'link', 'set', 'e1', 'down')
        time.sleep(0.7)
        n.ip('g', 'link', 'set', 'e1', 'up')
        n.ip('g', 'addr', 'replace', '2001:db8::1/64', 'dev', 'e1', 'nodad')
        time.sleep(0.7)
    got = end()
    check(got == (400 * MB, server.digest(400 * MB)), 'download', got[0])
    n.ip('g', 'addr', 'del', '192.0.2.1/24', 'dev', 'e1')
    made, took = n.call('c', connects, 3)
    check(made == 0, 'without an address', made, took)
    n.ip('g', 'addr', 'add', '192.0.2.1/24', 'dev', 'e1')
    wait_for(lambda: n.call('c', connects, 3)[0] == 3, 20, 'connections')


def test_capture_full(n):
    """The disk is full, where packets are captured: that ends, alone."""
    out = subprocess.Popen([n.bin + '/wgslirpctl', '-s', n.sock, 'pcap'],
                           stdout=open('/dev/full', 'wb'),
                           stderr=subprocess.PIPE, text=True)
    n.call('c', get, SERVER4, 5 * MB)
    check(out.wait(15) != 0, 'pcap into a full disk')
    check(n.daemon.poll() is None, 'daemon died', n.logtext()[-600:])


def test_orphan(n):
    """The parent is killed while an engine stands still: nobody lives on."""
    who = pids(n)
    os.kill(who['slirp'], signal.SIGSTOP)
    n.daemon.kill()
    n.daemon.wait()
    wait_for(lambda: not [p for p in who.values()
                          if os.path.exists('/proc/%d' % p)], 5,
             'all processes to be gone')
    n.start()
    wait_for(lambda: n.call('c', connects, 1)[0] == 1 and
             n.call('d', connects, 1)[0] == 1, 20, 'sessions')


def test_end(n):
    """After all that: it works, and nothing was ended by a signal."""
    got, d = n.call('c', get, SERVER4, 50 * MB)
    check((got, d) == (50 * MB, server.digest(50 * MB)), 'download', got)
    bad = [x for x in n.logtext().splitlines() if 'terminated' in x or
           'fatal' in x or 'BUG' in x]
    check(not bad, bad)


TESTS = [test_slow_readers, test_inner_junk, test_outer_junk, test_fragments,
         test_tiny, test_icmp, test_udp_spray, test_syn_flood,
         test_slow_control, test_slow_http, test_stopped, test_descriptors,
         test_memory, test_memory_crypto, test_memory_control, test_link,
         test_capture_full, test_orphan, test_end]


class Two(Net):
    """With a second peer, and all that answers guests."""

    more_conf = ''

    def conf(self, extra='', peer_extra='', pub=None):
        return super().conf(
            extra + 'dns listen\nmetrics listen on 127.0.0.1 port 9586\n'
            'pcp port 40000:40100\n' + self.more_conf, peer_extra, pub) + \
            'peer "second" {\n\tpublic key "%s"\n' \
            '\tallowed ips { 10.77.0.3/32 fd77::3/128 }\n}\n' % self.pub('x')


def main():
    n = Two()

    def setup():
        n.start_server()
        n.start()
        n.client_up()
        n.second_up()
        wait_for(lambda: n.call('d', connects, 1)[0] == 1 and
                 n.call('c', connects, 1)[0] == 1, 20, 'sessions')
    try:
        return run_tests(n, 'faults', named(TESTS), setup)
    finally:
        n.close()


if __name__ == '__main__':
    sys.exit(main())
