#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The page: who may use it, what it does, and in a real browser.

usage: web.py [TEST ...]
"""

import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, missing                            # noqa: E402
from guest import get                                           # noqa: E402
from net import (GATE4, SERVER4, TOP, Failure, Net, check,      # noqa: E402
                 enter, named, run, run_tests, wait_for)
import server                                                   # noqa: E402

PORT = 8080
PASSWORD = 'correct horse'
AXE = os.path.join(TOP, 'out/node_modules/axe-core/axe.min.js')


class Page:
    """A client of the API, as curl would be one; from inside a namespace."""
    def __init__(self, user=None, password=PASSWORD, port=PORT, path=None,
                 headers=None):
        self.port, self.path = port, path
        self.headers = dict(headers or {})
        self.csrf = None
        if user is not None:
            # another one may have logged in a moment ago
            for _ in range(4):
                s, v, h = self.ask('POST', 'session', {
                    'user': user, 'password': password})
                if s != 429:
                    break
                time.sleep(0.3)
            if s != 200:
                raise Failure('log-in: %d %s' % (s, v))
            self.cookie = re.match(r'wgslirpd=[0-9a-f]{64}',
                                   h['set-cookie']).group(0)
            self.headers['Cookie'] = self.cookie
            self.csrf = v['csrf']

    def raw(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        if self.path:
            c.sock = socket.socket(socket.AF_UNIX)
            c.sock.settimeout(30)
            c.sock.connect(self.path)
        c.request(method, path, body, {**self.headers, **(headers or {})})
        r = c.getresponse()
        out = r.status, r.read(), {k.lower(): v for k, v in r.getheaders()}
        c.close()
        return out

    def ask(self, method, what, form=None, **headers):
        h = {k.replace('_', '-'): v for k, v in headers.items()}
        if method != 'GET' and self.csrf and 'X-CSRF-Token' not in h:
            h['X-CSRF-Token'] = self.csrf
        body = None if form is None else urllib.parse.urlencode(form)
        s, data, head = self.raw(method, '/api/v1/' + what, body, h)
        return s, json.loads(data) if data else None, head

    def get(self, what):
        s, v, _ = self.ask('GET', what)
        if s != 200:
            raise Failure('%s: %d %s' % (what, s, v))
        return v


class Web(Net):
    def hash(self, password=PASSWORD):
        return subprocess.run([self.bin + '/wgslirpctl', 'web', 'password'],
                              input=password + '\n', capture_output=True,
                              text=True, check=True).stdout.strip()

    def folder(self):
        top = os.path.join(self.dir, 'etc')
        if not os.path.exists(top):
            os.mkdir(top)
            os.chmod(top, 0o700)
            if self.owner is not None:
                os.chown(top, self.owner, self.owner)
        return top

    def page(self, extra='', files=True, users=True, listen=True,
             address=True):
        """A configuration with a page, and the two users."""
        text = ''
        if listen:
            text += 'web listen on 127.0.0.1 port %d\n' % PORT
        if users:
            text += 'web user "alice" password "%s"\n' \
                'web user "bob" password "%s" role view\n' % (
                    self.digest, self.digest)
        if files:
            text += 'include "%s/peers.d/*.conf"\n' \
                'public endpoint "10.9.1.1"\n' % self.folder()
        text = self.conf(extra=text + extra)
        return text if address else re.sub(r'address \{ 10.77.*?\}\n', '',
                                           text)

    def again(self, *args, **kw):
        """Start anew with a page, and wait until it shows something."""
        self.stop()
        as_root = kw.pop('as_root', False)
        self.start(self.page(*args, **kw), as_root=as_root)
        self.client_set()

    def restart(self):
        self.fresh()
        self.again()

    def fresh(self):
        """No peers in the folder."""
        top = os.path.join(self.folder(), 'peers.d')
        shutil.rmtree(top, ignore_errors=True)


def ready(p):
    wait_for(lambda: p.ask('GET', 'summary')[0] == 200, 10, 'the page')
    return p


def on_page(n, fn, *args, timeout=60):
    return n.call('g', fn, *args, timeout=timeout)


# ---- who may

def login_calls():
    p = Page()
    out = [p.ask('GET', 'summary')[0], p.ask('GET', 'session')[0],
           p.ask('GET', 'stream')[0], p.ask('POST', 'peers', {'name': 'x'})[0]]
    s, v, h = p.ask('POST', 'session', {'user': 'alice', 'password': 'no'})
    out += [s, 'set-cookie' in h]
    # a token of the client's choice does not become a session
    mine = 'wgslirpd=' + '0' * 64
    time.sleep(0.3)
    s, v, h = p.ask('POST', 'session', {'user': 'alice',
                                        'password': PASSWORD}, Cookie=mine)
    out += [s, mine in h['set-cookie'], p.ask('GET', 'session',
                                              Cookie=mine)[0]]
    return out, h['set-cookie'], p.raw('GET', '/')[2]


def session_calls():
    a = ready(Page('alice'))
    time.sleep(0.3)
    b = Page('bob')
    out = {'alice': a.get('session'), 'bob': b.get('session')}
    out['look'] = b.ask('GET', 'peers')[0]
    out['change'] = [b.ask('POST', 'peers', {'name': 'x'})[0],
                     b.ask('DELETE', 'peers/laptop')[0],
                     b.ask('DELETE', 'flows/1')[0]]
    form = {'name': 'x'}
    out['csrf'] = [
        a.ask('POST', 'peers', form, X_CSRF_Token='')[0],
        a.ask('POST', 'peers', form, X_CSRF_Token='0' * 64)[0],
        a.ask('POST', 'peers', form, X_CSRF_Token=b.csrf)[0],
        a.ask('POST', 'peers', form, Origin='http://evil.example')[0],
        a.ask('POST', 'peers', form, Origin='null')[0],
        a.ask('POST', 'peers', form, Sec_Fetch_Site='cross-site')[0],
        a.ask('DELETE', 'session', None, Origin='http://evil.example')[0],
        Page().ask('POST', 'session', {'user': 'alice', 'password': PASSWORD},
                   Origin='http://evil.example')[0]]
    # two cookies, or two of anything that counts, are none
    out['two'] = [a.ask('GET', 'summary', Cookie=a.cookie + '; ' +
                        a.cookie)[0],
                  a.ask('GET', 'summary', Cookie='x=1; ' + a.cookie)[0]]
    with socket.create_connection(('127.0.0.1', PORT), 5) as s:
        s.sendall(b'GET /api/v1/summary HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n'
                  b'Cookie: %s\r\n\r\n' % (a.cookie.encode(),
                                           a.cookie.encode()))
        out['two'].append(int(s.recv(100)[9:12]))
    s, v, h = a.ask('DELETE', 'session')
    out['out'] = [s, 'Max-Age=0' in h['set-cookie'],
                  a.ask('GET', 'summary')[0], b.ask('GET', 'summary')[0]]
    return out


def crowded_out():
    """Somebody else logs in again and again, and listens as often as he can."""
    a = ready(Page('alice'))
    for _ in range(20):
        time.sleep(0.26)
        b = Page('bob')
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    req = b'GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n'
    ss, got = [], []
    for cookie, count in ((b.cookie, 1002), (a.cookie, 1)):
        for i in range(count):
            s = socket.create_connection(('127.0.0.1', PORT), 10)
            s.sendall(req % cookie.encode())
            ss.append(s)
            got.append(int(s.recv(12)[9:12]))
    return a.ask('GET', 'summary')[0], got.count(503), got[-1]


def test_crowded_out(n):
    """One user does not end the sessions of another, nor take all streams."""
    check(on_page(n, crowded_out) == (200, 2, 200), 'crowded out')


def reset_calls():
    """Gone before it is accepted: from nowhere, and not from a UNIX socket."""
    body = b'user=alice&password=wrong'
    raw = b'POST /api/v1/session HTTP/1.1\r\nHost: x\r\nRemote-User: alice' \
        b'\r\nX-Forwarded-For: 203.0.113.77\r\nContent-Length: %d\r\n\r\n' \
        % len(body) + body
    for _ in range(300):
        s = socket.create_connection(('127.0.0.1', PORT), 5)
        s.sendall(raw)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 0))
        s.close()
    time.sleep(0.5)


def test_reset(n):
    """A connection that is reset at once is nobody's."""
    n.again('web trust header "Remote-User" from 10.0.0.0/8\n')
    on_page(n, reset_calls)
    check('203.0.113.77' not in n.logtext() and
          'UNIX socket' not in n.logtext(), n.logtext()[-300:])
    n.again()


