# SPDX-License-Identifier: ISC
"""One process of the daemon was taken over: what of the others?

The daemon is regress/hostile/hostile.t, whose process of the plan works for a
second, and then sends its siblings what it likes, or writes into the memory
that it shares.  They may go on, or end: then all of them end, in good order,
and say why.  None crashes, hangs, or tells a key.
"""

import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from net import (Failure, Net, check, named, run, run_tests,  # noqa: E402
                 wait_for, BUILD, GATE4, SERVER4)

WHATS = ('valid', 'one', 'wrong', 'length', 'pieces', 'handles', 'flood',
         'memory', 'stuck')
SEEDS = int(os.environ.get('SEEDS', '1'))


def keys(n):
    """All that is secret, as text."""
    got = []
    for name in ('s.key', 'psk'):
        with open(os.path.join(n.dir, name)) as f:
            got.append(f.read().strip())
    return got


def ask(n):
    try:
        subprocess.run([n.bin + '/wgslirpctl', '-s', n.sock, 'show', 'peers'],
                       capture_output=True, timeout=1)
    except subprocess.TimeoutExpired:
        pass


def end_all(n):
    """Whatever is left, for the next one."""
    n.daemon = None
    run('pkill', '-9', '-f', n.bin + '/wgslirpd', ok=False)
    time.sleep(0.3)
    shutil.rmtree(os.path.join(n.dir, 'run'), ignore_errors=True)
    os.mkdir(os.path.join(n.dir, 'run'))
    if n.owner is not None:
        os.chown(os.path.join(n.dir, 'run'), n.owner, n.owner)


def attempt(n, who, what, seed, extra):
    plan(n, '%s %s %d\n' % (who.replace(' ', '-'), what, seed))
    try:
        return one(n, who, what, seed, extra)
    except BaseException:
        end_all(n)
        raise
    finally:
        plan(n, 'nobody')


def plan(n, text):
    with open(n.bin + '/wgslirpd.plan', 'w') as f:
        f.write(text)


def acts(n):
    with open(n.bin + '/wgslirpd.acts', 'rb') as f:
        return int.from_bytes(f.read(4), sys.byteorder)


def go(n):
    """From now on it is hostile."""
    with open(n.bin + '/wgslirpd.acts', 'r+b') as f:
        f.seek(4)
        f.write(b'\1')


def one(n, who, what, seed, extra):
    with open(n.bin + '/wgslirpd.acts', 'wb') as f:
        f.write(bytes(4096))
    os.chmod(n.bin + '/wgslirpd.acts', 0o666)
    n.stop()
    n.start(n.conf(extra), wait=False)
    wait_for(lambda: 'started' in n.logtext() or n.daemon.poll() is not None,
             60, 'start')
    check('started' in n.logtext(), 'no start:', n.logtext()[-600:])
    began = time.time()
    # it is at work when it happens, and has time to do it
    while n.daemon.poll() is None and (time.time() < began + 1.8 or
                                       not acts(n) and
                                       time.time() < began + 30):
        run('ip', 'netns', 'exec', n.nsname('c'), 'ping', '-c', '2', '-i',
            '0.2', '-W', '1', SERVER4, ok=False)
        if time.time() > began + 0.5:
            go(n)
            # what it answers may be anything, and have no end
            ask(n)
    text = n.logtext()
    if n.daemon.poll() is None:
        n.daemon.terminate()
    try:
        status = n.daemon.wait(60)
    except subprocess.TimeoutExpired:
        raise Failure(who, what, seed, 'it hangs:', n.logtext()[-600:])
    n.daemon = None
    text = n.logtext()
    tag = '%s %s %d:' % (who, what, seed)
    check(acts(n) > 0, tag, 'it did nothing', text[-600:])
    # what is never right ends the receiver
    check(status == 1 or what not in ('wrong', 'length', 'pieces'), tag,
          'went on', text[-600:])
    check(status in (0, 1), tag, 'status', status, text[-600:])
    for line in text.splitlines():
        if 'terminated by signal' in line or 'engine died' in line:
            check(line.split(': ')[-1].startswith(who) or
                  (' %s engine' % who) in ' ' + line, tag, line,
                  text[-900:])
    for k in keys(n):
        check(k not in text, tag, 'a key is in the log')
    # what was killed takes a moment to be gone
    wait_for(lambda: not run('pgrep', '-f', n.bin + '/wgslirpd',
                             ok=False).stdout.strip(), 2,
             tag + ' no process to be left')
    return 'went on' if status == 0 else 'ended'


def taken(who, extra=lambda n: ''):
    def test(n):
        seen = {}
        for what in WHATS:
            if what == 'memory' and who.split()[0] not in ('crypto',
                                                           'slirp'):
                continue
            for seed in range(1, SEEDS * (4 if what == 'one' else 1) + 1):
                how = attempt(n, who, what, seed, extra(n))
                seen.setdefault(what, []).append(how)
        print('     %s: %s' % (who, ', '.join(
            '%s %s' % (k, '/'.join(sorted(set(v))))
            for k, v in seen.items())))
    test.__name__ = 'test_' + who.replace(' ', '_')
    return test


def setup(n):
    shutil.copy(os.path.join(BUILD, 'regress/hostile/hostile.t'),
                n.bin + '/wgslirpd')
    n.start_server()
    n.start()
    n.client_up()
    wait_for(lambda: run('ip', 'netns', 'exec', n.nsname('c'), 'ping', '-c',
                         '1', '-W', '1', GATE4, ok=False).returncode == 0,
             what='session')
    n.stop()


def page(n):
    """A page that may change peers' files, in a folder of the daemon's."""
    top = os.path.join(n.dir, 'etc')
    if not os.path.exists(top):
        os.makedirs(top + '/peers.d', 0o700)
        for d in (top, top + '/peers.d'):
            if n.owner is not None:
                os.chown(d, n.owner, n.owner)
    digest = subprocess.run([n.bin + '/wgslirpctl', 'web', 'password'],
                            input='Xyzzy-Plugh-17\n', capture_output=True,
                            text=True, check=True).stdout.strip()
    return 'web listen on 127.0.0.1 port 8099\nweb user "alice" password ' \
        '"%s"\ninclude "%s/peers.d/*.conf"\npublic endpoint "10.9.1.1"\n' % (
            digest, top)


def names(n):
    """Names are asked by TLS, which is what the derp engine does."""
    return 'dns listen upstream { "192.0.2.2@853#dns.example.net" }\n'


def two(_):
    """Two workers, whose engines have something to say to each other."""
    return 'workers 2\n'


TESTS = [taken('crypto', two), taken('slirp', two), taken('control'),
         taken('crypto 2', two), taken('slirp 2', two),
         taken('derp', names), taken('web', page), taken('files', page)]


def main():
    n = Net()
    try:
        return run_tests(n, 'hostile', named(TESTS),
                         lambda: setup(n))
    finally:
        n.close()


if __name__ == '__main__':
    sys.exit(main())
