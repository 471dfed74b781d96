# SPDX-License-Identifier: ISC
"""Three gateways with one key behind etc/balancer, and a real client."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import dial, get                                 # noqa: E402
from net import (Failure, Net, TOP, check, enter, named, open_ping,  # noqa: E402
                 run, run_tests, wait_for, SERVER4, GUEST4, WORKERS)

VIP = '10.9.0.1'
IDS = '123'


def address(i):
    return '10.8.%s.2' % i


class Many(Net):
    """Client - balancer - three gateways; the server behind the balancer."""

    def make(self):
        for w in 'cdbs' + IDS:
            run('ip', 'netns', 'add', self.nsname(w))
            self.ns[w] = os.open('/run/netns/' + self.nsname(w),
                                 os.O_RDONLY)
            self.ip(w, 'link', 'set', 'lo', 'up')
        for w, net in [('c', '10.9.0'), ('d', '10.7.0'), ('s', '192.0.2')] + [
                (i, '10.8.' + i) for i in IDS]:
            run('ip', 'link', 'add', 'e0', 'netns', self.nsname(w), 'type',
                'veth', 'peer', 'name', 'e' + w, 'netns', self.nsname('b'))
            self.ip('b', 'addr', 'add', net + '.1/24', 'dev', 'e' + w)
            self.ip(w, 'addr', 'add', net + '.2/24', 'dev', 'e0')
            self.ip('b', 'link', 'set', 'e' + w, 'up')
            self.ip(w, 'link', 'set', 'e0', 'up')
            if w not in 'cd':
                self.ip(w, 'route', 'add', 'default', 'via', net + '.1')
        run('ip', 'netns', 'exec', self.nsname('b'), 'sysctl', '-qw',
            'net.ipv4.ip_forward=1')
        for name in ('s', 'c', 'd'):
            self.ctl_local('genkey', name + '.key')
        self.ctl_local('genpsk', 'psk')
        os.mkdir(os.path.join(self.dir, 'run'))
        self.owner = None
        if os.geteuid() == 0 and not self.rootless:
            self.owner = 65534
            for f in ('run', 's.key', 'psk'):
                os.chown(os.path.join(self.dir, f), 65534, 65534)
        self.gw = {}
        self.laptop = True      # is configured; else comes from elsewhere
        self.linked = False     # the gateways know each other

    def program(self, i):
        return self.bin + '/wgslirpd'

    def gateway(self, i):
        path = os.path.join(self.dir, 'gw%s.conf' % i)
        peers = os.path.join(self.dir, 'peers%s' % i)
        if not os.path.isdir(peers):
            os.mkdir(peers, 0o700)
            if self.owner is not None:
                os.chown(peers, self.owner, self.owner)
        with open(path, 'w') as f:
            f.write('''listen on * port 51820
private key file "%s/s.key"
address 10.77.0.1/24
gateway id %s
metrics listen on %s port 9586
include "peers%s/*.conf"
%s''' % (self.dir, i, address(i), i, WORKERS))
            if self.laptop:
                f.write('''peer "laptop" {
	public key "%s"
	preshared key file "%s/psk"
	allowed ips 10.77.0.2/32
}
''' % (self.pub('c'), self.dir))
            if self.linked:
                f.write('overlay yes\n' + ''.join(
                    'gateway peer %s endpoint %s\n' % (k, address(k))
                    for k in IDS) + '''peer "tablet" {
	public key "%s"
	allowed ips 10.77.0.3/32
}
''' % self.pub('d'))
        log = os.path.join(self.dir, 'gw%s.log' % i)
        open(log, 'w').close()
        os.chmod(log, 0o666)
        self.gw[i] = self.spawn(i, [
            self.program(i), '-d', '-f', path, '-s',
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

    def peer(self, i, name='laptop'):
        return [p for p in json.loads(self.at(
            i, '-j', 'show', 'peers').stdout)['peers']
                if p['name'] == name][0]

    def home(self, name='laptop'):
        """The gateway that has the client's session."""
        best = {}
        for i in self.gw:
            p = self.peer(i, name)
            best[i] = (p['latest_handshake'], 'gateway' not in p,
                       p['rx_bytes'])
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
    with dial(SERVER4, server.ECHO, 60) as s:
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


