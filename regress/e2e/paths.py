# SPDX-License-Identifier: ISC
"""Real TCP of the client's kernel over paths that delay, lose, reorder and
duplicate: every byte, and every connect.

Runs beside the other tests, in namespaces of its own.
"""

import functools
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import (connect_error, get, many_connects,       # noqa: E402
                   put)
from net import (Net, check, enter, run_tests, wait_for,    # noqa: E402
                 SERVER4, SERVER6)

DOWN, UP = 400000, 150000

# round trip in ms, loss in %, disorder; the simulator has thousands more
PATHS = ((0, 1, 1), (20, 0, 0), (20, 0.1, 1), (20, 1, 0), (20, 5, 1), (200, 0, 1),
         (200, 0.1, 0), (200, 1, 1), (200, 5, 0))


def over(n, congestion, delay, loss, disorder):
    n.write_conf(n.conf(extra='tcp { congestion %s }' % congestion))
    n.ctl('reload')
    n.start_relay('delay=%g' % delay, 'loss=%g' % loss, 'seed=7',
                  'reorder=%d' % (10 if disorder else 0),
                  'dup=%d' % (5 if disorder else 0))
    check(n.client_set(endpoint='10.9.0.1:51999') == 0, 'setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 20)[0] ==
             'connected', 60, 'a session over the relay')
    for h in (SERVER4, SERVER6):
        got, d = n.call('c', get, h, DOWN, timeout=120)
        check((got, d) == (DOWN, server.digest(DOWN)), h, 'down', got)
    check(n.call('c', put, SERVER4, UP, timeout=120) ==
          server.digest(UP), 'up')


def all_connect(n):
    n.start_relay('delay=10', 'loss=10', 'seed=1')
    check(n.client_set(endpoint='10.9.0.1:51999') == 0, 'setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 20)[0] ==
             'connected', 60, 'a session over the relay')
    bad = n.call('c', many_connects, SERVER4, 100, timeout=120)
    check(not bad, bad)


def main():
    n = Net()
    tests = [('connects at 10 % loss', all_connect)]
    ccs = ('bbr', 'cubic', 'newreno')
    for rtt, loss, disorder in PATHS:
        cc = ccs[len(tests) % 3]
        tests.append(('%s rtt %d loss %g disorder %d' % (
            cc, rtt, loss, disorder), functools.partial(
                over, congestion=cc, delay=rtt / 2, loss=loss,
                disorder=disorder)))

    def setup():
        n.start_server()
        n.start()
        n.client_up()
    return run_tests(n, 'paths', tests, setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
