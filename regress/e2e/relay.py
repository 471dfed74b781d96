# SPDX-License-Identifier: ISC
"""A lossy path: a UDP relay in front of the gateway.

usage: relay.py listen-port gateway-port delay-ms loss-percent seed
The delay is for each direction; loss hits each direction, too.
"""

import heapq
import random
import select
import socket
import sys
import time


def main():
    port, to = int(sys.argv[1]), int(sys.argv[2])
    delay, loss = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 100
    rnd = random.Random(int(sys.argv[5]))
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for s in (outer, inner):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.setblocking(False)
    outer.bind(('0.0.0.0', port))
    inner.connect(('127.0.0.1', to))
    client, queue, n = None, [], 0
    print('ready', flush=True)
    while True:
        wait = max(0, queue[0][0] - time.monotonic()) if queue else 5
        r, _, _ = select.select([outer, inner], [], [], wait)
        now = time.monotonic()
        for s in r:
            for _ in range(64):
                try:
                    b, a = s.recvfrom(65536)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                if s is outer:
                    client = a
                if rnd.random() >= loss:
                    n += 1
                    heapq.heappush(queue, (now + delay, n, s is outer, b))
        while queue and queue[0][0] <= time.monotonic():
            _, _, up, b = heapq.heappop(queue)
            try:
                if up:
                    inner.send(b)
                elif client:
                    outer.sendto(b, client)
            except (BlockingIOError, ConnectionRefusedError):
                pass


if __name__ == '__main__':
    main()
