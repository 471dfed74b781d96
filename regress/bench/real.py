# SPDX-License-Identifier: ISC
"""What gateways cost with a real client: wireguard-go over a veth.

usage: real.py [-s seconds] [-r rounds] [-k up,down,...] [PROGRAM ...]
PROGRAM is a wgslirpd, by its path, or the name of another user-space gateway
that is on PATH: wiretap, wgslirp.  Without any it is ours and those
that are found.  They take turns, under each client that is found: Debian's
wireguard-go, which sends one datagram a call, and a current one, which
sends and takes trains: "wireguard" on PATH, or what WIREGUARD_GO names.
The load is plain TCP.  Two namespaces are made and removed; needs root.
The figures are medians; CPU is that of the gateway's processes alone.
"""

import argparse
import ctypes
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
LOAD = TOP + '/regress/bench/load.t'
OURS = TOP + '/wgslirpd/wgslirpd'
TICK = os.sysconf('SC_CLK_TCK')
OUTER, SERVER = ('10.9.0.1', '10.9.0.2'), '192.0.2.1'
TUNNEL = ('10.77.0.1', '10.77.0.2')
PORT = 51877
SERVE = 7100
KINDS = ('up', 'down', 'up16', 'down16')
OTHERS = ('wiretap', 'wgslirp')


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True,
                          **kw).stdout


def key(ctl):
    private = run(ctl, 'genkey').strip()
    return private, run(ctl, 'pubkey', input=private).strip()


def children(pid):
    """The process and all that came from it."""
    pids = [pid]
    for p in pids:
        for t in os.listdir('/proc/%d/task' % p):
            with open('/proc/%d/task/%s/children' % (p, t)) as f:
                pids += map(int, f.read().split())
    return pids


def cpu_of(pids):
    total = 0
    for p in pids:
        try:
            with open('/proc/%d/stat' % p) as f:
                v = f.read().rpartition(')')[2].split()
        except OSError:
            if p == pids[0]:
                raise
            continue            # what it only ran for a moment
        total += int(v[11]) + int(v[12])
    return total / TICK