class Database:
    """PostgreSQL on a UNIX socket, of an ordinary user."""

    def __init__(self, n, bindir):
        self.n, self.bin = n, bindir
        self.dir = os.path.join(n.dir, 'pg')
        # a first try may have left one
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        os.chown(self.dir, n.owner, n.owner)
        self.owner('initdb', '-A', 'trust', '-U', 'postgres', '-N', '-D',
                   self.dir + '/data')
        self.start()
        self.psql('-f', TOP + '/etc/postgresql/wgslirpd.sql')

    def owner(self, tool, *args):
        return run('setpriv', '--reuid=%d' % self.n.owner, '--regid=%d' %
                   self.n.owner, '--clear-groups', self.bin + '/' + tool,
                   *args, cwd='/')

    def start(self):
        self.p = self.n.spawn('s', [
            self.bin + '/postgres', '-D', self.dir + '/data', '-k',
            self.dir, '-c', 'listen_addresses=', '-F'], uid=self.n.owner,
            log=os.path.join(self.n.dir, 'pg.log'))
        wait_for(lambda: self.psql('-c', 'SELECT 1', ok=False).returncode ==
                 0, 30, 'the database')

    def end(self):
        self.p.send_signal(signal.SIGQUIT)
        self.p.wait(20)

    def psql(self, *args, ok=True):
        return run(self.bin + '/psql', '-XqAt', '-v', 'ON_ERROR_STOP=1',
                   '-h', self.dir, '-U', 'postgres', *args, ok=ok)

    def sql(self, text):
        return self.psql('-c', text).stdout.strip()


def names_at(n, i):
    return {p['name'] for p in
            json.loads(n.at(i, '-j', 'show', 'peers').stdout)['peers']}


def postgres():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin/postgres'))
    return os.path.dirname(found[-1]) if found else None


def volunteer(n, name):
    """A row of the table with a key that nobody has."""
    n.ctl_local('genkey', name + '.key')
    return "INSERT INTO peers (name, public_key, allowed_ips) VALUES " \
        "('%s', '%s', '{10.77.0.%d/32}')" % (name, n.pub(name),
                                             100 + len(name))


