# SPDX-License-Identifier: ISC
"""What a guest does: each of these runs inside a client's namespace."""

import errno
import hashlib
import os
import select
import socket
import struct
import threading
import time

import server
from net import SERVER4, run

MB = 1 << 20


def dial(host, port, timeout=60):
    s = socket.create_connection((host, port), timeout)
    s.settimeout(timeout)
    return s


def read_all(s):
    out = []
    while True:
        b = s.recv(1 << 18)
        if not b:
            return b''.join(out)
        out.append(b)


def ask(host, key):
    with dial(host, 7010) as s:
        s.sendall(key.encode())
        return s.recv(64).decode()


def get(host, n, ready=None):
    """What came of n bytes, and its hash; ready() once some have come."""
    with dial(host, server.HTTP) as s:
        s.sendall(b'GET /%d HTTP/1.0\r\n\r\n' % n)
        h, got = hashlib.sha256(), 0
        data = b''
        while b'\r\n\r\n' not in data:
            data += s.recv(4096)
        if ready is not None:
            ready()
        body = data.partition(b'\r\n\r\n')[2]
        while got < n:
            h.update(body)
            got += len(body)
            body = s.recv(1 << 18) if got < n else b''
            if got < n and not body:
                break
    return got, h.hexdigest()


def put(host, n):
    with dial(host, server.HTTP) as s:
        s.sendall(b'PUT /%d HTTP/1.0\r\n\r\n' % n)
        for b in server.pattern(n):
            s.sendall(b)
        return read_all(s).split(b'\r\n\r\n')[1].decode()


def at_once(fn, count):
    ts = [threading.Thread(target=fn, args=(i,)) for i in range(count)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


def parallel(host, count):
    bad = []

    def one(i):
        try:
            n, d = get(host, 20000 + i)
            if (n, d) != (20000 + i, server.digest(20000 + i)):
                bad.append((i, n))
        except OSError as e:
            bad.append((i, str(e)))
    at_once(one, count)
    return bad


def half_server_first(host):
    with dial(host, server.HALF_SRV) as s:
        first = read_all(s)
        time.sleep(0.2)
        for b in server.pattern(MB):
            s.sendall(b)
        s.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
    return first, ask(host, 'half_srv')


def half_client_first(host):
    with dial(host, server.HALF_CLI) as s:
        for b in server.pattern(200000):
            s.sendall(b)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)


def connect_error(host, port, timeout):
    """What became of a connect, and when."""
    for _ in range(5):
        e = connect_once(host, port, timeout)
        # an ICMP error in the moment of the call looks like success to it
        if e[0] != 'ENOTCONN':
            break
    return e


def connect_once(host, port, timeout):
    t = time.monotonic()
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    s.settimeout(timeout)
    try:
        s.connect((host, port))
        s.getpeername()
        return 'connected', 0
    except socket.timeout:
        return 'timeout', time.monotonic() - t
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e)), time.monotonic() - t
    finally:
        s.close()


def reset_by_server(host):
    with dial(host, server.RESET) as s:
        s.sendall(b'R')
        try:
            return 'eof' if s.recv(1) == b'' else 'data'
        except ConnectionResetError:
            return 'reset'


def reset_by_client(host):
    s = dial(host, server.RESET)
    s.sendall(b'Cx')
    time.sleep(0.3)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 struct.pack('ii', 1, 0))
    s.close()
    return ask(host, 'reset')


def stalled_reader(host):
    """Send much to a reader that stops, while another flow goes on."""
    n = 12 * MB
    with dial(host, server.STALL, 40) as s:
        done = []

        def other():
            done.append((get(host, 2 * MB), time.monotonic()))
        t = threading.Thread(target=other)
        time.sleep(0.5)
        t.start()
        for b in server.pattern(n):
            s.sendall(b)
        s.shutdown(socket.SHUT_WR)
        answer = read_all(s).decode()
        end = time.monotonic()
        t.join()
    return answer, done[0][0], done[0][1] < end


def client_stops(host):
    """The client stops reading a download, then takes all of it."""
    n = 16 * MB
    with dial(host, server.HTTP, 40) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        s.sendall(b'GET /%d HTTP/1.0\r\n\r\n' % n)
        time.sleep(2.5)
        body = read_all(s).partition(b'\r\n\r\n')[2]
    return len(body), hashlib.sha256(body).hexdigest()


def udp_echo(host, sizes):
    bad = []
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                      socket.SOCK_DGRAM)
    s.settimeout(20)
    for n in sizes:
        msg = os.urandom(n)
        s.sendto(msg, (host, server.UDP))
        try:
            b, a = s.recvfrom(65536)
            if b != msg or a[0] != host:
                bad.append((n, len(b), a))
        except socket.timeout:
            bad.append((n, 'timeout'))
    return bad


