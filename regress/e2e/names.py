# SPDX-License-Identifier: ISC
"""A name server for the tests: it logs each question to standard output.

usage: names.py ADDRESS [mute]
       names.py ADDRESS tls CERTIFICATE KEY
mute: it hears questions and does not answer.
tls: on port 853 as well, several questions on a connection, answered in
reverse, as far as they have come together; what begins with drop is not.
"""

import socket
import ssl
import struct
import sys
import threading
import time

A, CNAME, SOA, TXT, AAAA, OPT = 1, 5, 6, 16, 28, 41
BIG = b''.join(bytes([250]) + b'%03d' % i + b'x' * 247 for i in range(16))
counts = {}


def name_of(msg, off):
    labels = []
    while msg[off]:
        labels.append(msg[off + 1:off + 1 + msg[off]])
        off += 1 + msg[off]
    return b'.'.join(labels).decode().lower(), off + 1


def rr(kind, ttl, data, owner=b'\xc0\x0c'):
    return owner + struct.pack('>HHIH', kind, 1, ttl, len(data)) + data


def answer(msg, tcp):
    ident, flags, qd, _, _, ar = struct.unpack('>6H', msg[:12])
    name, off = name_of(msg, 12)
    kind = struct.unpack('>H', msg[off:off + 2])[0]
    question = msg[12:off + 4]
    size = 512
    if ar and msg[off + 4:off + 7] == b'\0\0\x29':
        size = struct.unpack('>H', msg[off + 7:off + 9])[0]
    print(name, kind, tcp if isinstance(tcp, str) else
          'tcp' if tcp else 'udp', flush=True)
    counts[name] = counts.get(name, 0) + 1
    rcode, an, ns = 0, [], []
    soa = rr(SOA, 60, b'\0\0' + struct.pack('>5I', 1, 2, 3, 4, 30),
             b'\x04test\0')
    if name == 'host.test' and kind == A:
        an = [rr(A, 300, socket.inet_aton('192.0.2.80'))]
    elif name == 'host.test' and kind == AAAA:
        an = [rr(AAAA, 300, socket.inet_pton(socket.AF_INET6,
                                             '2001:db8::80'))]
    elif name == 'ipv4only.arpa' and kind == AAAA:
        an = [rr(AAAA, 300, socket.inet_pton(socket.AF_INET6,
                                             '64:ff9b::c000:aa'))]
    elif name == 'four.alias.test' or name == 'v4only.test':
        # an alias that leads to a name of lists; and one with IPv4 alone
        an = [rr(CNAME, 300, b'\x05deepx\x05three\x04test\0'), rr(
            A, 300, socket.inet_aton('192.0.2.80'),
            b'\x05deepx\x05three\x04test\0')] if name != 'v4only.test' \
            else [rr(A, 300, socket.inet_aton('192.0.2.2'))] \
            if kind == A else []
        ns = [] if an else [soa]
    elif name == 'guest.test':
        an = [rr(A, 300, socket.inet_aton('10.77.0.2'))] if kind == A else []
    elif name == 'count.test' and kind == A:
        an = [rr(A, 2, bytes([10, 0, 0, counts[name]]))]
    elif name == 'big.test' and kind == TXT:
        an = [rr(TXT, 300, BIG)]
    elif name in ('host.test', 'count.test', 'big.test'):
        ns = [soa]
    elif name.endswith('.test'):
        rcode, ns = 3, [soa]
    else:
        rcode = 5
    opt = b'\0' + struct.pack('>HHIH', OPT, 1232, 0, 0)
    out = struct.pack('>6H', ident, 0x8080 | (flags & 0x0100) | rcode, 1,
                      len(an), len(ns), 1) + question + b''.join(
                          an + ns) + opt
    if not tcp and len(out) > size:
        out = struct.pack('>6H', ident, 0x8280 | (flags & 0x0100), 1, 0, 0,
                          0) + question
    return out


def exactly(c, n):
    data = b''
    while len(data) < n:
        b = c.recv(n - len(data))
        if not b:
            raise OSError('end')
        data += b
    return data


def serve_tcp(t):
    while True:
        c, _ = t.accept()
        try:
            with c:
                n = struct.unpack('>H', exactly(c, 2))[0]
                out = answer(exactly(c, n), True)
                c.sendall(struct.pack('>H', len(out)) + out)
        except OSError:
            pass


def serve_tls(addr, fam, cert, key):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    t = socket.socket(fam, socket.SOCK_STREAM)
    t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    t.bind((addr, 853))
    t.listen(16)

    def one(raw):
        try:
            with ctx.wrap_socket(raw, server_side=True) as c:
                print('tls connection', flush=True)
                data = b''
                while True:
                    b = c.recv(65536)
                    if not b:
                        return
                    data += b
                    whole = []
                    while len(data) >= 2 and len(data) >= 2 + (
                            n := struct.unpack('>H', data[:2])[0]):
                        whole.insert(0, data[2:2 + n])
                        print('padded to', n % 128, flush=True)
                        data = data[2 + n:]
                    for m in whole:
                        if b'drop' in m:
                            continue
                        out = answer(m, 'tls')
                        c.sendall(struct.pack('>H', len(out)) + out)
        except OSError:
            pass
    while True:
        raw, _ = t.accept()
        threading.Thread(target=one, args=(raw,), daemon=True).start()


def main():
    addr, mute = sys.argv[1], sys.argv[2:] == ['mute']
    fam = socket.AF_INET6 if ':' in addr else socket.AF_INET
    u = socket.socket(fam, socket.SOCK_DGRAM)
    u.bind((addr, 53))
    t = socket.socket(fam, socket.SOCK_STREAM)
    t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    t.bind((addr, 53))
    t.listen(16)
    threading.Thread(target=serve_tcp, args=(t,), daemon=True).start()
    if sys.argv[2:3] == ['tls']:
        threading.Thread(target=serve_tls, daemon=True, args=(
            addr, fam, *sys.argv[3:5])).start()
        time.sleep(0.2)
    print('ready', flush=True)
    while True:
        msg, a = u.recvfrom(4096)
        if mute:
            print('heard', flush=True)
            continue
        u.sendto(answer(msg, False), a)


if __name__ == '__main__':
    main()
