# SPDX-License-Identifier: ISC
"""Three gateways with one key behind etc/balancer, and a real client."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import dial                                      # noqa: E402
from net import (Net, TOP, check, enter, named, open_ping,  # noqa: E402
                 run, run_tests, wait_for, SERVER4, GUEST4)

VIP = '10.9.0.1'
IDS = '123'


def address(i):
    return '10.8.%s.2' % i


class Many(Net):
    """Client - balancer - three gateways; the server behind the balancer."""

    def make(self):
        for w in 'cbs' + IDS:
            run('ip', 'netns', 'add', self.nsname(w))
            self.ns[w] = os.open('/run/netns/' + self.nsname(w),
                                 os.O_RDONLY)
            self.ip(w, 'link', 'set', 'lo', 'up')
        for w, net in [('c', '10.9.0'), ('s', '192.0.2')] + [
                (i, '10.8.' + i) for i in IDS]:
            run('ip', 'link', 'add', 'e0', 'netns', self.nsname(w), 'type',
                'veth', 'peer', 'name', 'e' + w, 'netns', self.nsname('b'))
            self.ip('b', 'addr', 'add', net + '.1/24', 'dev', 'e' + w)
            self.ip(w, 'addr', 'add', net + '.2/24', 'dev', 'e0')
            self.ip('b', 'link', 'set', 'e' + w, 'up')
            self.ip(w, 'link', 'set', 'e0', 'up')
            if w != 'c':
                self.ip(w, 'route', 'add', 'default', 'via', net + '.1')
        run('ip', 'netns', 'exec', self.nsname('b'), 'sysctl', '-qw',
            'net.ipv4.ip_forward=1')
        for name in ('s', 'c'):
            self.ctl_local('genkey', name + '.key')
        self.ctl_local('genpsk', 'psk')
        os.mkdir(os.path.join(self.dir, 'run'))
        self.owner = None
        if os.geteuid() == 0 and not self.rootless:
            self.owner = 65534
            for f in ('run', 's.key', 'psk'):
                os.chown(os.path.join(self.dir, f), 65534, 65534)
        self.gw = {}

    def gateway(self, i):
        path = os.path.join(self.dir, 'gw%s.conf' % i)
        with open(path, 'w') as f:
            f.write('''listen on * port 51820
private key file "%s/s.key"
address 10.77.0.1/24
gateway id %s
metrics listen on %s port 9586
peer "laptop" {
	public key "%s"
	preshared key file "%s/psk"
	allowed ips 10.77.0.2/32
}
''' % (self.dir, i, address(i), self.pub('c'), self.dir))
        log = os.path.join(self.dir, 'gw%s.log' % i)
        open(log, 'w').close()
        os.chmod(log, 0o666)
        self.gw[i] = self.spawn(i, [
            self.bin + '/wgslirpd', '-d', '-f', path, '-s',
            self.dir + '/run/%s.sock' % i], log=log, uid=self.owner)
        wait_for(lambda: 'started' in open(log).read() or
                 self.gw[i].poll() is not None, what='gateway ' + i)
        check(self.gw[i].poll() is None, open(log).read())

    def end(self, i, sig=signal.SIGKILL):
        p = self.gw.pop(i)
        p.send_signal(sig)
        p.wait(10)

    def at(self, i, *args, ok=True):
        return run(self.bin + '/wgslirpctl', '-s',
                   self.dir + '/run/%s.sock' % i, *args, ok=ok)

    def start(self, *args, **kw):
        """All gateways that are not there, and the balancer."""
        for i in IDS:
            if i not in self.gw or self.gw[i].poll() is not None:
                self.gateway(i)
            self.ip(i, 'link', 'set', 'e0', 'up')
            if not run('ip', '-n', self.nsname(i), 'route', 'show',
                       'default').stdout.strip():
                self.ip(i, 'route', 'add', 'default', 'via',
                        '10.8.%s.1' % i)
            self.at(i, 'resume')
        if self.daemon is None:
            log = os.path.join(self.dir, 'balancer.log')
            self.daemon = self.spawn('b', [
                'sh', TOP + '/etc/balancer/balancer', '51820'] + [
                    '%s=%s' % (i, address(i)) for i in IDS], log=log)
            self.log = log
        self.all_up()

    def all_up(self):
        want = ' '.join('%s=%s' % (i, address(i)) for i in IDS)
        wait_for(lambda: self.logtext().strip().split('\n')[-1] ==
                 'balancer: %s up' % want, 20, 'all gateways')

    def stop(self):
        return 0

    def restart(self):
        self.start()

    def home(self):
        """The gateway that has the client's session."""
        best = {}
        for i in self.gw:
            out = self.at(i, '-j', 'show', 'peers').stdout
            m = re.search(r'"latest_handshake":(\d+).*"rx_bytes":(\d+)', out)
            best[i] = (int(m.group(1)), int(m.group(2)))
        return max(best, key=lambda i: best[i])


