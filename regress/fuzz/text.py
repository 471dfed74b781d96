# SPDX-License-Identifier: ISC
"""What people write: configurations, wg-quick's files, the environment.

The programs, built with sanitizers, read what becomes of good ones by changes:
each has to end with 0 or 1, say why in one line or more, and soon.

usage: text.py DIR SECONDS [SEED]	DIR has wgslirpd/ and wgslirpctl/
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
KEY = 'YHxJmxNmQBG8kRPeG8zvX1Uj7xPBQ7fMYG0C7yR3a2Y='
PUB = 'bRHhL4dNAkYXWDk7NIo+KrA0LSRjwkqQmhYBBkSAQEE='

QUICK = '''[Interface]
PrivateKey = %s
Address = 10.7.0.1/24, fd07::1/64
ListenPort = 51820
MTU = 1420
DNS = 9.9.9.9
PostUp = iptables -A FORWARD -i %%i -j ACCEPT

[Peer] # phone
PublicKey = %s
PresharedKey = %s
AllowedIPs = 10.7.0.2/32, fd07::2/128
Endpoint = [2001:db8::1]:51820
PersistentKeepalive = 25
''' % (KEY, PUB, KEY)

ENV = {
    'WG_PRIVATE_KEY': KEY, 'WG_ADDRESS': '10.7.0.1/24', 'WG_PEERS': '0,1',
    'WG_PEER_0_PUBLIC_KEY': PUB, 'WG_PEER_0_ALLOWED_IPS': '10.7.0.2/32',
    'WG_PEER_0_ENDPOINT': 'vpn.example.com:51820', 'WG_LISTEN_PORT': '51820',
    'WG_PEER_1_PUBLIC_KEY': KEY, 'WG_PEER_1_ALLOWED_IPS': '10.7.0.3/32',
    'WG_PEER_1_KEEPALIVE': '25', 'WG_BLOCK': '10.0.0.0/8',
    'WG_CONF': 'block to 192.0.2.0/24', 'WG_MTU': '1420',
}


def examples():
    """The configurations of the manual, and the one that comes with it."""
    with open(os.path.join(TOP, 'etc/wgslirpd.conf')) as f:
        got = [f.read()]
    with open(os.path.join(TOP, 'man/wgslirpd.conf.5')) as f:
        got += re.findall(r'^\.Bd [^\n]*\n(.*?)^\.Ed', f.read(),
                          re.M | re.S)
    return [x.replace('\\e', '\\') for x in got]


def words(texts):
    return sorted({w for t in texts for w in re.findall(r'[^\s{}"]+', t)})


def changed(rnd, text, vocabulary):
    for _ in range(rnd.randrange(1, 8)):
        at = rnd.randrange(len(text) + 1)
        how = rnd.randrange(9)
        if how == 0:
            text = text[:at] + rnd.choice(vocabulary) + ' ' + text[at:]
        elif how == 1:
            text = text[:at] + text[at + rnd.randrange(1, 40):]
        elif how == 2:
            text = text[:at] + rnd.choice('{}"\'\\\n#=,/*%$\0\x7f\xff') + \
                text[at:]
        elif how == 3:
            text = text[:at] + str(rnd.choice((
                0, -1, 65535, 65536, 2**31, 2**32, 2**64, 10**30))) + \
                text[at:]
        elif how == 4:
            n = rnd.randrange(1, 300)
            text = text[:at] + text[at:at + n] * rnd.randrange(2, 5) + \
                text[at + n:]
        elif how == 5:
            lines = text.split('\n')
            rnd.shuffle(lines)
            text = '\n'.join(lines)
        elif how == 6:
            text = text[:at] + 'a' * rnd.choice((64, 255, 256, 1024, 5000)) + \
                text[at:]
        elif how == 7:
            text = text[:at] + rnd.choice(('0.0.0.0/0', '::/0', '::1%lo',
                                           '1.2.3.4.5', '300.1.1.1', '::::',
                                           '10.0.0.0/33', '@', '%n%s')) + \
                text[at:]
        else:
            text = text[:at]
    return text


def main():
    top, seconds = os.path.abspath(sys.argv[1]), float(sys.argv[2])
    rnd = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    d = tempfile.mkdtemp(prefix='wgslirpd-text.')
    path = os.path.join(d, 'conf')
    confs = examples()
    vocabulary = words(confs + [QUICK])
    end, runs, bad = time.time() + seconds, 0, 0
    while time.time() < end and bad == 0:
        how = rnd.randrange(4)
        env = {'PATH': os.environ['PATH'], 'LD_BIND_NOW': '1',
               'ASAN_OPTIONS': 'detect_leaks=0'}
        text = changed(rnd, QUICK if how == 2 else rnd.choice(confs),
                       vocabulary)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC,
                          0o600), 'w', encoding='latin-1') as f:
            f.write(text)
        if how < 2:
            args = [top + '/wgslirpd/wgslirpd', '-nv', '-f', path]
        elif how == 2:
            args = [top + '/wgslirpctl/wgslirpctl', 'convert', path]
        else:
            args = [top + '/wgslirpd/wgslirpd', '-nve']
            k = rnd.choice(sorted(ENV))
            env.update(ENV)
            env[k] = changed(rnd, ENV[k], vocabulary).replace('\0', '')
            text = k + '=' + env[k]
        runs += 1
        try:
            r = subprocess.run(args, env=env, cwd=d, capture_output=True,
                               timeout=20)
            out = r.stdout + r.stderr
            if r.returncode in (0, 1) and b'Sanitizer' not in out and \
                    b'runtime error' not in out and \
                    (r.returncode == 0 or r.stderr):
                # a key is never in what it says
                if KEY.encode() not in r.stderr or how == 3:
                    continue
            why = 'status %d: %s' % (r.returncode,
                                     out[-1500:].decode(errors='replace'))
        except subprocess.TimeoutExpired:
            why = 'takes too long'
        bad += 1
        print('FAIL fuzz/text: %s\n%s\nof\n%s' % (
            args, why, text.encode('latin-1', 'replace')))
    os.unlink(path)
    os.rmdir(d)
    print('%d runs' % runs)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
