# SPDX-License-Identifier: ISC
"""A transfer that is longer than a session: rekeys lose nothing.

Runs beside the other tests, in namespaces of its own, at a low rate.
"""

import hashlib
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import dial                                      # noqa: E402
from net import Net, check, enter, SERVER4, SERVER6         # noqa: E402

SECONDS = 200
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
    except Exception as e:
        failed = 1
        print('FAIL long: %s: %s' % (type(e).__name__, e))
        print(n.logtext()[-2000:])
    finally:
        n.close()
    print('%d passed, %d failed' % (1 - failed, failed))
    return failed


if __name__ == '__main__':
    enter()
    sys.exit(main())