class Place:
    """Two namespaces, a veth, keys, and what runs there."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='wgslirpd-real.')
        os.chmod(self.dir, 0o755)
        self.tag = 'wr%d' % (os.getpid() % 100000)
        self.ns = (self.tag + 'g', self.tag + 'c')
        self.procs = []
        ctl = TOP + '/wgslirpctl/wgslirpctl'
        self.server, self.client = key(ctl), key(ctl)
        for n in self.ns:
            run('ip', 'netns', 'add', n)
            run('ip', '-n', n, 'link', 'set', 'lo', 'up')
        run('ip', 'link', 'add', 'e0', 'netns', self.ns[0], 'type', 'veth',
            'peer', 'name', 'e0', 'netns', self.ns[1])
        for n, a in zip(self.ns, OUTER):
            run('ip', '-n', n, 'addr', 'add', a + '/24', 'dev', 'e0')
            run('ip', '-n', n, 'link', 'set', 'e0', 'up')
        run('ip', '-n', self.ns[0], 'addr', 'add', SERVER, 'dev', 'lo')

    def spawn(self, ns, *args, env=None):
        p = subprocess.Popen(['ip', 'netns', 'exec', self.ns[ns], *args],
                             stdin=subprocess.DEVNULL,
                             stdout=open(self.dir + '/log', 'a'),
                             stderr=subprocess.STDOUT,
                             env=dict(os.environ, **(env or {})))
        self.procs.append(p)
        return p

    def path(self, name, text):
        with open(self.dir + '/' + name, 'w') as f:
            f.write(text)
        os.chmod(self.dir + '/' + name, 0o600)
        return self.dir + '/' + name

    def end(self, p):
        p.terminate()
        try:
            p.wait(5)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        self.procs.remove(p)

    def close(self):
        for p in list(self.procs):
            self.end(p)
        for n in self.ns:
            subprocess.run(['ip', 'netns', 'del', n], check=False)
        subprocess.run(['rm', '-rf', self.dir], check=False)

    # the gateways

    def wgslirpd(self, program):
        conf = self.path('conf', 'listen on * port %d\nprivate key "%s"\n'
                         'address %s/24\npass to %s\npeer "c" {\n'
                         '\tpublic key "%s"\n\tallowed ips %s/32\n}\n' % (
                             PORT, self.server[0], TUNNEL[0], SERVER,
                             self.client[1], TUNNEL[1]))
        return self.spawn(0, program, '-d', '-f', conf, '-s',
                          self.dir + '/ctl')

    def wiretap(self, program):
        conf = self.path('wt.conf', '[Relay.Interface]\nPrivateKey = %s\n'
                         'IPv4 = %s\nPort = %d\nMTU = 1420\n[Relay.Peer]\n'
                         'PublicKey = %s\nAllowed = %s/32\n' % (
                             self.server[0], TUNNEL[0], PORT,
                             self.client[1], TUNNEL[1]))
        return self.spawn(0, program, 'serve', '-f', conf, '--simple')

    def wgslirp(self, program):
        return self.spawn(0, program, env={
            'WG_PRIVATE_KEY': self.server[0], 'WG_LISTEN_PORT': str(PORT),
            'WG_MTU': '1420', 'WG_PEERS': '0',
            'WG_PEER_0_PUBLIC_KEY': self.client[1],
            'WG_PEER_0_ALLOWED_IPS': TUNNEL[1] + '/32'})

    def gateway(self, program):
        how = {'wiretap': self.wiretap, 'wgslirp': self.wgslirp}
        return how.get(os.path.basename(program), self.wgslirpd)(program)

    # the client

    def tunnel(self, program):
        p = self.spawn(1, program, '-f', 'wg0')
        sock = '/var/run/wireguard/wg0.sock'
        for _ in range(100):
            if subprocess.run(['ip', '-n', self.ns[1], 'link', 'show', 'wg0'],
                              capture_output=True,
                              check=False).returncode == 0 and \
                    os.path.exists(sock):
                break
            time.sleep(0.05)
        conf = self.path('client.conf', '[Interface]\nPrivateKey = %s\n'
                         '[Peer]\nPublicKey = %s\nEndpoint = %s:%d\n'
                         'AllowedIPs = 0.0.0.0/0\n' % (
                             self.client[0], self.server[1], OUTER[0], PORT))
        run('ip', 'netns', 'exec', self.ns[1], 'wg', 'setconf', 'wg0', conf)
        run('ip', '-n', self.ns[1], 'addr', 'add', TUNNEL[1] + '/24', 'dev',
            'wg0')
        run('ip', '-n', self.ns[1], 'link', 'set', 'wg0', 'mtu', '1420', 'up')
        run('ip', '-n', self.ns[1], 'route', 'add', SERVER, 'dev', 'wg0')
        return p

    def load(self, kind, seconds, pids):
        """Gbit/s, CPU seconds a gigabyte; NaN if nothing came through."""
        try:
            before = cpu_of(pids)
        except OSError:                     # it is dead
            return (0.0, float('nan'))
        out = subprocess.run(
            ['timeout', str(seconds + 20), 'ip', 'netns', 'exec', self.ns[1],
             sys.executable, __file__, '--client', kind, '-s', str(seconds)],
            capture_output=True, text=True, check=False).stdout
        try:
            cpu = cpu_of(pids) - before
            size, took = map(float, out.split())
            return (size * 8 / took / 1e9, cpu / size * 1e9)
        except (OSError, ValueError, ZeroDivisionError):
            return (0.0, float('nan'))


def client(kind, seconds):
    """In the client's namespace: bytes that went, and seconds."""
    down = kind.startswith('down')
    poll = select.poll()
    socks = {}
    for _ in range(int(kind.lstrip('updown') or 1)):
        s = socket.socket()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'cubic')
        s.settimeout(10)
        s.connect((SERVER, SERVE + down))
        s.setblocking(False)
        socks[s.fileno()] = s
        poll.register(s, select.POLLIN if down else select.POLLOUT)
    block = bytearray(1 << 18)
    size, begin = 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        for fd, _ in poll.poll(500):
            try:
                size += socks[fd].recv_into(block) if down else \
                    socks[fd].send(block)
            except BlockingIOError:
                pass
    took = time.monotonic() - begin
    for s in () if down else socks.values():
        left = fcntl.ioctl(s, termios.TIOCOUTQ, b'\0' * 4)
        size -= struct.unpack('i', left)[0]
    print(size, took, flush=True)
    os._exit(0)


