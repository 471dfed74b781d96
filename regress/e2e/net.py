# SPDX-License-Identifier: ISC
"""Hosts in network namespaces, and the gateway between them.

client --- 10.9.0.0/24, fd09::/64 --- gateway --- 192.0.2.0/24,
2001:db8::/64 --- server.  The tunnel is 10.77.0.0/24 and fd77::/64.
Everything that is made here is removed by Net.close(), also after a
failure.
"""

import ctypes
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
# where the programs are, if they were built elsewhere: with sanitizers
BUILD = os.environ.get('BUILD', TOP)
SERVER4, SERVER6 = '192.0.2.2', '2001:db8::2'
GUEST4, GUEST6 = '10.77.0.2', 'fd77::2'
GATE4, GATE6 = '10.77.0.1', 'fd77::1'
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    pass


def check(cond, *what):
    if not cond:
        # enough to see what it was
        raise Failure(' '.join(str(w)[:2000] for w in what))


def run(*args, ok=True, timeout=60, **kw):
    r = subprocess.run(args, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True,
                       timeout=timeout, **kw)
    if ok and r.returncode != 0:
        raise Failure('%s: %s' % (' '.join(args), r.stdout.strip()))
    return r


def wait_for(fn, timeout=10.0, what='condition', promised=False):
    """
    What fn says, once it is true.  timeout is what a machine needs that has
    nothing else to do, in seconds; one that stands still now and then gets
    a minute, for nothing is lost by it.  Not where the time is what is tried.
    """
    if not promised:
        timeout = max(60, timeout)
    end = time.monotonic() + timeout
    while True:
        v = fn()
        if v:
            return v
        if time.monotonic() > end:
            raise Failure('timed out waiting for ' + what)
        time.sleep(0.05)


# WORKERS=2 in the environment runs any test with so many
WORKERS = 'workers %s\n' % os.environ['WORKERS'] \
    if os.environ.get('WORKERS') else ''
TITLES = ['parent', 'crypto', 'slirp', 'control'] + [
    '%s %d' % (x, w) for w in range(2, int(os.environ.get('WORKERS') or 1) + 1)
    for x in ('crypto', 'slirp')]