def reach(host, seconds):
    """How long until a new connection comes about and echoes."""
    t = time.monotonic()
    while time.monotonic() - t < seconds:
        try:
            with socket.create_connection((host, server.ECHO), 1) as s:
                s.settimeout(1)
                s.sendall(b'x')
                if s.recv(1) == b'x':
                    return time.monotonic() - t
        except OSError:
            time.sleep(0.05)
    return None


def served(n):
    took = n.call('c', reach, SERVER4, 30)
    check(took is not None, 'not served')
    return took


def test_kill(n):
    """One gateway is gone from one moment to the next."""
    served(n)
    n.end(n.home())
    took = served(n)
    n.last = 'a new connection after %.1f s' % took
    check(took < 6, took)
    n.start()


def test_black_hole(n):
    """The same, and nobody says so."""
    served(n)
    i = n.home()
    n.ip(i, 'link', 'set', 'e0', 'down')
    took = served(n)
    n.last = 'a new connection after %.1f s' % took
    check(took < 8, took)
    n.start()


def test_restart(n):
    served(n)
    i = n.home()
    n.end(i, signal.SIGTERM)
    n.gateway(i)
    took = served(n)
    n.last = 'a new connection after %.1f s' % took
    check(took < 5, took)
    n.all_up()


def held(ready):
    """A connection that is used for a while; 'all' if it lived."""
    with dial(SERVER4, server.ECHO, 20) as s:
        for i in range(60):
            s.sendall(b'%04d' % i)
            if s.recv(4) != b'%04d' % i:
                return i
            if i == 5:
                ready()
            time.sleep(0.1)
    return 'all'


def test_roam(n):
    """From other ports, which hash elsewhere: the index leads home."""
    served(n)
    end = n.begin_ready('c', held)
    i = n.home()
    for k in range(5):
        n.wg_set('listen-port', str(41000 + 7 * k))
        time.sleep(0.7)
    check(end() == 'all', 'the connection died')
    check(n.home() == i, 'it has moved')


def waits(ready):
    """A download that only waits."""
    with dial(SERVER4, server.ECHO, 60) as s:
        s.sendall(b'x')
        s.recv(1)
        ready()
        try:
            return 'eof' if s.recv(1) == b'' else 'data'
        except ConnectionResetError:
            return 'reset'


def test_drain(n):
    """Drained: told at once, served elsewhere, and nothing keeps it."""
    served(n)
    i = n.home()
    end = n.begin_ready('c', waits)
    t = time.monotonic()
    n.at(i, 'drain')
    check(end() == 'reset', 'it hangs')
    told = time.monotonic() - t
    took = served(n)
    n.last = 'told after %.2f s, served elsewhere %.1f s later' % (told, took)
    check(told < 2 and took < 8, told, took)
    check(n.home() != i, 'still there')
    check(n.at(i, 'health', ok=False).returncode == 1, 'health')
    ends = run('ip', 'netns', 'exec', n.nsname('c'), 'wg', 'show',
               'wg' + n.tag + 'c', 'endpoints').stdout
    check(VIP + ':51820' in ends, 'the client went along', ends)
    n.at(i, 'resume')
    n.all_up()
    check(n.at(i, 'health').returncode == 0, 'not taken back')


TESTS = [test_kill, test_black_hole, test_restart, test_roam, test_drain]


def main():
    for tool in ('nft', 'conntrack', 'curl'):
        if subprocess.run(['sh', '-c', 'command -v ' + tool],
                          capture_output=True).returncode != 0:
            print('SKIP many: no ' + tool)
            print('0 passed, 0 failed')
            return 0
    n = Many()

    def setup():
        for i in IDS:
            n.call(i, open_ping)
        n.start_server()
        n.start()
        n.device_up('c', GUEST4, 'fd77::2', endpoint=VIP + ':51820')
        wait_for(lambda: n.call('c', reach, SERVER4, 5), 30, 'the client')
    return run_tests(n, 'many', named(TESTS), setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
