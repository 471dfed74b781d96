# SPDX-License-Identifier: ISC
"""A DERP server that does what it is asked for, honest or not.

usage: derpfake.py PORT CERT KEY [ADDRESS]

The path of the URL says what it does: /good relays between its clients, every
other name is a way to be wrong.  A prefix "/slow-" before a name makes each
step of the beginning late by a second.
"""

import ctypes
import os
import socket
import ssl
import struct
import sys
import threading
import time

MAGIC = b'DERP\xf0\x9f\x94\x91'
sodium = ctypes.CDLL('libsodium.so.23')
clients = {}
lock = threading.Lock()


def keypair():
    pk, sk = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    sodium.crypto_box_keypair(pk, sk)
    return pk.raw, sk.raw


def seal(msg, pk, sk):
    nonce = os.urandom(24)
    out = ctypes.create_string_buffer(len(msg) + 16)
    sodium.crypto_box_easy(out, msg, ctypes.c_ulonglong(len(msg)), nonce, pk,
                           sk)
    return nonce + out.raw


def unseal(box, pk, sk):
    out = ctypes.create_string_buffer(len(box))
    r = sodium.crypto_box_open_easy(
        out, box[24:], ctypes.c_ulonglong(len(box) - 24), box[:24], pk, sk)
    if r != 0:
        raise ValueError('a box that does not open')
    return out.raw[:len(box) - 40]


PUBLIC, SECRET = keypair()


def frame(kind, data=b''):
    return struct.pack('>BI', kind, len(data)) + data


class Client:
    def __init__(self, s):
        self.s, self.buf = s, b''
        self.lock = threading.Lock()

    def need(self, n):
        while len(self.buf) < n:
            b = self.s.recv(65536)
            if not b:
                raise EOFError
            self.buf += b
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def next(self):
        kind, n = struct.unpack('>BI', self.need(5))
        return kind, self.need(n)

    def send(self, data):
        with self.lock:
            self.s.sendall(data)


def request(c):
    data = b''
    while b'\r\n\r\n' not in data:
        b = c.s.recv(4096)
        if not b:
            raise EOFError
        data += b
    head, _, c.buf = data.partition(b'\r\n\r\n')
    return head.split(b' ')[1].decode()


UPGRADE = (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n'
           b'Connection: Upgrade\r\nDerp-Version: 2\r\n\r\n')


def http_wrong(c, what):
    """Answers that are no upgrade; whether it was one of them."""
    answers = {
        '426': b'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n',
        'redirect': b'HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n',
        'noupgrade': b'HTTP/1.1 101 Switching Protocols\r\n\r\n',
        'nothttp': b'\x00\x01\x02\x03' * 5000,
        'longhead': b'HTTP/1.1 101 x\r\n' + b'X: ' + b'y' * 100000,
    }
    if what not in answers:
        return False
    c.send(answers[what])
    time.sleep(1)
    return True


def serve(c, what):
    slow = what.startswith('slow-')
    if slow:
        what = what[5:]
        time.sleep(1)
    if what == 'stall':
        time.sleep(60)
        return
    if http_wrong(c, what):
        return
    c.send(UPGRADE)
    if slow:
        time.sleep(1)
    if what == 'badmagic':
        c.send(frame(1, b'x' * 40))
    elif what == 'shortkey':
        c.send(frame(1, MAGIC + b'x' * 8))
    elif what == 'zerokey':
        c.send(frame(1, MAGIC + bytes(32)))
    elif what == 'hugeframe':
        c.send(struct.pack('>BI', 1, 0xffffffff))
    elif what == 'early':
        c.send(frame(5, b'k' * 32 + b'data'))
    else:
        c.send(frame(1, MAGIC + PUBLIC))
    kind, data = c.next()
    if kind != 2:
        return
    pk = data[:32]
    unseal(data[32:], pk, SECRET)
    if slow:
        time.sleep(1)
    if what == 'wrongbox':
        c.send(frame(3, seal(b'{"version":2}', pk, keypair()[1])))
    elif what == 'nobox':
        c.send(frame(3, b'x' * 20))
    elif what == 'rate':
        c.send(frame(3, seal(b'{"version":2,"TokenBucketBytesPerSecond":'
                             b'100000,"TokenBucketBytesBurst":20000}', pk,
                             SECRET)))
    elif what == 'oddjson':
        c.send(frame(3, seal(b'{"TokenBucketBytesPerSecond":' + b'9' * 5000 +
                             b'"' * 9000, pk, SECRET)))
    else:
        c.send(frame(3, seal(b'{"version":2}', pk, SECRET)))
    wrong_later(c, what, pk)
    with lock:
        clients[pk] = c
    try:
        relay(c, pk, what)
    finally:
        with lock:
            if clients.get(pk) is c:
                del clients[pk]


def reset(c):
    """An end without a word: what is still sent to us fails."""
    s = c.s
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 struct.pack('ii', 1, 0))
    os.close(s.detach())


def wrong_later(c, what, pk):
    """After a good beginning."""
    if what == 'badframe':
        c.send(frame(5, b'short'))
    elif what == 'bigskip':
        c.send(struct.pack('>BI', 99, 1 << 31))
    elif what == 'skips':
        for _ in range(50):
            c.send(frame(99, os.urandom(100000)))
    elif what == 'oversize':
        c.send(frame(5, b'k' * 32 + b'x' * 60000))
        c.send(frame(5, b'k' * 32))
    elif what == 'strangers':
        for i in range(20000):
            c.send(frame(5, struct.pack('>I', i) * 8 + b'\x04' * 64))
    elif what == 'health':
        c.send(frame(20, b'not\x1b[31m well\n'))
    elif what == 'hangup':
        c.s.close()
    elif what == 'reset':
        reset(c)
    elif what == 'restarts':
        try:
            while True:
                c.send(frame(21, struct.pack('>II', 1500, 5000)) * 1000)
        except OSError:
            pass
    elif what.startswith('forge-'):
        # in the name of somebody who is elsewhere
        forged = bytes.fromhex(what[6:])
        for _ in range(6000):
            c.send(frame(5, forged + b'\x04\0\0\0' + b'x' * 60) * 20)
            time.sleep(0.001)
    elif what == 'restart':
        c.send(frame(21, struct.pack('>II', 1500, 5000)))
        c.s.close()
    elif what == 'pings':
        for i in range(20000):
            c.send(frame(18, struct.pack('>Q', i)))


def relay(c, pk, what):
    while True:
        kind, data = c.next()
        if kind == 18 and what == 'latepong':
            time.sleep(0.2)
        if kind == 18 and what != 'nopong':
            c.send(frame(19, data))
        if kind == 7 and what == 'resetpong':
            reset(c)
            raise EOFError
        if kind == 4:
            with lock:
                to = clients.get(data[:32])
            if to is None:
                c.send(frame(8, data[:32] + b'\x01'))
            else:
                to.send(frame(5, pk + data[32:]))


def accept(s, ctx):
    try:
        s.settimeout(120)
        if ctx is not None:
            s = ctx.wrap_socket(s, server_side=True)
        c = Client(s)
        serve(c, request(c).strip('/'))
    except (OSError, EOFError, ValueError):
        pass
    finally:
        s.close()


def main():
    port, cert, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    ctx = None
    if cert != '-':
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(cert, key)
    ls = socket.create_server((sys.argv[4] if len(sys.argv) > 4 else '',
                               port), backlog=64)
    print('ready', flush=True)
    while True:
        s, _ = ls.accept()
        threading.Thread(target=accept, args=(s, ctx), daemon=True).start()


if __name__ == '__main__':
    main()
