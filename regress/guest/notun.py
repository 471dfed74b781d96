#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The gateway and real guests where an ordinary user has neither namespaces nor
/dev/net/tun: all of it on loopback, the guests' TCP/IP is lwIP's.
"""

import json
import os
import socket
import sys
import time
import traceback
import urllib.request

from plain import (Failure, GUEST, Plain, free_port, relay, sidecars,
                   wait_for)


def check(cond, *what):
    if not cond:
        raise Failure(' '.join(str(w) for w in what))


def pattern(n):
    return bytes((i * 7 + i // 251) & 255 for i in range(n))


class Gateway(Plain):
    """A gateway, and a guest "a" that serves pages at 192.168.4.1."""

    def __init__(self):
        super().__init__()
        self.port = free_port()
        self.fwd = free_port(socket.SOCK_STREAM)
        self.socks = free_port(socket.SOCK_STREAM)
        self.key('gw')
        self.conf = '''listen on 127.0.0.1 port %d
private key file "%s"
address 192.168.4.254/24
mtu 1280
overlay yes
forward tcp from 127.0.0.1 port %d to 192.168.4.1 port 80
proxy listen on 127.0.0.1 port %d
%%s
''' % (self.port, self.path('gw.key'), self.fwd, self.socks) + ''.join(
            'peer "%s" {\n public key "%s"\n allowed ips %s/32\n}\n' % (
                w, self.key(w), a) for w, a in (
                    ('a', '192.168.4.1'), ('b', '192.168.4.2')))
        self.daemon('gw', self.conf % '')
        self.guest('a', self.key('gw'), self.port, '192.168.4.1')
        wait_for(lambda: self.peer('a')['latest_handshake'] > 0,
                 'a handshake', 60)

    def peer(self, name):
        return [p for p in json.loads(self.ctl('gw', '-j', 'show', 'peers'))
                ['peers'] if p['name'] == name][0]


def test_guests(n):
    """From guest to guest, through the gateway."""
    for size in (1, 1000, 100000):
        ok, said = n.get('b', n.key('gw'), n.port, '192.168.4.2',
                         '192.168.4.1', size)
        check(ok, said)


def test_forward(n):
    """A program of the host gets pages of a guest."""
    for size in (1, 5000, 3000000):
        with urllib.request.urlopen('http://127.0.0.1:%d/%d' % (
                n.fwd, size), timeout=20) as r:
            check(r.read() == pattern(size), 'a wrong page of', size)


def test_socks(n):
    with socket.create_connection(('127.0.0.1', n.socks), 10) as s:
        s.sendall(b'\x05\x01\x00')
        check(s.recv(2) == b'\x05\x00', 'no greeting')
        s.sendall(b'\x05\x01\x00\x01\xc0\xa8\x04\x01\x00\x50')
        check(s.recv(10)[:2] == b'\x05\x00', 'not connected')
        s.sendall(b'GET /70000 HTTP/1.0\r\n\r\n')
        data = b''
        while True:
            b = s.recv(65536)
            if not b:
                break
            data += b
        check(data.partition(b'\r\n\r\n')[2] == pattern(70000), len(data))


def test_refused(n):
    """A port where nobody listens says so."""
    with socket.create_connection(('127.0.0.1', n.socks), 10) as s:
        s.sendall(b'\x05\x01\x00')
        s.recv(2)
        s.sendall(b'\x05\x01\x00\x01\xc0\xa8\x04\x01\x00\x51')
        check(s.recv(10)[1] == 5, 'not refused')


def test_restart(n):
    """
    The gateway is gone for a moment.  It is asked for the guest before it has
    heard of it, and offers a session as soon as it does.
    """
    check(n.end('gw') == 0, 'exit status')
    n.daemon('gw', n.conf % '')
    t = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen('http://127.0.0.1:%d/1000' % n.fwd,
                                        timeout=20) as r:
                check(r.read() == pattern(1000), 'a wrong page')
            break
        except OSError:
            check(time.monotonic() - t < 30, 'not served')
            time.sleep(0.1)


def test_relay(n):
    """Two guests and a relay, without a gateway."""
    url, pin, _ = relay(n)
    ports = sidecars(n, url, pin)
    n.key('c')
    n.key('d')
    n.guest('c', n.key('d'), ports['a'], '192.168.5.1')
    ok, said = n.get('d', n.key('c'), ports['b'], '192.168.5.2',
                     '192.168.5.1', 300000)
    check(ok, said)
    c = json.loads(n.ctl('side-b', '-j', 'show', 'counters'))
    check(c['relay_rx_datagrams'] > 200, 'not by the relay')


def test_gateway_relay(n):
    """A guest that only knows a relay, at the gateway."""
    url, pin, _ = relay(n)
    n.end('gw')
    n.daemon('gw', n.conf.replace(
        'peer "b" {', 'peer "b" {\n endpoint derp "%s"' % n.node('b2')) % (
        'derp "%s" {\nkey file "%s"\npin "%s"\n}\n' % (
            url, n.path('gw2.node'), pin)))
    port = free_port()
    n.daemon('side', '''derp "%s" {
	key file "%s"
	pin "%s"
}
relay listen on 127.0.0.1 port %d to derp "%s"
''' % (url, n.path('b2.node'), pin, port, n.node('gw2')))
    # a SYN that is lost is sent again after ever longer times
    for who in ('gw', 'side'):
        wait_for(lambda: n.ctl(who, 'show', 'derp').startswith('up'),
                 'the relay', 60)
    ok, said = n.get('b', n.key('gw'), port, '192.168.4.2', '192.168.4.1',
                     200000)
    check(ok, said)
    check(n.peer('b')['endpoint'] == n.node('b2'), n.peer('b'))


def main():
    if not os.path.exists(GUEST):
        print('SKIP guests without an interface: no lwIP')
        print('0 passed, 0 failed')
        return 0
    passed = failed = 0
    n = Gateway()
    try:
        for test in (test_guests, test_forward, test_socks, test_refused,
                     test_restart, test_relay, test_gateway_relay):
            t = time.monotonic()
            name = test.__name__[5:]
            try:
                test(n)
                passed += 1
                print('ok   notun/%s (%.1f s)' % (name,
                                                  time.monotonic() - t))
            except Exception as e:
                failed += 1
                print('FAIL notun/%s: %s: %s' % (name, type(e).__name__, e))
                if not isinstance(e, Failure):
                    traceback.print_exc(file=sys.stdout)
                print(n.text('gw.log')[-1500:])
    finally:
        n.close()
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