def wrong_calls():
    p = Page()
    out = []
    t = time.monotonic()
    while out.count(429) < 4 and len(out) < 60:
        out.append(p.ask('POST', 'session', {
            'user': ('alice', 'nobody')[len(out) % 2],
            'password': 'x%d' % len(out)})[0])
        time.sleep(0.35)
    # now the right one has to wait, too
    right = p.ask('POST', 'session', {'user': 'alice',
                                      'password': PASSWORD})[0]
    return out, right, time.monotonic() - t


def test_login(n):
    """Nothing without a log-in, and who it is by a cookie afterwards."""
    out, cookie, head = on_page(n, login_calls)
    check(out == [401, 401, 401, 401, 403, False, 200, False, 401], out)
    check('HttpOnly' in cookie and 'SameSite=Strict' in cookie and
          'Path=/' in cookie and 'Secure' not in cookie, cookie)
    csp = head['content-security-policy']
    check("default-src 'none'" in csp and 'unsafe' not in csp and
          "frame-ancestors 'none'" in csp, csp)
    check(head['x-content-type-options'] == 'nosniff' and
          head['cache-control'] == 'no-store' and
          head['referrer-policy'] == 'no-referrer', head)
    check('log-in by 127.0.0.1: wrong' in n.logtext() and
          'correct' not in n.logtext(), n.logtext()[-300:])


def test_sessions(n):
    """Roles, and requests that another page would make."""
    out = on_page(n, session_calls)
    check(out['alice']['role'] == 'admin' and out['bob']['role'] == 'view' and
          out['alice']['csrf'] != out['bob']['csrf'], out)
    check(out['look'] == 200 and out['change'] == [403] * 3, out)
    check(out['csrf'] == [403] * 8, out['csrf'])
    check(out['two'] == [401, 200, 400], out['two'])
    check(out['out'] == [200, True, 401, 200], out['out'])


def test_guessing(n):
    """Who guesses has to wait, and takes little of the processor."""
    n.again()
    for _ in range(3):
        out, right, took = on_page(n, wrong_calls)
        # unless its turn came just then
        if right != 200:
            break
        n.again()
    # five, and then one each ten seconds
    check(out[:5] == [403] * 5 and out.count(429) == 4 and
          out.count(403) == len(out) - 4 and
          out.count(403) <= 6 + took / 10, out, took)
    check(right == 429, right)
    n.again()


