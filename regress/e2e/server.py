# SPDX-License-Identifier: ISC
"""Services of the server host, each on a port of its own."""

import hashlib
import resource
import select
import socket
import struct
import sys
import threading
import time

HTTP, ECHO, SINK, HALF_SRV, HALF_CLI, RESET, STALL, UDP, LATE, DRIP = \
    80, 7001, 7002, 7003, 7004, 7005, 7006, 7007, 7008, 7009
WHOAMI, STREAM, SOURCE = 7011, 7012, 7013
CHUNK = 65536


def pattern(n):
    """n bytes, the same each time, without a short period."""
    h = hashlib.shake_128(b'wgslirpd')
    block = h.digest(1 << 20)
    full, rest = divmod(n, len(block))
    for i in range(full):
        yield struct.pack('>I', i) + block[4:]
    if rest:
        yield block[:rest]


def digest(n):
    h = hashlib.sha256()
    for b in pattern(n):
        h.update(b)
    return h.hexdigest()


def lines(c):
    data = b''
    while b'\r\n\r\n' not in data:
        b = c.recv(CHUNK)
        if not b:
            break
        data += b
    return data.partition(b'\r\n\r\n')


def http(c):
    head, _, body = lines(c)
    words = head.split(b' ')
    n = int(words[1].strip(b'/') or b'0')
    if words[0] == b'GET':
        c.sendall(b'HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n' % n)
        for b in pattern(n):
            c.sendall(b)
        return
    h = hashlib.sha256(body)
    left = n - len(body)
    while left > 0:
        b = c.recv(CHUNK)
        if not b:
            break
        h.update(b)
        left -= len(b)
    c.sendall(b'HTTP/1.0 200 OK\r\n\r\n' + h.hexdigest().encode())


def drip(c):
    """A byte every 100 ms, as many as the guest wants."""
    for _ in range(int(c.recv(100))):
        c.sendall(b'.')
        time.sleep(0.1)


def echo(c):
    while True:
        b = c.recv(CHUNK)
        if not b:
            return
        c.sendall(b)


def sink(c):
    while c.recv(CHUNK):
        pass


def half_srv(c):
    """Ends its own direction first, then takes all of the other."""
    c.sendall(b'first')
    c.shutdown(socket.SHUT_WR)
    n = 0
    while True:
        b = c.recv(CHUNK)
        if not b:
            break
        n += len(b)
    results['half_srv'] = n


def half_cli(c):
    """Answers only when the client has ended its direction."""
    h, n = hashlib.sha256(), 0
    while True:
        b = c.recv(CHUNK)
        if not b:
            break
        h.update(b)
        n += len(b)
    time.sleep(0.3)
    c.sendall(b'%d %s\n' % (n, h.hexdigest().encode()))
    for b in pattern(300000):
        c.sendall(b)


def reset(c):
    """Resets in the middle, or reports that it was reset."""
    what = c.recv(1)
    if what == b'R':
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 0))
        return
    try:
        while c.recv(CHUNK):
            pass
        results['reset'] = 'eof'
    except ConnectionResetError:
        results['reset'] = 'reset'


def stall(c):
    """Reads nothing for a while, then all."""
    time.sleep(2.5)
    n = 0
    h = hashlib.sha256()
    while True:
        b = c.recv(CHUNK)
        if not b:
            break
        n += len(b)
        h.update(b)
    c.sendall(b'%d %s' % (n, h.hexdigest().encode()))


def late(c):
    """Speaks first."""
    c.sendall(b'hello\n')
    c.recv(1)


results = {}


def source(c):
    """Where a connection comes from."""
    c.sendall(c.getpeername()[0].replace('::ffff:', '').encode())


def ask(c):
    """Tell what another service has noted."""
    key = c.recv(64).decode()
    for _ in range(100):
        if key in results:
            break
        time.sleep(0.05)
    c.sendall(str(results.pop(key, '')).encode())


SERVICES = {SOURCE: source, HTTP: http, DRIP: drip, ECHO: echo, SINK: sink,
            HALF_SRV: half_srv,
            HALF_CLI: half_cli, RESET: reset, STALL: stall, LATE: late,
            7010: ask}


def serve(fn, c):
    try:
        with c:
            fn(c)
    except OSError:
        pass


def datagrams(port):
    """A socket for both families that knows where it was asked."""
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.bind(('::', port))
    return s


def receive(s):
    """A datagram, its sender, and how to answer from where it came to."""
    b, anc, _, a = s.recvmsg(65536, 200)
    back = [x for x in anc if x[:2] == (socket.IPPROTO_IPV6,
                                        socket.IPV6_PKTINFO)]
    return b, a, back


def whoami(w):
    """Tell a sender how it looks from here, from here or elsewhere.

    The datagram is "" or "ADDRESS PORT", which is to answer.
    """
    b, a, back = receive(w)
    text = ('%s %d' % (a[0].replace('::ffff:', ''), a[1])).encode()
    if not b:
        w.sendmsg([text], back, 0, a)
        return
    addr, port = b.decode().split()
    v6 = ':' in addr
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        s.bind((addr, int(port)))
        s.sendto(text, a[:2] if v6 else (a[0].replace('::ffff:', ''), a[1]))


def stream(s):
    """Datagrams toward a sender, 20 a second, as many as it says."""
    b, a, back = receive(s)

    def go():
        for _ in range(int(b)):
            s.sendmsg([b'.'], back, 0, a)
            time.sleep(0.05)
    threading.Thread(target=go, daemon=True).start()


def serve_one(s, u, w, t, socks):
    if s is w or s is t:
        (whoami if s is w else stream)(s)
    elif s is u:
        b, a, back = receive(u)
        u.sendmsg([b], back, 0, a)
    else:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(socks[s], c),
                         daemon=True).start()


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    socks = {}
    for port, fn in SERVICES.items():
        s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if fn is stall:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        s.bind(('::', port))
        s.listen(256)
        socks[s] = fn
    u = datagrams(UDP)
    w = datagrams(WHOAMI)
    t = datagrams(STREAM)
    print('ready', flush=True)
    sys.stdout.close()
    while True:
        r, _, _ = select.select(list(socks) + [u, w, t], [], [])
        for s in r:
            try:
                serve_one(s, u, w, t, socks)
            except (OSError, ValueError, RuntimeError):
                pass            # what a flood of anything brings


if __name__ == '__main__':
    main()
