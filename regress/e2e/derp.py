# SPDX-License-Identifier: ISC
"""A client whose network passes TCP alone, a DERP relay, and the gateway.

client --- relay --- gateway --- server.  The relay is the program "derper",
which etc/setup can build, or, for what no honest relay does, derpfake.py.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import dial, get                           # noqa: E402
from net import (Failure, Net, TOP, check, enter, named, open_ping,  # noqa: E402
                 run, run_tests, wait_for, SERVER4, GUEST4, GUEST6)

RELAY = 'relay.test'
HERE = os.path.dirname(os.path.abspath(__file__))


def find_derper():
    for p in (os.environ.get('DERPER'), shutil.which('derper'),
              TOP + '/out/derper'):
        if p and os.path.exists(p):
            return p
    return None


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
                                                     peer))

    def gateway(self, text=None, relay='10.6.0.2'):
        self.stop()
        self.start(text if text is not None else self.gateway_conf(),
                   hosts={RELAY: relay})

    def sidecar(self, extra='', relay='10.5.0.2', **kw):
        """A daemon that is nothing but a way to the relay."""
        path = self.path('side.conf')
        with open(path, 'w') as f:
            f.write(self.derp_conf('side', **kw) + '''
relay listen on 127.0.0.1 port 51821 to derp "%s"
%s''' % (self.node['gw'], extra))
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
        for p in (self.derper, self.side):
            if p is not None and p.poll() is None:
                p.terminate()
                p.wait(10)
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