def stream_end(who, begun):
    """How long a stream of events goes on: its lines, and the end."""
    p = ready(Page(who))
    c = http.client.HTTPConnection('127.0.0.1', PORT, timeout=20)
    c.request('GET', '/api/v1/stream', None, p.headers)
    r = c.getresponse()
    lines = [r.readline()]
    begun()
    while lines[-1]:
        lines.append(r.readline())
    return r.getheader('content-type'), lines


def test_reload_users(n):
    """Another password ends sessions, and what they listen to."""
    end = n.begin_ready('g', stream_end, 'alice')
    time.sleep(1)
    # the same once more changes nothing
    n.ctl('reload')
    time.sleep(1)
    other = n.hash('another one')
    text = n.page(users=False, extra='web user "alice" password "%s"\n'
                  'web user "bob" password "%s"\n' % (other, n.digest))
    n.write_conf(text)
    n.ctl('reload')
    kind, lines = end()
    check(kind == 'text/event-stream' and
          sum(x.startswith(b'event: tick') for x in lines) >= 1, lines)
    n.write_conf(n.page())
    n.ctl('reload')


def proxy_calls(path):
    def role(page, **h):
        s, v, _ = page.ask('GET', 'session', **h)
        return v['role'] if s == 200 else s
    p, u = Page(), Page(path=path)
    out = [role(p), role(p, Remote_User='alice'), role(u, Remote_User='bob'),
           role(u, Remote_User='carol'), role(u, Remote_User=''),
           role(u, Remote_User='x' * 100)]
    # what changes something needs the token here as well
    s, v, _ = u.ask('GET', 'session', Remote_User='alice')
    out += [u.ask('DELETE', 'flows/1', Remote_User='alice')[0],
            u.ask('DELETE', 'flows/1', Remote_User='alice',
                  X_CSRF_Token=v['csrf'])[0],
            u.ask('DELETE', 'flows/1', Remote_User='bob',
                  X_CSRF_Token=v['csrf'])[0]]
    # behind TLS the cookie says so
    s, v, h = u.ask('POST', 'session', {
        'user': 'alice', 'password': PASSWORD}, X_Forwarded_Proto='https')
    return out, h.get('set-cookie', '')


def test_proxy(n):
    """A proxy's header is believed from where it may come, only."""
    path = os.path.join(n.dir, 'run', 'web.sock')
    n.again('web listen on "%s"\nweb trust header "Remote-User" role view '
            'from 10.0.0.0/8\n' % path)
    check(os.stat(path).st_mode & 0o777 == 0o660, oct(os.stat(path).st_mode))
    out, cookie = on_page(n, proxy_calls, path)
    # no such flow: 409
    check(out == [401, 401, 'view', 'view', 401, 401, 403, 409, 403], out)
    check('; Secure' in cookie, cookie)
    n.stop()
    check(not os.path.exists(path), 'the socket stays')
    n.again('web trust header "Remote-User" from 127.0.0.1\n')
    out, _ = on_page(n, proxy_calls, None)
    check(out == [401, 'admin', 'view', 401, 401, 401, 403, 409, 403], out)
    n.again()


IDP = """
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        who = self.headers.get('Cookie', '').partition('idp=')[2]
        self.send_response(202 if who else 401)
        if who:
            self.send_header('X-Auth-Request-Email', who)
        self.end_headers()
http.server.ThreadingHTTPServer(('127.0.0.1', 4180), H).serve_forever()
"""


def nginx_calls():
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE

    def ask(method, path, body=None, **headers):
        c = http.client.HTTPSConnection('127.0.0.1', 8443, timeout=10,
                                        context=ctx)
        c.request(method, path, body, {
            'Host': 'vpn.example.com:8443',
            **{k.replace('_', '-'): v for k, v in headers.items()}})
        r = c.getresponse()
        if path.endswith('stream'):
            return r.status, r.readline() + r.readline()
        return r.status, r.read(), r.getheader('location')
    api = '/api/v1/'
    wait_for(lambda: ask('GET', api + 'summary', Cookie='idp=a@b')[0] == 200,
             10, 'the page behind nginx')
    out = [ask('GET', '/')[::2], ask('GET', api + 'summary',
                                     Remote_User='a@b')[0]]
    who = []
    for h in ({}, {'Remote_User': 'a@b'}):
        s, data, _ = ask('GET', api + 'session', Cookie='idp=c@d', **h)
        who.append((json.loads(data)['user'], json.loads(data)['role']))
    s, data, _ = ask('GET', api + 'session', Cookie='idp=a@b')
    v = json.loads(data)
    who.append((v['user'], v['role']))
    out += [ask('DELETE', api + 'flows/1', Cookie='idp=a@b',
                X_CSRF_Token=v['csrf'],
                Origin='https://vpn.example.com:8443')[0],
            ask('DELETE', api + 'flows/1', Cookie='idp=a@b',
                X_CSRF_Token=v['csrf'], Origin='https://evil.example')[0]]
    return out, who, ask('GET', api + 'stream', Cookie='idp=a@b')


