# SPDX-License-Identifier: ISC
"""A client whose network passes TCP alone, a DERP relay, and the gateway.

client --- relay --- gateway --- server.  The relay is the program "derper",
which etc/setup can build, or, for what no honest relay does, derpfake.py.
"""

import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '../guest')]
import server                                               # noqa: E402
from guest import dial, get                                 # noqa: E402
from net import (Failure, Net, check, enter, named, run,  # noqa: E402
                 run_tests, wait_for, SERVER4, GUEST4)
from plain import find_derper                               # noqa: E402

RELAY = 'relay.test'


class Derp(Net):
    """The network of net.py, and "r", which both sides reach."""

    def make(self):
        super().make()
        run('ip', 'netns', 'add', self.nsname('r'))
        self.ns['r'] = os.open('/run/netns/' + self.nsname('r'),
                               os.O_RDONLY)
        self.ip('r', 'link', 'set', 'lo', 'up')
        for w, dev, there, net in (('c', 'e8', 'e0', '10.5.0'),
                                   ('g', 'e8', 'e1', '10.6.0')):
            run('ip', 'link', 'add', dev, 'netns', self.nsname(w), 'type',
                'veth', 'peer', 'name', there, 'netns', self.nsname('r'))
            self.ip(w, 'addr', 'add', net + '.1/24', 'dev', dev)
            self.ip('r', 'addr', 'add', net + '.2/24', 'dev', there)
            self.ip(w, 'link', 'set', dev, 'up')
            self.ip('r', 'link', 'set', there, 'up')
        self.certs()
        self.node = {}
        for w in ('gw', 'side'):
            self.node[w] = run(self.bin + '/wgslirpctl', 'derp', 'key',
                               self.path(w + '.node')).stdout.strip()
            if self.owner is not None:
                os.chown(self.path(w + '.node'), self.owner, self.owner)
        self.derper = None
        self.side = None
        self.fakes = set()

    def path(self, name):
        return os.path.join(self.dir, name)

    def certs(self):
        """A CA, and a certificate of it for the relay."""
        for cmd in (
                ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
                 '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.crt'],
                ['req', '-newkey', 'ec', '-pkeyopt',
                 'ec_paramgen_curve:P-256', '-nodes', '-subj',
                 '/CN=' + RELAY, '-keyout', RELAY + '.key', '-out',
                 'relay.csr']):
            run('openssl', *cmd, cwd=self.dir)
        with open(self.path('ext'), 'w') as f:
            f.write('subjectAltName=DNS:%s\n' % RELAY)
        run('openssl', 'x509', '-req', '-in', 'relay.csr', '-CA', 'ca.crt',
            '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile',
            'ext', '-out', RELAY + '.crt', cwd=self.dir)
        pub = subprocess.run(
            'openssl x509 -in %s.crt -pubkey -noout | '
            'openssl pkey -pubin -outform der | openssl dgst -sha256 -binary '
            '| openssl base64' % RELAY, shell=True, cwd=self.dir,
            capture_output=True, text=True, check=True).stdout.strip()
        self.pin = 'sha256/' + pub

    def relay_up(self):
        log = self.path('derper.log')
        if find_derper() is None:
            open(log, 'w').close()
            self.derper = self.spawn('r', [
                sys.executable, HERE + '/derpfake.py', '443',
                self.path(RELAY + '.crt'), self.path(RELAY + '.key')],
                log=log)
            wait_for(lambda: 'ready' in open(log).read(), what='a relay')
            return
        self.derper = self.spawn('r', [
            find_derper(), '-a', ':443', '-http-port', '-1', '-stun=false',
            '-certmode', 'manual', '-certdir', self.dir, '-hostname', RELAY,
            '-c', self.path('derper.key')], log=log)
        wait_for(lambda: 'serving on' in open(log).read() or
                 self.derper.poll() is not None, 20, 'derper')
        check(self.derper.poll() is None, open(log).read())

    def relay_down(self):
        self.derper.kill()
        self.derper.wait()

    def derp_conf(self, who, url='https://%s/derp' % RELAY, more=None):
        return '''derp "%s" {
	key file "%s"
	%s
}
''' % (url, self.path(who + '.node'),
            more if more is not None else 'ca "%s"' % self.path('ca.crt'))

    def gateway_conf(self, extra='', peer='', **kw):
        return self.conf(self.derp_conf('gw', **kw) + extra,
                         'endpoint derp "%s"\n%s' % (self.node['side'],
                                                     peer)) + \
            '''peer "phone" {
	public key "%s"
	allowed ips { 10.77.0.3/32 fd77::3/128 }
}
''' % self.pub('x')

    def gateway(self, text=None, relay='10.6.0.2'):
        self.stop()
        self.start(text if text is not None else self.gateway_conf(),
                   hosts={RELAY: relay})

    def sidecar(self, extra='', allow='', relay='10.5.0.2', **kw):
        """A daemon that is nothing but a way to the relay."""
        path = self.path('side.conf')
        with open(path, 'w') as f:
            f.write(self.derp_conf('side', **kw) + '''
relay listen on 127.0.0.1 port 51821 to derp "%s" %s
%s''' % (self.node['gw'], allow, extra))
        os.chmod(path, 0o644)
        log = self.path('side.log')
        open(log, 'w').close()
        os.chmod(log, 0o666)
        self.side = self.spawn('c', [
            self.bin + '/wgslirpd', '-d', '-v', '-f', path, '-s',
            self.path('run/side.sock')], log=log, uid=self.owner,
            hosts={RELAY: relay})
        wait_for(lambda: 'started' in open(log).read() or
                 self.side.poll() is not None, what='sidecar')
        check(self.side.poll() is None, open(log).read())

    def side_down(self):
        if self.side is not None and self.side.poll() is None:
            self.side.terminate()
            self.side.wait(10)

    def fake_up(self, port, tls=True):
        """derpfake.py, once."""
        if port in self.fakes:
            return
        self.fakes.add(port)
        log = self.path('fake%d.log' % port)
        self.spawn('r', [sys.executable, HERE + '/derpfake.py', str(port),
                         self.path(RELAY + '.crt') if tls else '-',
                         self.path(RELAY + '.key')], log=log)
        wait_for(lambda: 'ready' in open(log).read(), what='a relay')

    def side_ctl(self, *args, ok=True):
        return run(self.bin + '/wgslirpctl', '-s', self.path('run/side.sock'),
                   *args, ok=ok)

    def udp(self, on):
        """The network of the client passes UDP, or not; not even an error."""
        self.call('c', nft, 'flush ruleset')
        if not on:
            self.call('c', nft, 'add table inet t; add chain inet t o { type '
                      'filter hook output priority 0; }; add rule inet t o '
                      'oifname { "e0", "e8" } meta l4proto udp drop')

    def relays(self):
        return self.ctlj('show', 'derp')['relays']

    def counter(self, name):
        return self.ctlj('show', 'counters')[name]

    def peer(self, name='laptop'):
        return [p for p in self.ctlj('show', 'peers')['peers']
                if p['name'] == name][0]

    def restart(self):
        if self.derper is not None and self.derper.poll() is None:
            self.relay_down()
        self.side_down()
        self.ready()

    def ready(self):
        self.relay_up()
        self.udp(False)
        self.gateway()
        self.sidecar()
        wait_for(lambda: self.relays()[0]['state'] == 'up', 15,
                 'the gateway at the relay')


