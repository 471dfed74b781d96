# SPDX-License-Identifier: ISC
"""A real browser for the tests: headless Chromium by chromedriver.

It is spoken to by the W3C WebDriver protocol, with nothing but Python.
"""

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'


def missing():
    """What is not there, or None."""
    for x in ('chromedriver', 'chromium'):
        if shutil.which(x) is None:
            return x
    return None


class Browser:
    def __init__(self, profile, port=9515):
        self.url = 'http://127.0.0.1:%d' % port
        self.driver = subprocess.Popen(
            ['chromedriver', '--port=%d' % port, '--log-level=SEVERE'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        args = ['--headless=new', '--no-sandbox', '--disable-gpu',
                '--disable-dev-shm-usage', '--no-first-run',
                '--disable-background-networking', '--lang=en-US',
                '--disable-component-update', '--user-data-dir=' + profile]
        caps = {'browserName': 'chrome', 'goog:chromeOptions': {
            'args': args, 'binary': shutil.which('chromium')},
            'goog:loggingPrefs': {'browser': 'ALL'}}
        self.session = None
        end = time.time() + 60
        while self.session is None:
            try:
                v = self.call('POST', '/session', {
                    'capabilities': {'alwaysMatch': caps}})
                self.session = '/session/' + v['sessionId']
            except (urllib.error.URLError, ConnectionError):
                if time.time() > end:
                    self.close()
                    raise
                time.sleep(0.2)

    def call(self, method, path, data=None):
        body = None if data is None else json.dumps(data).encode()
        r = urllib.request.Request(self.url + path, body, {
            'Content-Type': 'application/json'}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(r, timeout=60) as a:
                return json.load(a)['value']
        except urllib.error.HTTPError as e:
            v = json.load(e)['value']
            raise LookupError('%s: %s' % (v['error'], v['message'][:300]))

    def do(self, method, path, data=None):
        return self.call(method, self.session + path, data)

    def go(self, url):
        self.do('POST', '/url', {'url': url})

    def find(self, css):
        return self.do('POST', '/element', {
            'using': 'css selector', 'value': css})[ELEMENT]

    def found(self, method, css, path, data=None):
        """The page may draw it anew after it was found: then once more."""
        for _ in range(20):
            try:
                return self.do(method, '/element/%s/%s' % (
                    self.find(css), path), data)
            except LookupError as e:
                if not str(e).startswith('stale'):
                    raise
        raise LookupError('always drawn anew: ' + css)

    def click(self, css):
        self.found('POST', css, 'click', {})

    def write(self, css, text):
        self.found('POST', css, 'clear', {})
        self.found('POST', css, 'value', {'text': text})

    def keys(self, css, text):
        self.found('POST', css, 'value', {'text': text})

    def text(self, css):
        return self.found('GET', css, 'text')

    def shown(self, css):
        try:
            return self.do('GET', '/element/%s/displayed' % self.find(css))
        except LookupError:
            return False

    def js(self, script, *args):
        return self.do('POST', '/execute/sync', {
            'script': script, 'args': list(args)})

    def js_async(self, script, *args):
        self.do('POST', '/timeouts', {'script': 60000})
        return self.do('POST', '/execute/async', {
            'script': script, 'args': list(args)})

    def press(self, keys):
        """Keys for whatever has the focus."""
        e = self.do('GET', '/element/active')[ELEMENT]
        self.do('POST', '/element/%s/value' % e, {'text': keys})

    def scheme(self, name):
        """What the reader prefers: light or dark."""
        self.do('POST', '/goog/cdp/execute', {
            'cmd': 'Emulation.setEmulatedMedia', 'params': {'features': [
                {'name': 'prefers-color-scheme', 'value': name}]}})

    def size(self, width, height):
        self.do('POST', '/window/rect', {'width': width, 'height': height})

    def shot(self, path, css=None):
        where = '/screenshot' if css is None else \
            '/element/%s/screenshot' % self.find(css)
        with open(path, 'wb') as f:
            f.write(base64.b64decode(self.do('GET', where)))

    def log(self):
        """What the browser complains of."""
        return [x['message'] for x in self.do('POST', '/se/log', {
            'type': 'browser'})]

    def close(self):
        try:
            if self.session:
                self.do('DELETE', '')
        except (LookupError, OSError):
            pass
        try:
            subprocess.run(['pkill', '-TERM', '-g', str(self.driver.pid)])
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