def test_nginx(n):
    """etc/web/nginx.conf as it is, with a stand-in for oauth2-proxy."""
    nginx = shutil.which('nginx') or os.path.join(
        TOP, 'out/nginx/usr/sbin/nginx')
    if not os.path.exists(nginx) or run(nginx, '-v', ok=False).returncode:
        print('SKIP web/nginx: no nginx')
        return
    sock = os.path.join(n.dir, 'run', 'page.sock')
    n.again('web listen on "%s"\nweb trust header "Remote-User" role view\n'
            'web user "a@b"\n' % sock)
    top = os.path.join(n.dir, 'nginx')
    os.makedirs(top, exist_ok=True)
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
        '/CN=vpn.example.com', '-keyout', top + '/key', '-out', top + '/cert')
    with open(os.path.join(TOP, 'etc/web/nginx.conf')) as f:
        text = f.read()
    for a, b in (('/run/wgslirpd/web/page.sock', sock), ('443 ssl',
                 '8443 ssl'),
                 ('/etc/ssl/certs/vpn.example.com.pem', top + '/cert'),
                 ('/etc/ssl/private/vpn.example.com.key', top + '/key')):
        check(a in text, a)
        text = text.replace(a, b)
    with open(top + '/conf', 'w') as f:
        f.write('pid %s/pid;\nerror_log stderr;\nevents { }\nhttp {\n'
                'access_log off;\n%s\n%s\n}\n' % (top, ''.join(
                    '%s_temp_path %s/%s;\n' % (x, top, x) for x in (
                        'client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi')),
                    text))
    if n.owner is not None:
        for f in ('', '/key', '/cert', '/conf'):
            os.chown(top + f, n.owner, n.owner)
    # in a namespace of a user's there is nobody to become
    alone = ' master_process off; user root;' if n.owner is None else ''
    ps = [n.spawn('g', [sys.executable, '-c', IDP]),
          n.spawn('g', [nginx, '-p', top, '-c', top + '/conf', '-g',
                        'daemon off;' + alone],
                  log=os.path.join(n.dir, 'nginx.log'), uid=n.owner)]
    try:
        out, who, stream = on_page(n, nginx_calls)
    finally:
        for p in ps:
            p.terminate()
            p.wait(10)
    check(out == [(302, 'https://vpn.example.com:8443/oauth2/start?rd=/'), 302, 409, 403], out)
    check(who == [('c@d', 'view'), ('c@d', 'view'), ('a@b', 'admin')], who)
    check(stream[0] == 200 and b'event: tick' in stream[1], stream)
    n.again()


# ---- what it does

def edit_calls(host):
    a = ready(Page('alice'))
    out = []

    def do(method, what, **form):
        s, v, _ = a.ask(method, what, form)
        out.append(s)
        return v
    v = do('POST', 'peers', name='phone', quota='1G', expires='2099-01-01')
    conf = v['config']
    out.append(len(v['qr']) == len(v['qr'][0]) and
               v['qr'][0].startswith('1111111'))
    wait_for(lambda: a.ask('GET', 'peers/phone')[0] == 200, 5, 'phone')
    p = a.get('peers/phone')
    out.append((p['quota'], p['expires'], p['managed'], p['state']))
    do('POST', 'peers', name='phone')
    do('POST', 'peers', name='../x')
    do('POST', 'peers', name='bad', quota='much')
    do('POST', 'peers', name='bad', expires='x"\n}\npeer "y" {')
    do('POST', 'peers', name='bad', host='a b')
    do('POST', 'peers', name='x' * 64)
    do('POST', 'peers/phone', action='set', quota='none', rate_in='1M')
    do('POST', 'peers/phone', action='rename', to='mobile')
    do('POST', 'peers/mobile', action='disable')
    wait_for(lambda: a.get('peers?state=disabled')['matched'] == 1, 5, 'off')
    do('POST', 'peers/mobile', action='disable')
    do('POST', 'peers/mobile', action='enable')
    do('POST', 'peers/mobile', action='nothing')
    do('POST', 'peers/laptop', action='disable')
    do('DELETE', 'peers/mobile')
    do('DELETE', 'peers/mobile')
    wait_for(lambda: a.get('peers')['total'] == 1, 5, 'gone')
    return out, conf


def many_files(count):
    a = ready(Page('alice'))
    v = a.get('peers?state=disabled&limit=1')
    on = a.get('peers?limit=1')
    return v['matched'], on['matched'], a.ask('GET', 'peers/Anna%20B')[0], \
        a.ask('POST', 'peers', {'name': 'one'})[1]


def odd_calls(_):
    a = ready(Page('alice'))
    s, v, _ = a.ask('POST', 'peers', {'name': 'wg-a'})
    wait_for(lambda: a.ask('GET', 'peers/wg-a')[0] == 200, 5, 'wg-a')
    return v['config'], a.ask('POST', 'peers/wg-a', {
        'action': 'rename', 'to': 'b'})[0], a.ask('GET', 'peers/wg-a')[0], \
        a.ask('POST', 'peers/wg-a', {'action': 'rename', 'to': 'wg-b'})[0]


def test_odd_folder(n):
    """A pattern that not every name matches; a network that is half used."""
    n.fresh()
    n.again('address 10.64.0.1/10\npeer "big" { public key "%s"\n'
            'allowed ips { 10.64.0.0/14 10.76.0.0/14 } }\n'
            'include "%s/peers.d/wg-*.conf"\npublic endpoint "10.9.1.1"\n' % (
                n.pub('x'), n.folder()), files=False, address=False)
    conf, *codes = on_page(n, odd_calls, None)
    check('Address = 10.68.0.0/32' in conf, conf)
    check(codes == [409, 200, 200], codes)
    check(os.listdir(os.path.join(n.folder(), 'peers.d')) == ['wg-b.conf'],
          os.listdir(os.path.join(n.folder(), 'peers.d')))
    n.fresh()
    n.again()