def nft(text):
    run('nft', text)


def served(n, seconds=15):
    """How long until a page comes through the tunnel."""
    t = time.monotonic()
    while time.monotonic() - t < seconds:
        try:
            if n.call('c', get, SERVER4, 50000, timeout=8) == (
                    50000, server.digest(50000)):
                return time.monotonic() - t
        except Failure:
            time.sleep(0.1)
    raise Failure('nothing comes through')


def test_page(n):
    """UDP is blocked: a page comes through the relay."""
    check(n.call('c', get, SERVER4, 3000000) == (
        3000000, server.digest(3000000)), 'the page is wrong')
    p = n.peer()
    check(p['endpoint'] == n.node['side'], 'not by the relay', p)
    check(n.counter('relay_rx_datagrams') > 100, 'few datagrams')
    text = n.ctl('show', 'peers', '-v').stdout
    check(n.node['side'] in text, text)


def upload(host, n):
    from guest import put
    return put(host, n)


def test_upload(n):
    check(server.digest(2000000) in n.call('c', upload, SERVER4, 2000000),
          'the upload is wrong')


def test_second(n):
    """Somebody else, by UDP, beside it."""
    n.second_up()
    check(n.call('d', get, SERVER4, 500000) == (
        500000, server.digest(500000)), 'by UDP')
    check(n.peer('phone')['endpoint'].startswith('10.9.1.2:'),
          n.peer('phone'))
    served(n)


