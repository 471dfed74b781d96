# SPDX-License-Identifier: ISC
"""What others cost under the same load, if Debian has installed them.

wireguard-go with the kernel's own TCP behind it; and, as one had to do it
without privileges, in a namespace behind pasta or slirp4netns, with the
kernel's forwarding and NAT between the two.  CPU is that of the processes;
the kernel's forwarding is in it as far as they do it.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

HOST = '192.0.2.2'          # of the namespace that stands for the host
CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_REC_PRIVATE = 0x4000 | 0x40000
MS_BIND = 0x1000
WINDOW = '65536'            # the load recovers from no loss


def run(*args, check=True):
    return subprocess.run(args, check=check, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)


class Namespace:
    """One with wireguard-go in it, and what connects it to the host."""

    def __init__(self, libc, directory, port, key, peer):
        self.dir, self.port = directory, port
        self.name = 'wgb%d' % (os.getpid() % 10000)
        self.held = subprocess.Popen(['unshare', '-n', 'sleep', '600'])
        self.procs = [self.held]
        self.pids = []
        own = os.readlink('/proc/self/ns/net')
        for _ in range(100):
            if os.readlink('/proc/%d/ns/net' % self.held.pid) != own:
                break
            time.sleep(0.02)
        self.path = directory + '/net'
        open(self.path, 'w').close()
        if libc.mount(('/proc/%d/ns/net' % self.held.pid).encode(),
                      self.path.encode(), None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), 'mount')
        with open(directory + '/conf', 'w') as f:
            f.write('[Interface]\nPrivateKey = %s\nListenPort = %d\n[Peer]'
                    '\nPublicKey = %s\nAllowedIPs = 10.77.1.1/32\n' % (
                        key, port, peer))

    def inside(self, *args, check=True):
        return run('nsenter', '--net=' + self.path, *args, check=check)

    def start(self, *args):
        p = subprocess.Popen(args, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        self.procs.append(p)
        self.pids.append(p.pid)
        return p

    def wireguard(self):
        self.start('nsenter', '--net=' + self.path, 'wireguard-go', '-f',
                   self.name)
        for _ in range(50):
            if self.inside('wg', 'setconf', self.name, self.dir + '/conf',
                           check=False).returncode == 0:
                break
            time.sleep(0.1)
        self.inside('ip', 'addr', 'add', '10.77.0.1/16', 'dev', self.name)
        self.inside('ip', 'link', 'set', self.name, 'mtu', '1420', 'up')

    def forward(self):
        self.inside('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
        self.inside('nft', 'add', 'table', 'ip', 'n')
        self.inside('nft', 'add chain ip n p { type nat hook postrouting '
                    'priority 100; }')
        self.inside('nft', 'add', 'rule', 'ip', 'n', 'p', 'oifname', '!=',
                    self.name, 'masquerade')

    def pasta(self):
        self.start('pasta', '-f', '--runas', '0', '--config-net', '-t',
                   'none', '-T', 'none', '-U', 'none', '-u',
                   str(self.port), '--netns', self.path)
        time.sleep(1)
        return HOST.rpartition('.')[0] + '.1'

    def slirp4netns(self):
        api = self.dir + '/api'
        self.start('slirp4netns', '-c', '--mtu=1500', '-a', api,
                   str(self.held.pid), 'tap0')
        time.sleep(1)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(api)
            s.sendall(json.dumps({
                'execute': 'add_hostfwd', 'arguments': {
                    'proto': 'udp', 'host_addr': '127.0.0.1',
                    'host_port': self.port, 'guest_port': self.port}
            }).encode())
            s.shutdown(socket.SHUT_WR)
            s.recv(1000)
        return '10.0.2.2'

    def stop(self, libc):
        for p in reversed(self.procs):
            p.kill()
            p.wait()
        libc.umount2(self.path.encode(), 2)
        os.unlink(self.path)
        path = '/var/run/wireguard/%s.sock' % self.name
        if os.path.exists(path):
            os.unlink(path)


def one(libc, how, kinds, row, load, keys, public, port):
    priv, key = keys(2)
    d = tempfile.mkdtemp(prefix='wgslirpd-bench.')
    with open(d + '/keys', 'w') as f:
        f.write(priv + '\n')
    ns = Namespace(libc, d, port, key, public(priv))
    try:
        target = getattr(ns, how)()
        ns.wireguard()
        ns.forward()
        for kind in kinds:
            r = load(kind, d + '/keys', public(key), target, 1, 1, ns.pids,
                     more=[WINDOW])
            row('wireguard-go behind %s, TCP %s (%.2f)' % (
                how, kind, r['gbit']), r['cpu_gb'], 'CPU-s/GB')
    finally:
        ns.stop(libc)
        subprocess.run(['rm', '-rf', d])


def alone(row, load, keys, public, port):
    """Both in this namespace: the kernel's TCP is the other end."""
    priv, key = keys(2)
    d = tempfile.mkdtemp(prefix='wgslirpd-bench.')
    name = 'wga%d' % (os.getpid() % 10000)
    with open(d + '/keys', 'w') as f:
        f.write(priv + '\n')
    with open(d + '/conf', 'w') as f:
        f.write('[Interface]\nPrivateKey = %s\nListenPort = %d\n[Peer]\n'
                'PublicKey = %s\nAllowedIPs = 10.77.1.1/32\n' % (
                    key, port, public(priv)))
    wg = subprocess.Popen(['wireguard-go', '-f', name],
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    try:
        for _ in range(50):
            if run('wg', 'setconf', name, d + '/conf',
                   check=False).returncode == 0:
                break
            time.sleep(0.1)
        run('ip', 'addr', 'add', '10.77.0.1/16', 'dev', name)
        run('ip', 'link', 'set', name, 'mtu', '1420', 'up')
        for kind in ('up', 'down'):
            r = load(kind, d + '/keys', public(key), '10.77.0.1', 1, 1,
                     [wg.pid], more=[WINDOW])
            row('wireguard-go alone, TCP %s (%.1f Gbit/s)' % (
                kind, r['gbit']), r['cpu_gb'], 'CPU-s/GB')
    finally:
        wg.kill()
        wg.wait()
        path = '/var/run/wireguard/%s.sock' % name
        if os.path.exists(path):
            os.unlink(path)
        subprocess.run(['rm', '-rf', d])


def in_namespace(libc, row, load, keys, public, prog, serve_port, port):
    run('ip', 'link', 'set', 'lo', 'up')
    # a host with a network, which nothing of this needs to cross
    run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1')
    run('ip', 'link', 'set', 'up1', 'up')
    run('ip', 'addr', 'add', HOST + '/24', 'dev', 'up0')
    run('ip', 'link', 'set', 'up0', 'up')
    run('ip', 'route', 'add', 'default', 'via',
        HOST.rpartition('.')[0] + '.1')
    serve = subprocess.Popen([prog, 'serve', str(serve_port)],
                             stdout=subprocess.PIPE, text=True)
    try:
        serve.stdout.readline()
        alone(row, load, keys, public, port)
        # toward the guest slirp4netns loses what the load cannot recover
        for how, kinds in (('pasta', ('up', 'down')),
                           ('slirp4netns', ('up',))):
            if shutil.which(how) is None or shutil.which('nft') is None:
                print(how + ': not installed')
            else:
                one(libc, how, kinds, row, load, keys, public, port)
    finally:
        serve.kill()


def measure(row, load, keys, public, prog, serve_port, port):
    """Rows for what is installed, in a namespace of its own."""
    if os.geteuid() != 0 or shutil.which('wireguard-go') is None or \
            not os.path.exists('/dev/net/tun'):
        print('wireguard-go: not measured here')
        return
    pid = os.fork()
    if pid != 0:
        os.waitpid(pid, 0)
        return
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 or libc.mount(
                None, b'/', None, MS_REC_PRIVATE, None) != 0:
            raise OSError(ctypes.get_errno(), 'unshare')
        in_namespace(libc, row, load, keys, public, prog, serve_port, port)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as e:
        print('beside: %s' % e, flush=True)
    finally:
        os._exit(0)