def test_many_files(n):
    """More files than fit one message, and names that are no file's."""
    for on, off in ((65, 0), (0, 65), (130, 140)):
        n.fresh()
        top = os.path.join(n.folder(), 'peers.d')
        os.mkdir(top)
        for i in range(on + off):
            with open(os.path.join(top, 'f%d.conf%s' % (
                    i, '.off' if i >= on else '')), 'w') as f:
                f.write('peer "f%d" {\n\tpublic key "%s"\n\tallowed ips { '
                        '10.77.1.%d/32 }\n}\n' % (i, n.ctl(
                            'genkey').stdout.strip() if i < on else 'x', i))
        if n.owner is not None:
            for x in [''] + os.listdir(top):
                os.chown(os.path.join(top, x), n.owner, n.owner)
        os.chmod(top, 0o700)
        n.again('peer "Anna B" { public key "%s"\nallowed ips { 10.88.0.1 } '
                '}\n' % n.pub('x'))
        v = on_page(n, many_files, on)
        check(v[:3] == (off, 2 + on + off, 200) and 'config' in v[3], v)
    n.fresh()
    n.again()


def many_edits():
    a = ready(Page('alice'))
    got = [None] * 12

    def one(i):
        got[i] = a.ask('POST', 'peers', {'name': 'm%d' % i})
    ts = [threading.Thread(target=one, args=(i,)) for i in range(12)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    made = [v['config'] for s, v, _ in got if s == 200]
    names = ['m%d' % i for i in range(12) if got[i][0] == 200]
    wait_for(lambda: a.get('peers')['total'] == 1 + len(made), 10, 'all')
    for name in names:
        if a.ask('DELETE', 'peers/' + name)[0] != 200:
            raise Failure('delete ' + name)
    return made, [s for s, _, _ in got]


def test_edit(n):
    """A peer is made, changed and deleted; what is wrong changes nothing."""
    n.fresh()
    n.again()
    out, conf = on_page(n, edit_calls, None)
    check(out == [200, True, (10 ** 9, 4070908800, True, 'never'), 409, 409,
                  409, 409, 409, 400, 200, 200, 200, 409, 200, 400, 409, 200,
                  409], out)
    check('Endpoint = 10.9.1.1:51820\n' in conf, conf)
    left = os.listdir(os.path.join(n.folder(), 'peers.d'))
    check(left == [], left)
    # several at once: each has its own addresses
    made, codes = on_page(n, many_edits)
    addrs = {re.search(r'Address = ([0-9.]+)', x).group(1) for x in made}
    check(len(made) >= 8 and len(addrs) == len(made), codes, addrs)
    check('PrivateKey' not in n.logtext(), 'a key in the log')


def only_look(_):
    a = ready(Page('alice'))
    return a.get('summary'), a.ask('POST', 'peers', {'name': 'x'})[:2], \
        [p['title'] for p in a.get('processes')['processes']]


def test_no_folder(n):
    """Without a folder for peers the page says so, and shows the rest."""
    n.again(files=False)
    v, answer, procs = on_page(n, only_look, None)
    check(not v['editable'] and 'include' in v['why_not'], v)
    check(answer[0] == 409, answer)
    check('web' in procs and 'files' not in procs, procs)
    # a page that was not there at the start takes a restart
    n.stop()
    n.start()
    n.write_conf(n.page())
    r = n.ctl('reload', ok=False)
    check(r.returncode == 1 and 'restart' in r.stdout, r.stdout)
    n.again()


def test_as_root(n):
    """Started as root: whoever has the folder, the process has that alone."""
    if n.owner is None:
        return
    for uid in (0, n.owner):
        n.fresh()
        os.chown(n.folder(), uid, uid)
        n.again(as_root=True)
        out, conf = on_page(n, edit_calls, None)
        check(out[0] == 200 and out[-2:] == [200, 409], uid, out)
        pid = [p['pid'] for p in n.ctlj('show', 'processes')['processes']
               if p['title'] == 'files'][0]
        with open('/proc/%d/status' % pid) as f:
            text = f.read()
        check('Uid:\t%d\t' % uid in text and
              re.search(r'CapEff:\t0+\n', text), uid, text)
        root = os.readlink('/proc/%d/root' % pid)
        check(root == os.path.join(n.folder(), 'peers.d'), root)
    n.fresh()
    os.chown(n.folder(), n.owner, n.owner)
    n.again()


def traffic(host):
    return get(host, 3000000)[0]


def hold_flow(host, ready_fn):
    with socket.create_connection((host, server.ECHO), 10) as s:
        s.settimeout(20)
        s.sendall(b'x')
        s.recv(1)
        ready_fn()
        try:
            return s.recv(1)
        except ConnectionResetError:
            return b'reset'


def figures():
    a = ready(Page('alice'))

    def moved():
        h = a.get('history?span=minutes&peer=laptop')
        return sum(h['tx']) * h['step'] > 2500000 and h
    h = wait_for(moved, 25, 'the curve')
    all_ = a.get('history?span=hours')
    p = a.get('peers/laptop')
    bad = [a.ask('GET', 'history?span=x')[0],
           a.ask('GET', 'history?peer=nobody')[0]]
    return h['step'], len(h['rx']), len(all_['rx']), p, bad, \
        a.get('rules'), a.get('names'), a.get('events')


def end_flow():
    a = ready(Page('alice'))
    if a.get('flows?peer=somebody')['flows']:
        raise Failure('flows of others')
    flows = [f for f in a.get('flows?peer=laptop')['flows']
             if f['proto'] == 'tcp' and f['state'] == 'established' and
             f['destination'].endswith(':%d' % server.ECHO)]
    return flows, a.ask('DELETE', 'flows/' + flows[0]['id'])[0], \
        a.ask('DELETE', 'flows/0')[0], a.ask('DELETE', 'flows/x')[0]


def test_shows(n):
    """Figures, curves, flows, rules, names and events."""
    n.again('block to 10.66.0.0/16\ndns listen\n')
    on_page(n, only_look, None)
    time.sleep(2)
    n.call('c', traffic, SERVER4)
    step, few, many, p, bad, rules, names, events = on_page(n, figures)
    check((step, few, many) == (10, 90, 288), step, few, many)
    check(p['state'] == 'online' and p['tx_bytes'] > 3000000 and
          not p['managed'] and p['endpoint'].startswith('10.9.0.2:'), p)
    check(bad == [400, 404], bad)
    check(len(rules['rules']) == 1 and '10.66' in rules['rules'][0]['rule'],
          rules)
    check({'name': 'laptop.wg', 'address': '10.77.0.2'} in names['names'],
          names)
    check(any(e['peer'] == 'laptop' for e in events['events']), events)
    end = n.begin_ready('c', hold_flow, SERVER4)
    flows, *codes = on_page(n, end_flow)
    check(codes == [200, 404, 404] and end() in (b'', b'reset'), codes, flows)


def whole(path):
    ready(Page('alice'))
    return ready(Page('alice', path=path)).get('peers')['total']


def test_take_over(n):
    """Another daemon takes this one's place: the page is there all the time."""
    path = os.path.join(n.dir, 'run', 'page.sock')
    n.again('web listen on "%s"\n' % path)
    check(on_page(n, whole, path) == 1, 'before')
    first = n.daemon
    log = os.path.join(n.dir, 'next.log')
    n.daemon = n.spawn('g', [n.bin + '/wgslirpd', '-d', '-R', '-f',
                             os.path.join(n.dir, 'wgslirpd.conf'), '-s',
                             n.sock], log=log, uid=n.owner)
    wait_for(lambda: first.poll() is not None, 15, 'the first one')
    check(os.path.exists(path), 'the socket went')
    check(on_page(n, whole, path) == 1, 'after')
    # what cannot be taken is not removed either
    p = n.spawn('g', [n.bin + '/wgslirpd', '-d', '-f',
                      os.path.join(n.dir, 'wgslirpd.conf'), '-s',
                      n.sock + '2'], log=log, uid=n.owner)
    check(p.wait(10) == 1 and os.path.exists(path), 'a second daemon')
    check(on_page(n, whole, path) == 1, 'after the second')
    n.stop()
    check(not os.path.exists(path), 'the socket stays')
    n.again()


# ---- who means ill

def junk_calls():
    """What comes back to requests that nobody makes by mistake."""
    out = {}
    for name, raw in (
            ('nul', b'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n'),
            ('up', b'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'),
            ('long', b'GET /' + b'a' * 5000 + b' HTTP/1.1\r\n\r\n'),
            ('headers', b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 5000 + b'\r\n'),
            ('value', b'GET / HTTP/1.1\r\nCookie: ' + b'a' * 5000 +
             b'\r\n\r\n'),
            ('folded', b'GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n'),
            ('body', b'POST /api/v1/session HTTP/1.1\r\nHost: x\r\n'
             b'Content-Length: 99999999\r\n\r\n' + b'a' * 20000),
            ('chunks', b'POST /api/v1/session HTTP/1.1\r\nHost: x\r\n'
             b'Transfer-Encoding: chunked\r\n\r\n' +
             b'1000\r\n' + b'a' * 4096 + b'\r\n' +
             b'1000\r\n' + b'a' * 4096 + b'\r\n' +
             b'1000\r\n' + b'a' * 4096 + b'\r\n'),
            ('both', b'POST /api/v1/session HTTP/1.1\r\nHost: x\r\n'
             b'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n'
             b'0\r\n\r\nGET / HTTP/1.1\r\n\r\n'),
            ('upgrade', b'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n'
             b'Connection: upgrade\r\n\r\n'),
            ('connect', b'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n'),
            ('trace', b'TRACE /api/v1/summary HTTP/1.1\r\nHost: x\r\n\r\n'),
            ('two', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
             b'GET /page.js HTTP/1.1\r\nHost: x\r\n\r\n'),
            ('tls', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
            ('percent', b'GET /api/v1/peers?search=%00%zz%25 HTTP/1.1\r\n'
             b'Host: x\r\n\r\n')):
        with socket.create_connection(('127.0.0.1', PORT), 5) as s:
            s.settimeout(30)
            data = b''
            try:
                s.sendall(raw)
                while True:
                    b = s.recv(65536)
                    if not b:
                        break
                    data += b
            except OSError:
                pass
            out[name] = (data[9:12].decode(), data.count(b'HTTP/1.1'))
    return out


def test_junk(n):
    """Requests that no browser makes end in an error, and nothing else."""
    out = on_page(n, junk_calls, timeout=120)
    for name, (code, count) in out.items():
        # what is folded, or is to be upgraded to, nobody here reads
        want = {'two': '200', 'folded': '200', 'upgrade': '200'}.get(name)
        check(code == want if want else code in (
            '', '400', '401', '403', '404', '405', '413', '414', '431'),
            name, code)
        check(count <= 1, 'more than one answer', name)
    check(out['body'][0] == '413' and out['long'][0] == '414' and
          out['value'][0] == '431' and out['up'][0] == '404', out)
    check(n.daemon.poll() is None, n.logtext()[-500:])


def crowd(streams, slow, begun):
    """So many who listen, and who say nothing; how it is for the others."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    a = ready(Page('alice'))
    req = b'GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n' % \
        a.cookie.encode()
    ss = []
    for i in range(streams):
        s = socket.create_connection(('127.0.0.1', PORT), 10)
        s.sendall(req)
        ss.append(s)
    mute = []
    for i in range(slow):
        s = socket.create_connection(('127.0.0.1', PORT), 10)
        s.sendall(b'GET / HT')
        mute.append(s)
    begun()
    times = []
    for i in range(10):
        t = time.time()
        a.get('summary')
        times.append(time.time() - t)
        for s in mute:
            try:
                s.send(b'T')
            except OSError:
                pass
        time.sleep(0.5)
    got = 0
    for s in ss:
        s.setblocking(False)
        try:
            got += b'event: tick' in s.recv(65536)
        except OSError:
            pass
    return got, sorted(times)[5]


def cpu(n):
    """Seconds of each process, by title."""
    out = {}
    for p in n.ctlj('show', 'processes')['processes']:
        with open('/proc/%d/stat' % p['pid']) as f:
            v = f.read().rsplit(') ', 1)[1].split()
        out[p['title']] = (int(v[11]) + int(v[12])) / 100
    return out


def test_crowd(n):
    """A thousand who listen, and slow ones: the gateway does not notice."""
    n.again()
    end = n.begin_ready('g', crowd, 1000, 40, timeout=120)
    before, t = cpu(n), time.time()
    check(n.call('c', traffic, SERVER4) == 3000000, 'the guest')
    got, middle = end()
    took = time.time() - t
    after = cpu(n)
    check(got == 1000, got, 'heard something')
    # what a process had to do for them, of one core
    for title in ('web', 'control', 'crypto', 'slirp'):
        share = (after[title] - before[title]) / took
        check(share < 0.5, title, 'took', share)
    print('      1000 listen: %s; an answer takes %.1f ms' % (', '.join(
        '%s %.1f %%' % (k, 100 * (after[k] - before[k]) / took)
        for k in ('web', 'control', 'crypto', 'slirp')), 1000 * middle))
    check(n.daemon.poll() is None, n.logtext()[-500:])


# ---- in a browser

def connect(n, who, text):
    """A real client with exactly this configuration."""
    dev = 'wg' + n.tag + who
    addr = re.search(r'Address = ([0-9.]+)/32', text).group(1)
    if run('ip', '-n', n.nsname(who), 'link', 'show', dev,
           ok=False).returncode != 0:
        n.device_up(who, '10.77.0.200', 'fd77::200', key='x', psk=False,
                    endpoint='10.9.1.1:51820')
    path = os.path.join(n.dir, 'scanned.conf')
    with open(path, 'w') as f:
        f.write('\n'.join(x for x in text.split('\n') if not
                          x.startswith(('Address', 'DNS', 'MTU'))))
    run('ip', 'netns', 'exec', n.nsname(who), 'wg', 'setconf', dev, path)
    n.ip(who, 'addr', 'flush', 'dev', dev)
    n.ip(who, 'addr', 'add', addr + '/32', 'dev', dev)
    n.ip(who, 'route', 'replace', 'default', 'dev', dev)
    return addr


def pings(n, who, addr, count=1):
    return run('ip', 'netns', 'exec', n.nsname(who), 'ping', '-c', str(count),
               '-i', '0.2', '-W', '1', '-I', addr, GATE4,
               ok=False).returncode == 0


def axe(b, what, faults):
    """What axe-core finds that is serious."""
    if not os.path.exists(AXE):
        return
    with open(AXE) as f:
        b.js(f.read())
    v = b.js_async('const done = arguments[arguments.length - 1];'
                   'axe.run().then(r => done(r.violations));')
    faults += [(what, x['id'], [y['target'] for y in x['nodes']][:3])
               for x in v if x['impact'] in ('serious', 'critical')]


def in_browser(n, shots):
    profile = os.path.join(n.dir, 'browser')
    shutil.rmtree(profile, ignore_errors=True)
    os.mkdir(profile)
    b = Browser(profile)
    faults = []

    def until(fn, what, timeout=15):
        wait_for(fn, timeout, what)
    try:
        b.size(1200, 900)
        b.go('http://127.0.0.1:%d/' % PORT)
        until(lambda: b.shown('#login-form'), 'the log-in')
        axe(b, 'log-in', faults)
        b.write('#user', 'alice')
        b.write('#password', 'wrong one')
        b.click('#login-form button')
        until(lambda: 'not the name' in b.text('#login-error'), 'refused')
        time.sleep(0.4)
        b.write('#password', PASSWORD)
        b.click('#login-form button')
        until(lambda: b.shown('#peers'), 'the list')
        check('laptop' in b.text('#peers'), b.text('#peers'))
        # a phone, by its camera
        b.click('#add')
        b.write('#new-name', 'a phone')
        b.click('#new-form button.primary')
        check(b.shown('#new-form'), 'a name with a space')
        b.write('#new-name', 'phone')
        b.click('#new-form button.primary')
        until(lambda: b.shown('#qr svg'), 'the QR code')
        axe(b, 'QR code', faults)
        qr = os.path.join(shots, 'qr.png')
        b.shot(qr, '#qr')
        b.shot(os.path.join(shots, 'made.png'))
        text = subprocess.run(['zbarimg', '-q', '--raw', qr], text=True,
                              stdout=subprocess.PIPE, check=True,
                              stderr=subprocess.DEVNULL).stdout
        check(text.strip() == b.js('return document.getElementById("config")'
                                   '.textContent').strip(), text)
        addr = connect(n, 'd', text)
        until(lambda: pings(n, 'd', addr), 'the phone')
        until(lambda: b.text('#made-state') == 'It is connected.',
              'that it is connected')
        b.click('#made [data-close]')
        until(lambda: b.js('return document.getElementById("config")'
                           '.textContent') == '', 'the key to go')
        until(lambda: 'online' in b.text('#peers tr:nth-child(2)'), 'online')
        # the curve of the phone
        n.call('d', traffic, SERVER4)
        b.click('#peers tbody tr:nth-child(2) .link')
        until(lambda: b.text('#peer-name') == 'phone', 'the phone')
        until(lambda: re.search(r'at most [1-9]', b.text('#peer .curve')),
              'the curve', 30)
        axe(b, 'a peer', faults)
        b.shot(os.path.join(shots, 'peer.png'))
        # a quota, and nothing else changes; an end date that is over bites
        b.click('#peer details summary')
        b.write('#set-quota', '5G')
        b.click('#peer details form button')
        until(lambda: 'Quota' in b.text('#facts'), 'the quota')
        check('Ends' not in b.text('#facts') and pings(n, 'd', addr),
              b.text('#facts'))
        until(lambda: not b.js('return document.querySelector('
                               '"#peer details").open'), 'it is drawn anew')
        check(b.js('return document.getElementById("set-quota").value') ==
              '5G', 'as it was written')
        b.click('#peer details summary')
        b.js('document.getElementById("set-expires").value = "2020-01-01"')
        b.click('#peer details form button')
        until(lambda: 'ended' in b.text('#facts'), 'ended')
        check(not pings(n, 'd', addr), 'it still comes through')
        b.shot(os.path.join(shots, 'ended.png'))
        # deleted, by a second press
        b.click('#delete')
        check('for good' in b.text('#delete'), 'at once')
        b.click('#delete')
        until(lambda: not b.shown('#peer') and
              'phone' not in b.text('#peers'), 'deleted')
        for tab in ('rules', 'names', 'events', 'health'):
            b.click('#nav [data-tab=%s]' % tab)
            until(lambda: b.text('#tab-%s .body' % tab) != '', tab)
            axe(b, tab, faults)
        check('Landlock' in b.text('#tab-health') or
              'no Landlock' in b.text('#tab-health'), 'health')
        b.click('#nav [data-tab=peers]')
        b.write('#search', 'no such one')
        until(lambda: b.shown('#empty'), 'nothing found')
        axe(b, 'nothing', faults)
        b.write('#search', 'lap')
        b.keys('#search', 't')
        until(lambda: b.shown('#peers') and 'laptop' in b.text('#peers'),
              'found')
        axe(b, 'the list', faults)
        b.shot(os.path.join(shots, 'wide.png'))
        b.size(390, 844)
        time.sleep(0.5)
        wide = b.js('return document.documentElement.scrollWidth - '
                    'document.documentElement.clientWidth')
        check(wide <= 0, 'wider than a phone by', wide)
        b.shot(os.path.join(shots, 'narrow.png'))
        axe(b, 'narrow', faults)
        b.size(1200, 900)
        b.scheme('dark')
        b.shot(os.path.join(shots, 'dark.png'))
        axe(b, 'dark', faults)
        # by keys alone: to the first peer, in, and back to where one was
        b.js('document.getElementById("search").focus()')
        for _ in range(8):
            b.press('\ue004')                           # Tab
            if b.js('return document.activeElement.textContent') == 'laptop':
                break
        b.press('\ue007')                               # Enter
        until(lambda: b.shown('#peer'), 'a peer by the keyboard')
        axe(b, 'a peer, dark', faults)
        b.press('\ue00c')                               # Escape
        until(lambda: not b.shown('#peer'), 'its end')
        check(b.js('return document.activeElement.textContent') == 'laptop',
              'the focus is elsewhere')
        b.scheme('light')
        requests = b.js('return performance.getEntriesByType("resource")'
                        '.map(x => new URL(x.name).host)')
        check(set(requests) == {'127.0.0.1:%d' % PORT}, set(requests))
        b.click('#logout')
        until(lambda: b.shown('#login-form'), 'logged out')
        noise = [x for x in b.log() if '401' not in x and '403' not in x and
                 '409' not in x]
        check(noise == [], noise)
        check(faults == [], faults)
    except BaseException:
        try:
            b.shot(os.path.join(shots, 'failed.png'))
        except Exception:
            pass
        raise
    finally:
        b.close()


def test_browser(n):
    """A phone is added, seen, ended and deleted by the page."""
    why = missing() or (None if shutil.which('zbarimg') else 'zbarimg')
    if why:
        print('SKIP web/browser: no ' + why)
        return
    n.fresh()
    n.again('dns listen\n')
    shots = os.path.join(TOP, 'out/web')
    try:
        os.makedirs(shots, exist_ok=True)
        with open(os.path.join(shots, 'probe'), 'w'):
            pass
    except OSError:
        shots = n.dir
    on_page(n, in_browser, n, shots, timeout=240)
    check('PrivateKey' not in n.logtext(), 'a key in the log')


TESTS = [test_login, test_sessions, test_reload_users, test_proxy, test_nginx,
         test_take_over, test_reset, test_crowded_out, test_edit,
         test_many_files, test_odd_folder, test_no_folder, test_as_root, test_shows, test_junk, test_crowd,
         test_guessing, test_browser]


def main():
    n = Web()
    n.digest = n.hash()

    def setup():
        n.start_server()
        n.start(n.page())
        n.client_up()
    return run_tests(n, 'web', named(TESTS), setup)


if __name__ == '__main__':
    enter()
    sys.exit(main())