class Net:
    patience = 10       # seconds until the daemon has started

    def under(self):
        """What the daemon is run by."""
        return []

    def __init__(self):
        self.tag = 'w%d' % (os.getpid() % 100000)
        self.dir = tempfile.mkdtemp(prefix='wgslirpd-e2e.')
        os.chmod(self.dir, 0o755)
        self.procs = []
        self.daemon = None
        self.second = False
        self.relay = None
        self.begun = set()
        self.log = os.path.join(self.dir, 'daemon.log')
        self.sock = os.path.join(self.dir, 'run', 'ctl.sock')
        self.rootless = os.path.exists('/proc/self/uid_map') and \
            '4294967295' not in open('/proc/self/uid_map').read()
        self.bin = os.path.join(self.dir, 'bin')
        os.mkdir(self.bin)
        for p in ('wgslirpd/wgslirpd', 'wgslirpctl/wgslirpctl',
                  'wgslirp-sync/wgslirp-sync'):
            if os.path.exists(os.path.join(BUILD, p)):
                shutil.copy(os.path.join(BUILD, p), self.bin)
        self.ns = {}
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def nsname(self, who):
        return self.tag + who

    def ip(self, who, *args):
        run('ip', '-n', self.nsname(who), *args)

    def make(self):
        for w in 'cdgs':
            run('ip', 'netns', 'add', self.nsname(w))
            self.ns[w] = os.open('/run/netns/' + self.nsname(w),
                                 os.O_RDONLY)
            self.ip(w, 'link', 'set', 'lo', 'up')
        run('ip', 'link', 'add', 'e0', 'netns', self.nsname('c'),
            'type', 'veth', 'peer', 'name', 'e0', 'netns',
            self.nsname('g'))
        run('ip', 'link', 'add', 'e1', 'netns', self.nsname('g'),
            'type', 'veth', 'peer', 'name', 'e1', 'netns',
            self.nsname('s'))
        run('ip', 'link', 'add', 'e0', 'netns', self.nsname('d'),
            'type', 'veth', 'peer', 'name', 'e2', 'netns',
            self.nsname('g'))
        for w, dev, a4, a6 in (
                ('c', 'e0', '10.9.0.2', 'fd09::2'),
                ('g', 'e0', '10.9.0.1', 'fd09::1'),
                ('g', 'e1', '192.0.2.1', '2001:db8::1'),
                ('g', 'e2', '10.9.1.1', 'fd09:1::1'),
                ('d', 'e0', '10.9.1.2', 'fd09:1::2'),
                ('s', 'e1', SERVER4, SERVER6)):
            self.ip(w, 'addr', 'add', a4 + '/24', 'dev', dev)
            self.ip(w, 'addr', 'add', a6 + '/64', 'dev', dev, 'nodad')
            self.ip(w, 'link', 'set', dev, 'up')
        self.call('g', open_ping)
        for name in ('s', 'c', 'x'):
            self.ctl_local('genkey', name + '.key')
        self.ctl_local('genpsk', 'psk')
        self.owner = None
        os.mkdir(os.path.join(self.dir, 'run'))
        if os.geteuid() == 0 and not self.rootless:
            self.owner = 65534
            for f in ('run', 's.key', 'psk'):
                os.chown(os.path.join(self.dir, f), 65534, 65534)

    def ctl_local(self, cmd, name):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600),
                  'w') as f:
            subprocess.run([self.bin + '/wgslirpctl', cmd], stdout=f,
                           check=True)

    def pub(self, name):
        with open(os.path.join(self.dir, name + '.key')) as f:
            return subprocess.run([self.bin + '/wgslirpctl', 'pubkey'],
                                  stdin=f, capture_output=True, text=True,
                                  check=True).stdout.strip()

    def conf(self, extra='', peer_extra='', pub=None):
        return '''listen on * port 51820
private key file "%s/s.key"
address { 10.77.0.1/24 fd77::1/64 }
mtu 1420
%s
peer "laptop" {
	public key "%s"
	preshared key file "%s/psk"
	allowed ips { 10.77.0.2/32 fd77::2/128 }
	%s
}
''' % (self.dir, extra, pub or self.pub('c'), self.dir, peer_extra)

    def write_conf(self, text):
        path = os.path.join(self.dir, 'wgslirpd.conf')
        with open(path, 'w') as f:
            f.write(text + WORKERS)
        # keys in it are for its reader only
        os.chmod(path, 0o600 if ' key "' in re.sub('public key', '', text) or
                 '= \'"' in text else 0o644)
        return path

    # ---- processes

    def spawn(self, who, args, log=None, uid=None, hosts=None):
        out = open(log, 'a') if log else subprocess.DEVNULL

        def pre():
            os.setsid()
            setns(self.ns[who])
            if hosts is not None:
                self.own_hosts(hosts)
            if uid is not None:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
        p = subprocess.Popen(args, stdout=out, stderr=out,
                             stdin=subprocess.DEVNULL, preexec_fn=pre)
        self.procs.append(p)
        return p

    def own_hosts(self, hosts):
        """Files of names and a resolver's address for this process."""
        path = os.path.join(self.dir, 'hosts')
        with open(path, 'w') as f:
            for name, addr in hosts.items():
                f.write('%s %s\n' % (addr, name))
        os.chmod(path, 0o644)
        if libc.unshare(0x00020000) != 0:       # CLONE_NEWNS
            raise OSError(ctypes.get_errno(), 'unshare')
        run('mount', '--make-rprivate', '/')
        run('mount', '--bind', path, '/etc/hosts')
        path = os.path.join(self.dir, 'resolv.conf')
        with open(path, 'w') as f:
            f.write('nameserver %s\n' % SERVER4)
        os.chmod(path, 0o644)
        run('mount', '--bind', path, '/etc/resolv.conf')

    def start(self, text=None, as_root=False, wait=True, hosts=None):
        """The daemon, as an ordinary user unless as_root."""
        conf = self.write_conf(text if text is not None else self.conf())
        uid = None if as_root else self.owner
        if as_root and not self.rootless:
            for f in ('s.key', 'psk'):
                os.chown(os.path.join(self.dir, f), 0, 0)
        elif self.owner is not None:
            for f in ('s.key', 'psk'):
                os.chown(os.path.join(self.dir, f), uid, uid)
        open(self.log, 'w').close()
        os.chmod(self.log, 0o666)
        self.daemon = self.spawn('g', self.under() + [
            self.bin + '/wgslirpd', '-d', '-v', '-f', conf, '-s',
            self.sock], log=self.log, uid=uid, hosts=hosts)
        if wait:
            wait_for(lambda: 'started' in self.logtext() or
                     self.daemon.poll() is not None, self.patience, 'start')
            check(self.daemon.poll() is None, 'daemon died:',
                  self.logtext())
        return self.daemon

    def restart(self):
        """After a test that failed: nothing of what it left."""
        self.stop()
        self.start()
        # the client's first packet is what its session is lost by
        for _ in range(10):
            if run('ip', 'netns', 'exec', self.nsname('c'), 'ping', '-c',
                   '1', '-W', '1', GATE4, ok=False).returncode == 0:
                break

    def stop(self):
        """The exit status of the daemon, also of one that is gone."""
        if self.daemon is None:
            return 0
        if self.daemon.poll() is None:
            self.daemon.terminate()
        r = self.daemon.wait(30)
        self.daemon = None
        return r

    def logtext(self):
        with open(self.log, errors='replace') as f:
            return f.read()

    def ctl(self, *args, ok=True):
        return run(self.bin + '/wgslirpctl', '-s', self.sock, *args,
                   ok=ok)

    def ctlj(self, *args):
        r = subprocess.run([self.bin + '/wgslirpctl', '-j', '-s',
                            self.sock, *args], capture_output=True,
                           text=True, check=True)
        return json.loads(r.stdout)

    def start_server(self):
        """The services of server.py in the server's namespace."""
        log = os.path.join(self.dir, 'server.log')
        self.spawn('s', [sys.executable, os.path.join(
            TOP, 'regress/e2e/server.py')], log=log)
        wait_for(lambda: 'ready' in open(log).read(), what='server')

    def start_relay(self, *options):
        """The path to the gateway's port 51820, at port 51999 before it."""
        if self.relay is not None:
            self.relay.kill()
            self.relay.wait()
        log = os.path.join(self.dir, 'relay.log')
        open(log, 'w').close()
        self.relay = self.spawn('g', [os.path.join(
            TOP, 'regress/e2e/relay.t'), '51999', '51820'] +
            list(options), log=log)
        wait_for(lambda: 'ready' in open(log).read(), what='relay')

    # ---- the client

    def client_conf(self, endpoint='10.9.0.1:51820', key='c', psk=True,
                    who='c'):
        path = os.path.join(self.dir, 'wg-%s.conf' % who)
        with open(os.path.join(self.dir, key + '.key')) as f:
            priv = f.read().strip()
        with open(os.path.join(self.dir, 'psk')) as f:
            pre = f.read().strip()
        with open(path, 'w') as f:
            f.write('[Interface]\nPrivateKey = %s\n[Peer]\n'
                    'PublicKey = %s\n%sAllowedIPs = 0.0.0.0/0, ::/0\n'
                    'Endpoint = %s\n' % (
                        priv, self.pub('s'),
                        'PresharedKey = %s\n' % pre if psk else '',
                        endpoint))
        return path

    def client_up(self):
        self.wg = self.device_up('c', GUEST4, GUEST6)

    def device_up(self, who, a4, a6, **kw):
        # the UAPI sockets share a folder: a name for each
        name = 'wg' + self.tag + who
        p = self.spawn(who, ['wireguard-go', '-f', name])
        wait_for(lambda: run('ip', '-n', self.nsname(who), 'link', 'show',
                             name, ok=False).returncode == 0,
                 what='wireguard-go')
        wait_for(lambda: self.client_set(who=who, **kw) == 0,
                 what='wg setconf')
        self.ip(who, 'addr', 'add', a4 + '/32', 'dev', name)
        self.ip(who, 'addr', 'add', a6 + '/128', 'dev', name, 'nodad')
        self.ip(who, 'link', 'set', name, 'mtu', '1420', 'up')
        self.ip(who, 'route', 'add', 'default', 'dev', name)
        self.ip(who, '-6', 'route', 'add', 'default', 'dev', name)
        return p

    def client_set(self, who='c', **kw):
        path = self.client_conf(who=who, **kw)
        return run('ip', 'netns', 'exec', self.nsname(who), 'wg',
                   'setconf', 'wg' + self.tag + who, path, ok=False).returncode

    def second_up(self):
        """Another client, at 10.77.0.3, with the key "x" and no psk."""
        if self.second:
            return
        self.second = True
        self.device_up('d', '10.77.0.3', 'fd77::3', key='x', psk=False,
                       endpoint='10.9.1.1:51820')

    def wg_set(self, *args):
        run('ip', 'netns', 'exec', self.nsname('c'), 'wg', 'set',
            'wg' + self.tag + 'c',
            *args)

    def client_down(self):
        self.wg.terminate()
        self.wg.wait(10)
        wait_for(lambda: run('ip', '-n', self.nsname('c'), 'link', 'show',
                             'wg' + self.tag + 'c', ok=False).returncode,
                 what='the device to go')

    # ---- code inside a namespace

    def call(self, who, fn, *args, timeout=120):
        """fn(*args) in a process of its own inside a namespace."""
        return self.begin(who, fn, *args, timeout=timeout)()

    def begin_ready(self, who, fn, *args, timeout=120):
        """
        As begin(), once fn, whose last argument is a function, has called
        it: a flow is listed before it is open, and a test that acts on it
        then acts too early.
        """
        r, w = os.pipe()
        end = self.begin(who, fn, *args, lambda: os.write(w, b'x'),
                         timeout=timeout)
        os.close(w)
        with os.fdopen(r, 'rb') as f:
            if f.read(1) != b'x':
                raise Failure('%s ended early: %s' % (fn.__name__, end()))
        return end

    def begin(self, who, fn, *args, timeout=120):
        """The same, going on; calling the result waits for the end."""
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(int(timeout))
                setns(self.ns[who])
                out = (True, fn(*args))
            except BaseException as e:
                out = (False, '%s: %s\n%s' % (
                    type(e).__name__, e, traceback.format_exc()))
            with os.fdopen(w, 'wb') as f:
                pickle.dump(out, f)
            os._exit(0)
        os.close(w)
        self.begun.add(pid)

        def end():
            with os.fdopen(r, 'rb') as f:
                data = f.read()
            os.waitpid(pid, 0)
            self.begun.discard(pid)
            if not data:
                raise Failure('%s timed out' % fn.__name__)
            ok, v = pickle.loads(data)
            if not ok:
                raise Failure('%s: %s' % (fn.__name__, v))
            return v
        return end

    def abandon(self):
        """What a test that failed has begun ends here."""
        for pid in self.begun:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.begun.clear()

    def close(self):
        self.abandon()
        for p in self.procs:
            if p.poll() is None:
                p.kill()
                p.wait()
        for w, fd in self.ns.items():
            # killed, it leaves its socket
            path = '/var/run/wireguard/wg%s%s.sock' % (self.tag, w)
            if os.path.exists(path):
                os.unlink(path)
            os.close(fd)
            run('ip', 'netns', 'del', self.nsname(w), ok=False)
        self.ns = {}
        shutil.rmtree(self.dir, ignore_errors=True)