def test_roam(n):
    """UDP works again: the client goes there and back, a flow lives on."""
    end = n.begin_ready('c', held)
    n.udp(True)
    n.wg_set('peer', n.pub('s'), 'endpoint', '10.9.0.1:51820')
    wait_for(lambda: n.peer()['endpoint'].startswith('10.9.0.2:'), 10,
             'UDP to be used')
    n.wg_set('peer', n.pub('s'), 'endpoint', '127.0.0.1:51821')
    n.udp(False)
    wait_for(lambda: n.peer()['endpoint'] == n.node['side'], 10,
             'the relay to be used')
    check(end() == 'all', 'the flow did not live on')


def held(ready):
    with dial(SERVER4, server.ECHO, 60) as s:
        for i in range(50):
            s.sendall(b'%04d' % i)
            if s.recv(4) != b'%04d' % i:
                return i
            if i == 2:
                ready()
            time.sleep(0.1)
    return 'all'


def long_get(size, ready):
    import hashlib
    with dial(SERVER4, server.HTTP, 60) as s:
        s.sendall(b'GET /%d HTTP/1.0\r\n\r\n' % size)
        data = b''
        while b'\r\n\r\n' not in data:
            data += s.recv(4096)
        body = data.partition(b'\r\n\r\n')[2]
        h, got = hashlib.sha256(), 0
        ready()
        while True:
            h.update(body)
            got += len(body)
            if got >= size:
                return got, h.hexdigest()
            body = s.recv(1 << 18)
            if not body:
                return got, ''


def test_relay_restart(n):
    """The relay dies in the middle of a download, which goes on."""
    # the stand-in is slower by far
    size = 80000000 if find_derper() else 2000000
    end = n.begin_ready('c', long_get, size, timeout=120)
    time.sleep(0.3)
    n.relay_down()
    time.sleep(1)
    n.relay_up()
    got, digest = end()
    check((got, digest) == (size, server.digest(size)), got)


def test_unknown(n):
    """A key that no peer has is not heard, and is told in the log."""
    n.gateway(n.conf(n.derp_conf('gw')))
    wait_for(lambda: n.relays()[0]['state'] == 'up', 10, 'the relay')
    try:
        n.call('c', get, SERVER4, 1000, timeout=4)
        check(False, 'it was served')
    except Failure:
        pass
    check(n.counter('relay_drop_unknown') > 0, 'not counted')
    check(n.node['side'] + ' is no peer' in n.logtext(), n.logtext())
    # ... and anybody is where the configuration says so
    n.gateway(n.conf(n.derp_conf('gw', more='ca "%s"\naccept any' %
                                 n.path('ca.crt'))))
    served(n)
    n.gateway()
    served(n)


def test_reload(n):
    """Other relays by a reload; those that stay, stay connected."""
    before = n.counter('relay_connected')
    n.write_conf(n.gateway_conf(extra=n.derp_conf(
        'gw', url='https://%s:444/derp' % RELAY)))
    n.ctl('reload')
    check(n.counter('relay_connected') == before, 'it was connected anew')
    check(len(n.relays()) == 2, n.relays())
    served(n)
    n.write_conf(n.gateway_conf())
    n.ctl('reload')
    check(len(n.relays()) == 1, n.relays())