def test_sync(n):
    """Peers from one place, and their quota all over."""
    program = os.path.join(n.bin, 'wgslirp-sync')
    if postgres() is None or not os.path.exists(program) or \
            n.owner is None:
        n.last = 'SKIP: no PostgreSQL, no wgslirp-sync, or not root'
        return
    db = Database(n, postgres())
    logs = {i: os.path.join(n.dir, 'sync%s.log' % i) for i in IDS}
    syncs = [n.spawn(i, [program, '-v', '-i', '1', '-c',
                         'host=%s user=wgslirpd dbname=postgres' % db.dir,
                         '-g', 'gw' + i, '-s', n.dir + '/run/%s.sock' % i],
                     uid=n.owner, log=logs[i]) for i in IDS]

    def everywhere(name, there=True, timeout=10):
        t = time.monotonic()
        for i in IDS:
            wait_for(lambda: (name in names_at(n, i)) == there, timeout,
                     '%s at %s: %s' % (name, i, open(logs[i]).read()))
        return time.monotonic() - t
    try:
        for i in IDS:
            n.end(i, signal.SIGTERM)
        n.laptop = False
        n.start()
        check(names_at(n, '1') == set(), 'nobody yet')
        psk = open(n.dir + '/psk').read().strip()
        db.sql("INSERT INTO peers (name, public_key, preshared_key, "
               "allowed_ips) VALUES ('laptop', '%s', '%s', "
               "'{10.77.0.2/32}')" % (n.pub('c'), psk))
        took = everywhere('laptop')
        for i in IDS:
            path = n.dir + '/peers%s/wgslirp-sync.conf' % i
            check(os.stat(path).st_mode & 0o77 == 0, 'who may read it')
        served(n)
        # what the database should not have let in is left out
        db.sql('ALTER TABLE peers DROP CONSTRAINT peers_name_check')
        n.ctl_local('genkey', 'evil.key')
        db.sql("INSERT INTO peers (name, public_key, allowed_ips) VALUES "
               "(E'x\"\\npass to any', '%s', '{10.77.0.9/32}')" %
               n.pub('evil'))
        db.sql(volunteer(n, 'tablet'))
        everywhere('tablet')
        for i in IDS:
            check(names_at(n, i) == {'laptop', 'tablet'}, 'who is there')
            check('is left out' in open(logs[i]).read(), 'told')
        # without the database all is as it was, and it comes back
        db.end()
        served(n)
        check(names_at(n, '2') == {'laptop', 'tablet'}, 'kept')
        db.start()
        db.sql(volunteer(n, 'television'))
        everywhere('television', timeout=40)
        db.sql("DELETE FROM peers WHERE name LIKE 't%'")
        everywhere('television', False)
        # one that does not like its configuration gets them when it does
        broken = n.dir + '/peers1/broken.conf'
        with open(broken, 'w') as f:
            f.write('nonsense\n')
        os.chown(broken, n.owner, n.owner)
        db.sql(volunteer(n, 'toaster'))
        wait_for(lambda: 'toaster' in names_at(n, '2'), 10, 'the second')
        wait_for(lambda: 'peers are as before' in open(logs['1']).read(), 10,
                 'told')
        time.sleep(3)
        check(open(logs['1']).read().count('peers are as before') == 1,
              'how often')
        check(names_at(n, '1') == {'laptop'}, 'as before')
        os.unlink(broken)
        everywhere('toaster', timeout=20)
        db.sql("DELETE FROM peers WHERE name = 'toaster'")
        # a second one of that name, and one without tables: neither spins
        for what, extra in (('another wgslirp-sync', ['-g', 'gw1']),
                            ('does not exist', ['-g', 'gw9'])):
            out = os.path.join(n.dir, 'other.log')
            p = n.spawn('1', [program, '-i', '1', '-c',
                              'host=%s user=wgslirpd dbname=%s' % (
                                  db.dir, 'postgres' if 'gw1' in extra else
                                  'template1'), '-s', n.dir + '/run/1.sock'] +
                        extra, uid=n.owner, log=out)
            wait_for(lambda: what in open(out).read(), 10, what)
            time.sleep(2)
            lines = open(out).read().count('\n')
            p.terminate()
            p.wait(5)
            check(lines < 8, lines, 'lines', open(out).read()[:500])
            os.unlink(out)
        # a quota of all gateways together
        db.sql("UPDATE peers SET quota = (SELECT sum(rx + tx) FROM usage) "
               "+ 3000000 WHERE name = 'laptop'")
        got = 0
        for k in range(40):
            i = n.home()
            try:
                got += n.call('c', get, SERVER4, 200000)[0]
            except Failure:
                break
            if k % 4 == 3 and i in n.gw and 'laptop' in names_at(n, i):
                n.at(i, 'drain')        # on to another gateway
                wait_for(lambda: n.call('c', reach, SERVER4, 5) or
                         'laptop' not in names_at(n, i), 20, 'another')
                n.at(i, 'resume')
                n.all_up()
        everywhere('laptop', False)
        used, limit = map(int, db.sql(
            'SELECT (SELECT sum(rx + tx) FROM usage), quota FROM peers '
            "WHERE name = 'laptop'").split('|'))
        where = int(db.sql('SELECT count(*) FROM usage WHERE rx > 200000 '
                           'OR tx > 200000'))
        n.last = 'all gateways after %.2f s; %d of a quota of 3000000 ' \
            'over, at %d gateways' % (took, used - limit, where)
        check(where > 1, 'one gateway only')
        check(0 <= used - limit < 1500000, used, limit)
        db.sql("UPDATE peers SET quota = NULL WHERE name = 'laptop'")
        everywhere('laptop')
        served(n)
    finally:
        for p in syncs:
            p.terminate()
            p.wait(10)
        db.end()
        for i in IDS:
            if i in n.gw:
                n.end(i, signal.SIGTERM)
            path = n.dir + '/peers%s/wgslirp-sync.conf' % i
            if os.path.exists(path):
                os.unlink(path)
        n.laptop = True
        n.start()
        served(n)


