# SPDX-License-Identifier: ISC
"""A transfer that is longer than a session: rekeys lose nothing.  A guest that
is away for a while finds its connections where they were.

Runs beside the other tests, in namespaces of its own, at a low rate.
"""

import hashlib
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import dial, ping                                # noqa: E402
from net import Net, check, enter, SERVER4, SERVER6         # noqa: E402

SECONDS = float(os.environ.get('SECONDS', 200))
CHUNK = 65536
GAP = 0.05


def both_ways(host, seconds):
    """Echo pieces for so long; returns the bytes that came back right."""
    sent, back = hashlib.sha256(), hashlib.sha256()
    total = [0, 0]
    with dial(host, server.ECHO, 60) as s:
        def reader():
            while True:
                b = s.recv(1 << 18)
                if not b:
                    return
                back.update(b)
                total[1] += len(b)
        t = threading.Thread(target=reader)
        t.start()
        end = time.monotonic() + seconds
        block = os.urandom(CHUNK)
        while time.monotonic() < end:
            block = block[1:] + block[:1]
            s.sendall(block)
            sent.update(block)
            total[0] += len(block)
            time.sleep(GAP)
        s.shutdown(1)
        t.join()
    check(sent.digest() == back.digest() and total[0] == total[1],
          'sent %d, back %d' % tuple(total))
    return total[1]


def arrivals(count, ready):
    """When what the server sends by and by came, and how much it was."""
    out = []
    with dial(SERVER4, server.DRIP, 1000) as s:
        s.sendall(b'%d\n' % count)
        while True:
            b = s.recv(1 << 16)
            if not b:
                return out
            out.append((time.monotonic(), len(b)))
            if len(out) == 3:
                ready()


def asleep(n, seconds):
    """Nothing reaches the guest, and nothing comes from it."""
    n.start_relay('delay=10')
    check(n.client_set(endpoint='10.9.0.1:51999') == 0, 'setconf')
    end = n.begin_ready('c', arrivals, 40, timeout=seconds + 200)
    n.relay.kill()
    n.relay.wait()
    n.relay = None
    time.sleep(seconds)
    n.start_relay('delay=10')
    back = time.monotonic()
    # it looks whether it is connected again
    n.begin('c', ping, '10.77.0.1')
    out = end()
    check(sum(x[1] for x in out) == 40, 'lost', out)
    first = min(x[0] for x in out if x[0] > back) - back
    # a handshake may come first; the pause had grown to much more
    check(first < 3, 'late', first)
    return first


def main():
    n = Net()
    failed = 0
    try:
        n.start_server()
        n.start()
        n.client_up()
        ends = [n.begin('c', both_ways, h, SECONDS, timeout=SECONDS + 60)
                for h in (SERVER4, SERVER6)]
        got = [e() for e in ends]
        c = n.ctlj('show', 'counters')
        check(c['wg_rx_initiations'] + c['wg_rx_responses'] >= 2,
              'no rekey', c)
        check(c['wg_drop_expired'] == 0 and c['wg_drop_auth'] == 0, c)
        print('ok   long: %d bytes each way, %d handshakes' % (
            sum(got), c['wg_rx_initiations'] + c['wg_rx_responses']))
        first = asleep(n, float(os.environ.get('ASLEEP', 60)))
        print('ok   asleep: the first byte after %.2f s' % first)
    except Exception as e:
        failed = 1
        print('FAIL long: %s: %s' % (type(e).__name__, e))
        print(n.logtext()[-2000:])
    finally:
        n.close()
    print('%d passed, %d failed' % (2 - 2 * failed, failed))
    return failed


if __name__ == '__main__':
    enter()
    sys.exit(main())