def test_first(n):
    """The first relay is not one that a reload can begin with."""
    n.stop()
    n.start(n.conf())
    n.write_conf(n.gateway_conf())
    out = n.ctl('reload', ok=False)
    check(out.returncode == 1 and 'takes a restart' in out.stdout, out)
    check('derp' not in [p['title'] for p in n.ctlj('show', 'processes')[
        'processes']], 'the engine runs')
    n.gateway()
    served(n)


def test_two_relays(n):
    """One of two relays dies: the other one is used, without a pause."""
    n.fake_up(8443)
    second = 'https://%s:8443/good' % RELAY
    n.gateway(n.gateway_conf(extra=n.derp_conf('gw', url=second)))
    n.side_down()
    n.sidecar(extra=n.derp_conf('side', url=second))
    wait_for(lambda: [r['state'] for r in n.relays()] == ['up', 'up'], 10,
             'both relays')
    served(n)
    end = n.begin_ready('c', held)
    n.relay_down()
    t = time.monotonic()
    check(end() == 'all', 'the flow did not live on')
    n.last = 'within %.1f s' % (time.monotonic() - t)
    n.relay_up()
    n.side_down()
    n.sidecar()
    n.gateway()
    served(n)


def test_initiate(n):
    """The gateway begins: a guest that is only known at the relay."""
    served(n)
    n.gateway(n.gateway_conf(
        extra='forward tcp from 127.0.0.1 port 8088 to %s port 8089\n' %
        GUEST4, peer='persistent keepalive 1'))
    wait_for(lambda: n.peer()['latest_handshake'] > 0, 15, 'a handshake')
    end = n.begin_ready('c', answer)
    check(n.call('g', ask_local) == b'hello', 'no answer')
    end()


def answer(ready):
    import socket
    ls = socket.create_server((GUEST4, 8089))
    ls.settimeout(20)
    ready()
    s, _ = ls.accept()
    s.sendall(b'hello')
    s.close()


def ask_local():
    with dial('127.0.0.1', 8088) as s:
        return s.recv(16)


def test_pin(n):
    """A pin says who the relay is; a wrong one, that it is somebody else."""
    n.gateway(n.gateway_conf(more='pin "%s"' % n.pin))
    wait_for(lambda: n.relays()[0]['state'] == 'up', 10, 'the relay')
    served(n)
    n.gateway(n.gateway_conf(more='pin "sha256/%s="' % ('A' * 43)))
    wait_for(lambda: 'not the one of the pin' in n.relays()[0]['detail'], 10,
             'the pin to be refused')
    n.gateway()
    served(n)


def test_certificate(n):
    """A certificate of an unknown CA, or of another host, is refused."""
    n.gateway(n.gateway_conf(more=''))
    wait_for(lambda: 'certificate' in n.relays()[0]['detail'], 10,
             'the CA to be refused')
    n.fake_up(8443)
    n.stop()
    n.start(n.gateway_conf(url='https://other.test:8443/good'),
            hosts={'other.test': '10.6.0.2'})
    wait_for(lambda: 'ostname mismatch' in n.relays()[0]['detail'], 10,
             'the host to be refused')
    n.gateway()
    served(n)


PROXY = '''
import socket, sys, threading
def pump(a, b):
    try:
        while True:
            d = a.recv(65536)
            if not d: break
            b.sendall(d)
    except OSError: pass
    a.close(); b.close()
def one(s):
    d = b''
    while b'\\r\\n\\r\\n' not in d: d += s.recv(4096)
    if b'Basic dXNlcjpwYXNz' not in d:
        s.sendall(b'HTTP/1.1 407 Who are you\\r\\n\\r\\n'); s.close(); return
    host, port = d.split()[1].decode().rsplit(':', 1)
    t = socket.create_connection(('127.0.0.1', int(port)))
    s.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')
    threading.Thread(target=pump, args=(t, s), daemon=True).start()
    pump(s, t)
ls = socket.create_server(('', 3128)); print('ready', flush=True)
while True:
    threading.Thread(target=one, args=(ls.accept()[0],), daemon=True).start()
'''


