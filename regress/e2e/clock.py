# SPDX-License-Identifier: ISC
"""The wall clock is put back and forth, by seconds and by years, under a
gateway that works: slow is allowed, stuck is not.

BUILD is where the daemon was built with regress/lib/unsealed.c, whose clock
this can set; the machine's own stays as it is.
"""

import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server                                               # noqa: E402
from guest import connect_error, get, ping, put             # noqa: E402
from net import (GATE4, Net, SERVER4, check, enter,         # noqa: E402
                 named, run_tests, wait_for)

MB = 1 << 20
YEAR = 365 * 86400
STEPS = (1, -1, 60, -3600, 86400, -86400, YEAR, -YEAR, -20 * YEAR, 130, -130)


def ahead(n, seconds):
    with open(n.bin + '/wgslirpd.clock', 'r+b') as f:
        f.write(int(seconds).to_bytes(8, sys.byteorder, signed=True))


def answers(n):
    code, text = n.call('c', ping, GATE4)
    check(code == 0, text)


def cut(n):
    """Whether the client is shut out."""
    return n.ctlj('show', 'peers')['peers'][0].get('cut')


def steps(n):
    """Steps until what is under way ends, at most a hundred."""
    r = random.Random(5)
    n.stepped = 0

    def some(done):
        while not done() and n.stepped < 100:
            ahead(n, r.choice(STEPS))
            n.stepped += 1
            time.sleep(0.1)
    return some


def test_under_load(n):
    """Downloads and uploads are intact, and nothing is cut off."""
    some = steps(n)
    down = n.begin('c', get, SERVER4, 60 * MB)
    up = n.begin('c', put, SERVER4, 20 * MB)
    some(lambda: False)
    got, d = down()
    check((got, d) == (60 * MB, server.digest(60 * MB)), 'down', got)
    check(up() == server.digest(20 * MB), 'up')
    answers(n)
    n.last = '%d steps' % n.stepped


def test_new_sessions(n):
    """Sessions begin, however the clock stands."""
    for step in STEPS:
        ahead(n, step)
        check(n.client_set() == 0, 'setconf')
        wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
                 'connected', 20, 'a session after %d s' % step)
        answers(n)
        check(not cut(n), 'cut off')


def test_end_of_time(n):
    """A peer whose time is over is let in again when it is not."""
    ahead(n, 0)
    until = time.strftime('%Y-%m-%d', time.gmtime(time.time() + 2 * 86400))
    n.write_conf(n.conf(peer_extra='expires "%s"' % until))
    n.ctl('reload')
    answers(n)
    ahead(n, 10 * 86400)
    wait_for(lambda: cut(n), 20, 'the end')
    ahead(n, 0)
    wait_for(lambda: not cut(n), 20,
             'the time that is left')
    check(n.client_set() == 0, 'setconf')
    wait_for(lambda: n.call('c', connect_error, SERVER4, 80, 6)[0] ==
             'connected', 20, 'a session')
    n.write_conf(n.conf())
    n.ctl('reload')


TESTS = [test_under_load, test_new_sessions, test_end_of_time]


def main():
    n = Net()
    with open(n.bin + '/wgslirpd.clock', 'wb') as f:
        f.write(bytes(8))
    os.chmod(n.bin + '/wgslirpd.clock', 0o644)

    def setup():
        n.start_server()
        n.start()
        n.client_up()
    return run_tests(n, 'clock', named(TESTS), setup)


if __name__ == '__main__':
    if 'BUILD' not in os.environ:
        sys.exit('BUILD is not set, and this daemon\'s clock is the machine\'s')
    enter()
    sys.exit(main())
