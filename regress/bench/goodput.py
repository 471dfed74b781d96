# SPDX-License-Identifier: ISC
"""Goodput over a path, of the gateway and of the kernel's own TCP.

usage: goodput.py [seconds [sharing]]
Both go from the same server through the same relay to the same client
(wireguard-go).  For the kernel's figures wireguard-go with forwarding takes
the gateway's place, and the server's socket has the congestion control; so
that its tunnel is no slower than its TCP, look at the first line.
"""

import os
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))
from guest import connect_error                             # noqa: E402
from net import Net, enter, run, wait_for, SERVER4          # noqa: E402

PORT = 7100
PATHS = (('rtt 20', ('delay=10',)),
         ('rtt 20, 0.1 %', ('delay=10', 'loss=0.1')),
         ('rtt 20, 1 %', ('delay=10', 'loss=1')),
         ('rtt 20, 5 %, dup', ('delay=10', 'loss=5', 'dup=5')),
         ('rtt 20, 100 Mbit/s', ('delay=10', 'rate=100', 'queue=250')),
         ('rtt 20, 100 Mbit/s, 1 %', ('delay=10', 'rate=100', 'queue=250',
                                      'loss=1')),
         ('rtt 20, 100 Mbit/s, shallow', ('delay=10', 'rate=100',
                                          'queue=60')),
         ('rtt 100, 100 Mbit/s', ('delay=50', 'rate=100', 'queue=1000')),
         ('rtt 200, 1 %', ('delay=100', 'loss=1')))


def source():
    """Send to whoever connects, by the congestion control it names."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((SERVER4, PORT))
    s.listen(8)
    while True:
        c, _ = s.accept()
        threading.Thread(target=pour, args=(c,), daemon=True).start()


def pour(c):
    block = bytes(1 << 18)
    try:
        name = c.recv(32).strip()
        if name not in (b'', b'-'):
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name)
        while name:
            c.sendall(block)
    except OSError:
        pass
    c.close()


def sink(name, seconds):
    with socket.create_connection((SERVER4, PORT), 60) as s:
        s.settimeout(60)
        s.sendall(name.encode() + b'\n')
        n, t = 0, time.monotonic()
        while time.monotonic() - t < seconds:
            n += len(s.recv(1 << 20))
        return n * 8 / 1e6 / (time.monotonic() - t)


def session(n):
    wait_for(lambda: n.client_set(endpoint='10.9.0.1:51999') == 0,
             what='setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, PORT, 20)[0] ==
             'connected', 60, 'a session')


def kernel_up(n):
    """wireguard-go and forwarding in the gateway's namespace."""
    n.stop()
    name = 'wg' + n.tag + 'g'
    n.spawn('g', ['wireguard-go', '-f', name])
    wait_for(lambda: run('ip', '-n', n.nsname('g'), 'link', 'show', name,
                         ok=False).returncode == 0, what='wireguard-go')
    conf = os.path.join(n.dir, 'kernel.conf')
    with open(conf, 'w') as f:
        f.write('[Interface]\nListenPort = 51820\nPrivateKey = %s\n[Peer]\n'
                'PublicKey = %s\nPresharedKey = %s\nAllowedIPs = '
                '10.77.0.2/32\n' % (
                    open(n.dir + '/s.key').read().strip(), n.pub('c'),
                    open(n.dir + '/psk').read().strip()))
    run('ip', 'netns', 'exec', n.nsname('g'), 'wg', 'setconf', name, conf)
    n.ip('g', 'addr', 'add', '10.77.0.1/24', 'dev', name)
    n.ip('g', 'link', 'set', name, 'mtu', '1420', 'up')
    n.ip('s', 'route', 'add', '10.77.0.0/24', 'via', '192.0.2.1')
    run('ip', 'netns', 'exec', n.nsname('g'), 'sysctl', '-qw',
        'net.ipv4.ip_forward=1')


def pair(n, seconds):
    """Two downloads at once: what each got."""
    ends = [n.begin('c', sink, '-', seconds, timeout=seconds + 90)
            for _ in range(2)]
    return [e() for e in ends]


def under_load(n, seconds):
    """Ping times while a download fills a queue of a second."""
    end = n.begin('c', sink, '-', seconds, timeout=seconds + 90)
    time.sleep(2)
    out = run('ip', 'netns', 'exec', n.nsname('c'), 'ping', '-q', '-c', '15',
              '-i', '0.2', '10.77.0.1').stdout
    end()
    return out.strip().splitlines()[-1]


def sharing(n, seconds):
    for cc in ('bbr', 'cubic'):
        n.write_conf(n.conf(extra='tcp { congestion %s }' % cc))
        n.ctl('reload')
        n.start_relay('delay=10', 'rate=100', 'queue=500')
        session(n)
        a, b = pair(n, 2 * seconds)
        print('%-6s two flows over 100 Mbit/s: %.1f and %.1f Mbit/s, '
              '%.0f / %.0f %%' % (cc, a, b, 100 * a / (a + b),
                                  100 * b / (a + b)), flush=True)
        n.start_relay('delay=10', 'rate=100', 'queue=12500')
        session(n)
        print('%-6s ping while a download fills 100 Mbit/s with a queue of '
              '1 s: %s' % (cc, under_load(n, seconds)), flush=True)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 6
    only_sharing = len(sys.argv) > 2 and sys.argv[2] == 'sharing'
    names = ('cubic', 'bbr')
    table = {}
    n = Net()
    try:
        n.start(n.conf())
        n.client_up()
        n.begin('s', source, timeout=100000)
        time.sleep(0.5)
        sharing(n, seconds)
        if only_sharing:
            return
        for who in ('gateway', 'kernel'):
            if who == 'kernel':
                kernel_up(n)
            for cc in names:
                if who == 'gateway':
                    n.write_conf(n.conf(
                        extra='tcp { congestion %s }' % cc))
                    n.ctl('reload')
                for label, opts in PATHS:
                    n.start_relay(*opts)
                    session(n)
                    a = n.ctlj('show', 'counters') if who == 'gateway' \
                        else None
                    v = n.call('c', sink, cc if who == 'kernel' else '-',
                               seconds, timeout=seconds + 90)
                    extra = ''
                    if a:
                        b = n.ctlj('show', 'counters')
                        sent = b['ip_tx_bytes'] - a['ip_tx_bytes']
                        extra = ' sent/goodput %.2f' % (
                            sent / (v * seconds * 125000))
                    table[who, cc, label] = v
                    print('%-8s %-6s %-26s %7.1f Mbit/s%s' % (
                        who, cc, label, v, extra), flush=True)
    finally:
        n.close()
    print()
    for label, _ in PATHS:
        print('%-26s' % label + ''.join(
            '  %s %.1f / %.1f = %.2f' % (
                cc, table['gateway', cc, label], table['kernel', cc, label],
                table['gateway', cc, label] / table['kernel', cc, label])
            for cc in names))


if __name__ == '__main__':
    enter()
    main()