def test_proxy(n):
    """Through an HTTP proxy, with and without its password."""
    log = n.path('proxy.log')
    p = n.spawn('r', [sys.executable, '-c', PROXY], log=log)
    wait_for(lambda: 'ready' in open(log).read(), what='proxy')
    ca = 'ca "%s"\n\tproxy "http://%%s10.6.0.2:3128"' % n.path('ca.crt')
    n.gateway(n.gateway_conf(more=ca % ''))
    wait_for(lambda: 'proxy answers 407' in n.relays()[0]['detail'], 10,
             'the proxy to refuse')
    n.gateway(n.gateway_conf(more=ca % 'user:pass@'), relay='192.0.2.99')
    wait_for(lambda: n.relays()[0]['state'] == 'up', 10, 'the relay')
    served(n)
    p.kill()
    n.gateway()
    served(n)


WRONG = ('stall', '426', 'redirect', 'noupgrade', 'nothttp', 'longhead',
         'badmagic', 'shortkey', 'zerokey', 'hugeframe', 'early', 'wrongbox',
         'nobox', 'badframe', 'bigskip')
ODD = ('skips', 'oversize', 'strangers', 'health', 'pings', 'rate', 'oddjson',
       'nopong', 'slow-good')
FLEETING = ('hangup', 'reset', 'resetpong', 'restarts')


def test_hostile(n):
    """Relays that lie, stall and flood; an honest one beside them works."""
    n.fake_up(8443)
    n.fake_up(8444, tls=False)
    urls = ['https://%s:8443/%s' % (RELAY, w) for w in WRONG]
    n.gateway(n.gateway_conf(extra=''.join(
        n.derp_conf('gw', url=u) for u in urls)))
    served(n)
    wait_for(lambda: all(': ' in r['detail'] or ', ' in r['detail']
                         for r in n.relays()[1:]), 25, 'every relay to fail')
    for r in n.relays()[1:]:
        check(r['state'] != 'up' or r['url'].endswith('frame') or
              r['url'].endswith('skip'), r)
    n.gateway(n.gateway_conf(extra=''.join(
        n.derp_conf('gw', url='https://%s:8443/%s' % (RELAY, w))
        for w in ODD) + n.derp_conf('gw', url='https://%s:8444/good' % RELAY)))
    wait_for(lambda: all(r['state'] == 'up' for r in n.relays()[:-1]), 25,
             'the odd ones to be up')
    wait_for(lambda: 'no answer (tls)' in n.relays()[-1]['detail'], 25,
             'what does not speak TLS to be given up')
    wait_for(lambda: n.counter('relay_drop_unknown') > 10000, 20,
             'strangers to be dropped')
    served(n)
    pid = [p['pid'] for p in n.ctlj('show', 'processes')['processes']
           if p['title'] == 'derp'][0]
    rss = int(re.search(r'VmRSS:\s+(\d+)', open('/proc/%d/status' % pid)
                        .read()).group(1))
    n.last = '%d kB' % rss
    check(rss < 100000, rss)
    check('\x1b' not in n.logtext(), 'an escape in the log')
    n.gateway()
    served(n)


def test_fleeting(n):
    """
    Relays that are up for a moment, or say the same a million times: asked
    ever more seldom, told seldom, and in no memory.
    """
    n.fake_up(8443)
    n.gateway(n.gateway_conf(extra=''.join(
        n.derp_conf('gw', url='https://%s:8443/%s' % (RELAY, w))
        for w in FLEETING)))
    served(n)
    before = n.counter('relay_connected'), len(n.logtext())
    time.sleep(8)
    made = n.counter('relay_connected') - before[0]
    said = len(n.logtext()) - before[1]
    pid = [p['pid'] for p in n.ctlj('show', 'processes')['processes']
           if p['title'] == 'derp'][0]
    rss = int(re.search(r'VmRSS:\s+(\d+)', open('/proc/%d/status' % pid)
                        .read()).group(1))
    n.last = '%d connections, %d bytes of log, %d kB' % (made, said, rss)
    check(made < 30 and said < 20000 and rss < 60000, n.last)
    served(n)
    n.gateway()
    served(n)


