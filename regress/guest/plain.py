# SPDX-License-Identifier: ISC
"""Daemons and guests on loopback: no namespace, no interface, no root."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DAEMON = TOP + '/wgslirpd/wgslirpd'
CTL = TOP + '/wgslirpctl/wgslirpctl'
GUEST = TOP + '/regress/guest/guest.t'


class Failure(Exception):
    pass


def wait_for(fn, what, seconds=30.0):
    end = time.monotonic() + seconds
    while not fn():
        if time.monotonic() > end:
            raise Failure('timed out waiting for ' + what)
        time.sleep(0.02)


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Plain:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='wgslirpd-plain.')
        self.procs = {}
        self.keys = {}
        # root's daemon becomes somebody else, who has to reach its folder
        os.chmod(self.dir, 0o755)

    def path(self, name):
        return os.path.join(self.dir, name)

    def text(self, name):
        with open(self.path(name), errors='replace') as f:
            return f.read()

    def key(self, name):
        """The public key of somebody, who gets one."""
        if name not in self.keys:
            key = subprocess.run([CTL, 'genkey'], capture_output=True,
                                 check=True).stdout
            fd = os.open(self.path(name + '.key'),
                         os.O_CREAT | os.O_WRONLY, 0o600)
            os.write(fd, key)
            os.close(fd)
            self.keys[name] = subprocess.run(
                [CTL, 'pubkey'], input=key, capture_output=True,
                check=True).stdout.decode().strip()
        return self.keys[name]

    def node(self, name):
        return subprocess.run([CTL, 'derp', 'key', self.path(name + '.node')],
                              capture_output=True, text=True,
                              check=True).stdout.strip()

    def spawn(self, name, args, **kw):
        """A process that lives until another one has its name, or the end."""
        if name in self.procs and self.procs[name].poll() is None:
            self.procs[name].kill()
            self.procs[name].wait()
        with open(self.path(name + '.log'), 'w') as log:
            self.procs[name] = subprocess.Popen(
                args, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, **kw)
        return self.procs[name]

    def started(self, name, word):
        p = self.procs[name]
        wait_for(lambda: word in self.text(name + '.log') or
                 p.poll() is not None, name)
        if p.poll() is not None:
            raise Failure('%s ended: %s' % (name, self.text(name + '.log')))

    def daemon(self, name, conf):
        path = self.path(name + '.conf')
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC,
                          0o600), 'w') as f:
            f.write(conf)
        self.spawn(name, [DAEMON, '-d', '-f', path, '-s',
                          self.path(name + '.sock')])
        self.started(name, 'started')

    def ctl(self, name, *args):
        return subprocess.run([CTL, '-s', self.path(name + '.sock')] +
                              list(args), capture_output=True, text=True,
                              check=True).stdout

    def guest(self, who, peer, port, own):
        """Somebody who serves pages at his address."""
        self.spawn(who, [GUEST, 'serve', self.path(who + '.key'), peer,
                         str(port), own])
        self.started(who, 'serving')

    def get(self, who, peer, port, own, addr, n):
        """(whether all is right, what is said of it)"""
        # a second initiation within 17 ms has the same timestamp as the first
        time.sleep(0.05)
        r = subprocess.run([GUEST, 'get', self.path(who + '.key'), peer,
                            str(port), own, addr, str(n)],
                           capture_output=True, text=True, timeout=120)
        return r.returncode == 0, (r.stdout + r.stderr).strip()

    def end(self, name):
        p = self.procs.pop(name)
        p.terminate()
        return p.wait(10)

    def close(self):
        for p in self.procs.values():
            if p.poll() is None:
                p.kill()
                p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def find_derper():
    """The program; DERPER=none does without."""
    if os.environ.get('DERPER') == 'none':
        return None
    for p in (os.environ.get('DERPER'), shutil.which('derper'),
              TOP + '/out/derper'):
        if p and os.path.exists(p):
            return p
    return None


def relay(n):
    """A relay with a certificate of its own; (URL, pin, which)."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
         '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
         '-keyout', '127.0.0.1.key', '-out', '127.0.0.1.crt'], cwd=n.dir,
        check=True, capture_output=True)
    pin = subprocess.run(
        'openssl x509 -in 127.0.0.1.crt -pubkey -noout | openssl pkey -pubin '
        '-outform der | openssl dgst -sha256 -binary | openssl base64',
        shell=True, cwd=n.dir, capture_output=True, text=True,
        check=True).stdout.strip()
    port = free_port(socket.SOCK_STREAM)
    derper = find_derper()
    if derper:
        n.spawn('relay', [derper, '-a', '127.0.0.1:%d' % port, '-http-port',
                          '-1', '-stun=false', '-certmode', 'manual',
                          '-certdir', n.dir, '-hostname', '127.0.0.1', '-c',
                          n.path('derper.conf')])
        n.started('relay', 'serving on')
    else:
        n.spawn('relay', [sys.executable,
                          TOP + '/regress/e2e/derpfake.py', str(port),
                          n.path('127.0.0.1.crt'), n.path('127.0.0.1.key'),
                          '127.0.0.1'])
        n.started('relay', 'ready')
    return ('https://127.0.0.1:%d/%s' % (port, 'derp' if derper else 'good'),
            'sha256/' + pin, os.path.basename(derper or 'derpfake.py'))


def sidecars(n, url, pin):
    """One for each of "a" and "b", to each other; their ports."""
    ports = {}
    for who, other in ('ab', 'ba'):
        ports[who] = free_port()
        n.daemon('side-' + who, '''derp "%s" {
	key file "%s"
	pin "%s"
}
relay listen on 127.0.0.1 port %d to derp "%s"
''' % (url, n.path(who + '.node'), pin, ports[who], n.node(other)))
    for who in 'ab':
        wait_for(lambda: n.ctl('side-' + who, 'show', 'derp')
                 .startswith('up'), 'the relay')
    return ports