def one(place, gateway, client, kinds, seconds):
    """A fresh gateway and a fresh client: {kind: (Gbit/s, CPU-s/GB)}."""
    serve = place.spawn(0, LOAD, 'serve', str(SERVE))
    g = place.gateway(gateway)
    c = place.tunnel(client)
    try:
        for _ in range(5):
            if subprocess.run(['ip', 'netns', 'exec', place.ns[1], 'ping',
                               '-c', '1', '-W', '1', TUNNEL[0]],
                              capture_output=True,
                              check=False).returncode == 0:
                break
            time.sleep(0.1)
        if g.poll() is not None:
            return {k: (0.0, float('nan')) for k in kinds}
        pids = children(g.pid)
        return {k: place.load(k, seconds, pids) for k in kinds}
    finally:
        for p in (c, g, serve):
            place.end(p)


def clients():
    found = {}
    if shutil.which('wireguard-go'):
        found['wireguard-go of Debian'] = shutil.which('wireguard-go')
    current = os.environ.get('WIREGUARD_GO') or shutil.which('wireguard')
    if current:
        found['wireguard-go, current'] = current
    return found


def measure(programs, kinds, seconds, rounds, say=print):
    """{(client, program, kind): (Gbit/s, CPU-s/GB)}, medians."""
    rows = {}
    place = Place()
    try:
        for _ in range(rounds):
            for label, client in clients().items():
                for g in programs:
                    for k, v in one(place, g, client, kinds,
                                    seconds).items():
                        rows.setdefault((label, g, k), []).append(v)
    finally:
        place.close()
    out = {}
    for k, v in rows.items():
        out[k] = tuple(statistics.median(x) for x in zip(*v))
        say('%-24s %-28s %-7s %6.2f Gbit/s %7.2f CPU-s/GB' % (
            k[0], re.sub(r'^.*/(?=[^/]*$)', '', k[1]) if k[1] in OTHERS else
            k[1][-28:], k[2], *out[k]))
        sys.stdout.flush()
    return out


def possible():
    """What is missing here, or None."""
    for p in ('ip', 'wg', 'ping'):
        if shutil.which(p) is None:
            return p + ' is not installed'
    if os.geteuid() != 0 or not os.path.exists('/dev/net/tun'):
        return 'needs root and /dev/net/tun'
    return None if clients() else 'no wireguard-go'


def own_mounts():
    """Namespaces have names, and wireguard-go its sockets, for us alone."""
    if ctypes.CDLL(None).unshare(0x00020000) != 0:      # CLONE_NEWNS
        sys.exit('real.py: unshare')
    run('mount', '--make-rprivate', '/')
    os.makedirs('/var/run/wireguard', exist_ok=True)
    run('mount', '-t', 'tmpfs', 'none', '/var/run/wireguard')


def found():
    return [OURS] + [p for p in OTHERS if shutil.which(p)]


def alone(seconds, rounds):
    """For bench.py, in a process of its own: {"client|program|kind": v}."""
    own_mounts()
    return {'|'.join(k): v for k, v in
            measure(found(), KINDS, seconds, rounds, lambda *_: None).items()}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('-s', type=float, default=4)
    a.add_argument('-r', type=int, default=3)
    a.add_argument('-k', default=','.join(KINDS))
    a.add_argument('--client')
    a.add_argument('program', nargs='*')
    a = a.parse_args()
    if a.client:
        client(a.client, a.s)
    why = possible()
    if why:
        sys.exit('real.py: ' + why)
    programs = a.program or found()
    for p in programs:
        if shutil.which(p) is None:
            sys.exit('real.py: %s is not there' % p)
    own_mounts()
    measure(programs, a.k.split(','), a.s, a.r)


if __name__ == '__main__':
    main()