def test_forged(n):
    """A relay that speaks in the name of somebody at another one."""
    n.fake_up(8443)
    n.gateway(n.gateway_conf(extra=n.derp_conf(
        'gw', url='https://%s:8443/forge-%s' % (
            RELAY, n.node['side'].split(':')[1]))))
    wait_for(lambda: n.relays()[1]['state'] == 'up', 10, 'the forger')
    for _ in range(5):
        served(n, 5)
        time.sleep(0.3)
    check(n.relays()[1]['detail'].endswith(', 0 to it'),
          'sent to the wrong one', n.relays())
    n.gateway()
    served(n)


def test_by_name(n):
    """Where UDP is tried first, and is dead, the relay is next."""
    for name in ('client.test', 'nowhere.test', '10.9.0.2'):
        n.stop()
        n.start(n.gateway_conf(
            extra='forward tcp from 127.0.0.1 port 8088 to %s port 8089\n' %
            GUEST4, peer='endpoint "%s" port 51820\n'
            'persistent keepalive 1' % name),
            hosts={RELAY: '10.6.0.2', 'client.test': '10.9.0.2'})
        # one that the gateway began, and not the client; a response to one
        # that it has begun anew since then is none
        wait_for(lambda: n.counter('wg_rx_responses') > 0 and
                 n.peer()['latest_handshake'] > 0, 40,
                 'a handshake with ' + name)
        check(n.peer()['endpoint'] == n.node['side'], n.peer())
    # a reload that takes the relay away leaves the other way
    n.write_conf(n.conf(n.derp_conf('gw'),
                        'endpoint 10.9.0.2 port 51820') + '')
    n.ctl('reload')
    check(n.peer()['endpoint'] == '10.9.0.2:51820', n.peer())
    n.gateway()
    served(n)


def test_other_key(n):
    """A reload that puts one key in the place of another one."""
    served(n)
    other = run(n.bin + '/wgslirpctl', 'derp', 'key',
                n.path('other.node')).stdout.strip()
    n.write_conf(n.gateway_conf().replace(n.node['side'], other))
    n.ctl('reload')
    before = n.counter('relay_rx_datagrams')
    try:
        n.call('c', get, SERVER4, 1000, timeout=3)
        check(False, 'it was served')
    except Failure:
        pass
    check(n.counter('relay_rx_datagrams') == before, 'it was heard')
    check(n.counter('relay_drop_unknown') > 0, 'not counted')
    n.write_conf(n.gateway_conf())
    n.ctl('reload')
    served(n)


def test_places(n):
    """Relays change their places in the file, come and go."""
    n.fake_up(8443)
    url = 'https://%s:8443/good' % RELAY
    n.gateway(n.gateway_conf(extra=n.derp_conf('gw', url=url)))
    wait_for(lambda: [r['state'] for r in n.relays()] == ['up', 'up'], 10,
             'both')
    n.write_conf(n.gateway_conf(url=url, extra=n.derp_conf('gw')))
    n.ctl('reload')
    wait_for(lambda: [r['state'] for r in n.relays()] == ['up', 'up'], 15,
             'both, the other way round')
    check(n.relays()[0]['url'] == url, n.relays())
    served(n)
    n.write_conf(n.conf())
    n.ctl('reload')
    check(n.relays() == [], n.relays())
    n.write_conf(n.gateway_conf())
    n.ctl('reload')
    wait_for(lambda: [r['state'] for r in n.relays()] == ['up'], 15, 'one')
    served(n)


def test_plain(n):
    """A relay without TLS, for trying things out."""
    n.fake_up(8444, tls=False)
    url = 'http://%s:8444/good' % RELAY
    n.gateway(n.gateway_conf(url=url, more=''))
    n.side_down()
    n.sidecar(url=url, more='')
    served(n)
    n.side_down()
    n.sidecar()
    n.gateway()
    served(n)