def echo_once(ready):
    with socket.create_server(('', 7777)) as s:
        s.settimeout(20)
        ready()
        c = s.accept()[0]
        with c:
            while True:
                b = c.recv(65536)
                if not b:
                    return 'end'
                c.sendall(b)


def ask_guest(host):
    with socket.create_connection((host, 7777), 10) as s:
        s.settimeout(10)
        data = os.urandom(300000)
        got = b''
        for at in range(0, len(data), 30000):
            s.sendall(data[at:at + 30000])
            while len(got) < at + 30000:
                got += s.recv(65536)
        return got == data


def test_links(n):
    """Guests of one gateway reach those of another."""
    for i in IDS:
        n.end(i, signal.SIGTERM)
    n.linked = True
    n.start()
    served(n)
    p = n.device_up('d', '10.77.0.3', 'fd77::3', key='d', psk=False,
                    endpoint='10.7.0.1:51820')

    def ping(who, host, timeout=15):
        t = time.monotonic()
        wait_for(lambda: run('ip', 'netns', 'exec', n.nsname(who), 'ping',
                             '-c', '1', '-W', '1', host,
                             ok=False).returncode == 0, timeout,
                 'a ping to ' + host)
        return time.monotonic() - t

    def apart():
        for k in range(12):
            n.call('d', reach, SERVER4, 10)
            if n.home() != n.home('tablet'):
                return True
            # from another port, and without a session that leads back
            run('ip', 'netns', 'exec', n.nsname('d'), 'wg', 'set',
                'wg' + n.tag + 'd', 'listen-port', str(42000 + 11 * k),
                'peer', n.pub('s'), 'remove')
            n.client_set(who='d', key='d', psk=False,
                         endpoint='10.7.0.1:51820')
            # last_handshake counts in seconds
            time.sleep(1)
        return False
    try:
        check(apart(), 'always at one gateway')
        here, there = n.home(), n.home('tablet')
        ping('c', '10.77.0.3')
        ping('d', GUEST4)
        wait_for(lambda: n.peer(here, 'tablet').get('gateway') == int(there),
                 5, 'where it is')
        check('at gateway ' + there in n.at(here, 'show', 'peers').stdout,
              n.at(here, 'show', 'peers').stdout)
        end = n.begin_ready('d', echo_once)
        check(n.call('c', ask_guest, '10.77.0.3'), 'not the same')
        check(end() == 'end', 'its end')
        # on to the third
        n.at(there, 'drain')
        served(n)
        n.call('d', reach, SERVER4, 15)
        took = ping('c', '10.77.0.3')
        other = n.home('tablet')
        check(other != there, 'still there')
        n.at(there, 'resume')
        n.all_up()
        # a gateway that has forgotten who is where
        i = n.home()
        n.end(i, signal.SIGTERM)
        n.gateway(i)
        served(n)
        n.call('d', reach, SERVER4, 15)     # it may have been there, too
        again = ping('c', '10.77.0.3')
        n.last = 'after a move %.1f s, after a restart %.1f s' % (took, again)
    finally:
        p.terminate()
        p.wait(10)
        for i in IDS:
            if i in n.gw:
                n.end(i, signal.SIGTERM)
        n.linked = False
        n.start()
        served(n)


TESTS = [test_kill, test_black_hole, test_restart, test_roam, test_drain,
         test_links, test_sync]


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