def udp_steadily(host, count, size, pause):
    """So many datagrams, ten at a time; the answers are not looked at."""
    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                       socket.SOCK_DGRAM) as s:
        for _ in range(count // 10):
            for _ in range(10):
                s.sendto(bytes(size), (host, server.UDP))
            time.sleep(pause)


def udp_refused(host):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                      socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect((host, 9))
    s.send(b'x')
    try:
        s.recv(1)
        return 'data'
    except ConnectionRefusedError:
        return 'refused'
    except socket.timeout:
        return 'timeout'


def speaks_first(host):
    with dial(host, server.LATE) as s:
        return s.recv(100)


def echo_slowly(count, gap):
    """One connection that is used every so often; 'all' if it held."""
    with dial(SERVER4, server.ECHO, 60) as s:
        for i in range(count):
            s.sendall(b'%04d' % i)
            if s.recv(4) != b'%04d' % i:
                return i
            time.sleep(gap)
    return 'all'


def drip(count):
    """Read what the server sends by and by."""
    with dial(SERVER4, server.DRIP, 60) as s:
        s.sendall(b'%d\n' % count)
        return len(read_all(s))


def many_udp_sockets(host, count):
    """Each answer comes back to the socket that asked."""
    socks = []
    for i in range(count):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(b'%d' % i, (host, server.UDP))
        socks.append(s)
    want = {s: b'%d' % i for i, s in enumerate(socks)}
    end = time.monotonic() + 60
    while want and time.monotonic() < end:
        r, _, _ = select.select(list(want), [], [], 0.5)
        for s in r:
            if s.recv(100) != want.pop(s):
                return 'mixed up'
    return len(want)


def ping(host):
    """
    The status and the output of three echoes.  Each may take seconds: the
    machine may have been busy, and that is no loss.
    """
    r = run('ping', '-c', '3', '-i', '0.2', '-w', '10', host, ok=False)
    return r.returncode, r.stdout


def no_ping(host):
    """The same where nobody should answer, which takes less."""
    r = run('ping', '-c', '3', '-i', '0.2', '-W', '2', host, ok=False)
    return r.returncode, r.stdout


def many_connects(host, count):
    """How many of so many connections do not come up?"""
    bad = []

    def one(_):
        try:
            with dial(host, server.LATE, 40) as s:
                if s.recv(100) != b'hello\n':
                    bad.append('data')
        except OSError as e:
            bad.append(str(e))
    at_once(one, count)
    return bad


def junk(public):
    """One datagram of each kind that costs the gateway something."""
    def mac(key, data):
        return hashlib.blake2s(data, key=key, digest_size=16).digest()
    init = b'\1\0\0\0' + os.urandom(112)
    key = hashlib.blake2s(b'mac1----' + public).digest()
    good = init + mac(key, init) + bytes(16)
    return good, [
        os.urandom(1), os.urandom(1452), b'\1\0\0\0' + os.urandom(144),
        b'\2\0\0\0' + os.urandom(88), b'\3\0\0\0' + os.urandom(60),
        b'\4\0\0\0' + os.urandom(28), b'\4\0\0\0' + os.urandom(1448),
        b'\1\0\0\0' + os.urandom(145), b'', os.urandom(9000)]


def impossible(count):
    """So many that are none of WireGuard's messages, a few at a time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(('10.9.1.1', 51820))
        for i in range(count):
            s.send((b'\1\0\0\0' + bytes(100), b'x' * 700, b'\4')[i % 3])
            if i % 20 == 0:
                time.sleep(0.001)


def flood(public, count, valid):
    """So many datagrams at the gateway, from changing ports."""
    good, bad = junk(public)
    sent = 0
    while sent < count:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(('10.9.1.1', 51820))
            for i in range(1000):
                try:
                    s.send(good if valid else bad[i % len(bad)])
                    sent += 1
                except OSError:
                    pass
    return sent


def ect_echo(host, tos):
    """A datagram with these ECN bits: is there an answer?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        s.settimeout(1)
        s.connect((host, server.UDP))
        s.send(b'hello')
        try:
            return s.recv(100) == b'hello'
        except socket.timeout:
            return False


def stamp(port, target, mark, seconds, tos=0):
    """A client's relay that marks bytes 1 to 3; what came back unmarked.

    tos: of what goes to the target, with the ECN bits.
    """
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(('127.0.0.1', port))
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    outside.connect(target)
    client, unmarked = None, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for s in select.select((inside, outside), (), (), 0.2)[0]:
            try:
                if s is inside:
                    b, client = s.recvfrom(65536)
                    outside.send(b[:1] + mark + b[4:])
                else:
                    b = s.recv(65536)
                    unmarked += b[1:4] != mark
                    inside.sendto(b[:1] + bytes(3) + b[4:], client)
            except ConnectionRefusedError:
                pass
    return unmarked