def test_rate(n):
    """A relay that says how much it takes gets no more, and loses nothing."""
    n.fake_up(8443)
    n.gateway(n.gateway_conf(url='https://%s:8443/rate' % RELAY))
    n.side_down()
    n.sidecar(url='https://%s:8443/good' % RELAY)
    served(n)
    t = time.monotonic()
    before = n.counter('relay_tx_bytes')
    check(n.call('c', get, SERVER4, 300000) == (
        300000, server.digest(300000)), 'the page is wrong')
    t = time.monotonic() - t
    sent = n.counter('relay_tx_bytes') - before
    n.last = '%.0f bytes a second' % (sent / t)
    # 100,000 a second, and once 20,000
    check(sent < 100000 * t + 40000, sent, t)
    n.side_down()
    n.sidecar()
    n.gateway()
    served(n)


def test_nearest(n):
    """Of two relays the nearer one is preferred, wherever it stands."""
    n.fake_up(8443)
    late = 'https://%s:8443/latepong' % RELAY
    n.gateway(n.conf(n.derp_conf('gw', url=late) + n.derp_conf('gw')))
    wait_for(lambda: [r['detail'].find('preferred') > 0
                      for r in n.relays()] == [False, True], 10,
             'the nearer one')
    n.gateway()
    served(n)


def test_dead(n):
    """A relay that nothing is heard of any more is given up."""
    n.call('r', nft, 'flush ruleset; add table inet t; add chain inet t i { '
           'type filter hook input priority 0; }; add rule inet t i tcp '
           'dport 443 drop')
    t = time.monotonic()
    wait_for(lambda: n.relays()[0]['state'] != 'up', 45, 'it to be noticed',
             promised=True)
    n.last = 'noticed after %.0f s' % (time.monotonic() - t)
    n.call('r', nft, 'flush ruleset')
    wait_for(lambda: n.relays()[0]['state'] == 'up', 60, 'it to be back')
    served(n, 60)


def test_restarting(n):
    """A relay that says when it is back is asked then."""
    n.fake_up(8443)
    n.gateway(n.gateway_conf(extra=n.derp_conf(
        'gw', url='https://%s:8443/restart' % RELAY)))
    wait_for(lambda: n.counter('relay_failed') >= 2, 10, 'it to be asked')
    text = n.logtext()
    check('restarts' in text, text)
    n.gateway()
    served(n)


def test_kill(n):
    """The derp engine's death ends the daemon, which says why."""
    pid = [p['pid'] for p in n.ctlj('show', 'processes')['processes']
           if p['title'] == 'derp'][0]
    os.kill(pid, signal.SIGKILL)
    check(n.daemon.wait(10) == 1, 'exit status')
    check('derp engine terminated by signal 9' in n.logtext(), n.logtext())
    n.gateway()
    served(n)


def test_sidecar(n):
    """What it shows; who may use it; that it is no gateway."""
    text = n.side_ctl('show', 'interfaces').stdout
    check('127.0.0.1:51821' in text and '51820' not in text, text)
    check('up' in n.side_ctl('show', 'derp').stdout, 'show derp')
    check(n.side_ctl('health').returncode == 0, 'health')
    n.side_down()
    n.sidecar(allow='allow 10.0.0.0/8')
    try:
        n.call('c', get, SERVER4, 1000, timeout=4)
        check(False, 'who may not was served')
    except Failure:
        pass
    n.side_down()
    n.sidecar()
    served(n)


def ready(n):
    n.start_server()
    n.ready()
    n.client_up()


def main():
    enter()
    if find_derper() is None:
        print('derp: no derper (DERPER=, PATH, or etc/setup derper): '
              'derpfake.py takes its place')
    n = Derp()
    n.client_conf_of = n.client_conf
    n.client_conf = lambda endpoint='127.0.0.1:51821', **kw: \
        n.client_conf_of(endpoint=endpoint, **kw)
    return run_tests(n, 'derp', named([
        test_page, test_upload, test_second, test_roam, test_unknown,
        test_reload, test_first, test_two_relays, test_initiate, test_pin,
        test_certificate, test_proxy, test_hostile, test_fleeting,
        test_forged, test_by_name, test_other_key, test_places, test_plain,
        test_rate, test_nearest, test_restarting,
        test_sidecar, test_relay_restart, test_dead,
        test_kill]), lambda: ready(n))


if __name__ == '__main__':
    sys.exit(main())