def setns(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


def run_tests(n, group, tests, setup):
    """
    Call setup(), then the function of each (name, function), or of those
    named as arguments, with n.  The exit status.
    """
    want = sys.argv[1:]
    passed = failed = 0
    terminated()
    again = []

    def orderly():
        """Whether the gateway, if there is one, ends as it should."""
        n.abandon()
        r = n.stop()
        if r != 0:
            print('FAIL %s: the daemon ended with status %d' % (group, r))
            print(n.logtext()[-2000:], flush=True)
        return r == 0

    try:
        for name in set(want) - {name for name, _ in tests}:
            failed += 1
            print('FAIL %s: there is no test of this name' % name)
        setup()
        for name, test in tests:
            if want and name not in want:
                continue
            name = '%s/%s' % (group, name)
            if attempt(n, name, test):
                passed += 1
                continue
            # Other machines are slower, and the tests of a network are full
            # of time: once more, and say so.  A gateway that ended, or does
            # not end well, has no second try.
            if n.daemon is not None and n.daemon.poll() is None and \
                    orderly():
                n.restart()
                if attempt(n, name, test):
                    again.append(name)
                    passed += 1
                    continue
                if n.daemon is not None and n.daemon.poll() is None and \
                        orderly():
                    again.append(name)
            failed += 1
            n.abandon()
            n.restart()
        if not orderly():
            failed += 1
    finally:
        n.close()
    for name in again:
        print('AGAIN %s: needed a second try' % name)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


# Seconds for a test on whatever machine.
PATIENCE = int(os.environ.get('PATIENCE', '600'))


def terminated():
    """A test that is ended cleans up, and none of its children does."""
    me = os.getpid()

    def end(*_):
        if os.getpid() != me:
            os._exit(1)
        sys.exit('terminated')
    signal.signal(signal.SIGTERM, end)


def stuck(*_):
    raise Failure('it does not come to an end')


def attempt(n, name, test):
    """Whether a test passes, and comes to its end."""
    t0 = time.monotonic()
    n.last = ''
    signal.signal(signal.SIGALRM, stuck)
    signal.alarm(PATIENCE)
    try:
        test(n)
    except Exception as e:
        where = ', '.join('%s line %d' % (f.name, f.lineno) for f in
                          traceback.extract_tb(e.__traceback__)[1:])
        print('FAIL %s: %s: %s (%s)' % (name, type(e).__name__, e, where),
              flush=True)
        print(n.logtext()[-2000:], flush=True)
        return False
    finally:
        signal.alarm(0)
    print('ok   %s (%.1f s) %s' % (name, time.monotonic() - t0, n.last),
          flush=True)
    return True


def named(tests):
    return [(t.__name__[5:], t) for t in tests]


def open_ping():
    with open('/proc/sys/net/ipv4/ping_group_range', 'w') as f:
        if '4294967295' in open('/proc/self/gid_map').read():
            f.write('0 2147483647')
        else:
            f.write('0 0')


def enter():
    """As an ordinary user: run again as root of a namespace of our own."""
    if os.geteuid() != 0:
        os.execvp('unshare', ['unshare', '-Urnm', sys.executable] +
                  [os.path.abspath(sys.argv[0])] + sys.argv[1:])
    if '4294967295' not in open('/proc/self/uid_map').read():
        # our own mounts: "ip netns" needs a writable /run
        run('mount', '-t', 'tmpfs', 'none', '/run')
        tun = os.path.join(TOP, 'tun')
        if os.path.exists(tun):
            run('mount', '--bind', tun, '/dev/net/tun')
