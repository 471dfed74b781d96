#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What the manual pages show is tried: every example of wgslirpd.conf(5) is a
configuration, every command line of wgslirpctl(8) and wgslirpd(8) is one that
the programs take.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
DAEMON = os.path.join(TOP, 'wgslirpd/wgslirpd')
CTL = os.path.join(TOP, 'wgslirpctl/wgslirpctl')
PAGES = ('wgslirpd.conf.5', 'wgslirpctl.8', 'wgslirpd.8')

passed = failed = 0


def check(what, good, *more):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print('FAIL pages: %s: %s' % (what, ' '.join(str(x) for x in more)))


def blocks(page):
    """Literal displays, as the reader sees them, with their lines."""
    with open(os.path.join(TOP, 'man', page)) as f:
        lines = f.read().split('\n')
    out, now, begun = [], None, 0
    for i, line in enumerate(lines, 1):
        if line.startswith('.Bd -literal'):
            now, begun = [], i
        elif line == '.Ed' and now is not None:
            out.append((begun, '\n'.join(now)))
            now = None
        elif now is not None:
            now.append(line.replace('\\e', '\\').replace('\\&', ''))
    return out


def key():
    return subprocess.run([CTL, 'genkey'], capture_output=True, text=True,
                          check=True).stdout.strip()


def public():
    return subprocess.run([CTL, 'pubkey'], input=key(), capture_output=True,
                          text=True, check=True).stdout.strip()


def configuration(t, what, text):
    """Is it one, with the keys and files that it speaks of?"""
    etc = os.path.join(t, 'etc')
    text = text.replace('/etc/wgslirpd', etc)
    for path in re.findall(r'file "?(%s[^"\s]*)' % re.escape(etc), text):
        if os.path.basename(path) == 'derp.key':
            continue        # is made by a daemon
        with open(path, 'w') as f:
            f.write(key() + '\n' if 'table' not in text.split(path)[0]
                    .split('\n')[-1] and 'users' not in text.split(path)[0]
                    .split('\n')[-1] else '')
        os.chmod(path, 0o600)
    for path in re.findall(r'include "(%s[^"*]*)"' % re.escape(etc), text):
        with open(path, 'w') as f:
            f.write('')
    text = re.sub(r'public key ".*?"', lambda _: 'public key "%s"' %
                  public(), text)
    text = re.sub(r'((?:private|preshared) key) "[^/].*?"', lambda m:
                  '%s "%s"' % (m.group(1), key()), text)
    head = ''
    if not re.search('^private key', text, re.M):
        head += 'private key "%s"\n' % key()
    if not re.search(r'^address', text, re.M):
        head += 'address { 10.77.0.1/24 fd77::1/64 }\n'
    known = set(re.findall(r'^peer "?(\w+)', text, re.M))
    for i, name in enumerate(sorted(set(re.findall(
            r'from peer "?(\w+)', text)) - known)):
        head += 'peer "%s" { public key "%s"\nallowed ips 10.77.0.%d/32 }\n' \
            % (name, public(), 200 + i)
    path = os.path.join(t, 'wgslirpd.conf')
    with open(path, 'w') as f:
        f.write(head + text + '\n')
    os.chmod(path, 0o600)
    r = subprocess.run([DAEMON, '-n', '-f', path], capture_output=True,
                       text=True)
    check(what, r.returncode == 0, r.stdout + r.stderr)


def commands(text):
    """Command lines of a display, joined where they go on."""
    text = re.sub(r'\\\n\s*', '', text)
    return [line[2:] for line in text.split('\n')
            if line.startswith(('# ', '$ '))]


def command(t, what, line):
    """Do our programs take it?  They find no daemon, which is all."""
    for part in re.split(r'\s*\|\s*|\s*&&\s*', line):
        part = re.split(r'\s[<>]', part)[0].rstrip(' |')
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        words = [w for w in words if not re.match(r'^[A-Z_0-9]+=', w)]
        if not words or os.path.basename(words[0]) != 'wgslirpctl':
            continue
        r = subprocess.run([CTL, '-s', os.path.join(t, 'none')] + words[1:],
                           capture_output=True, text=True, timeout=20,
                           input=key() + '\n', cwd=t)
        check(what, r.returncode == 0 or 'is wgslirpd running' in r.stderr or
              'No such file' in r.stderr or 'Permission denied' in r.stderr,
              line, r.stderr)


def words(t):
    """Every command that the page of wgslirpctl has is one."""
    with open(os.path.join(TOP, 'man/wgslirpctl.8')) as f:
        page = f.read()
    listed = subprocess.run([CTL, 'help'], capture_output=True, text=True,
                            check=True).stdout
    for line in listed.split('\n'):
        name = re.match(r'\t([a-z]+(?: [a-z]+)?)', line)
        if not name:
            continue
        first = name.group(1).split()
        check('wgslirpctl ' + name.group(1), re.search(
            r'^\.(It )?Cm (show Op Cm )?.*\b%s\b' % first[-1], page, re.M),
            'is not in its page')


def events():
    """The kinds of events that there are, and those of the page."""
    kinds = set()
    for folder, _, names in os.walk(os.path.join(TOP, 'wgslirpd')):
        for name in names:
            if not name.endswith('.c'):
                continue
            with open(os.path.join(folder, name)) as f:
                text = f.read()
            kinds |= set(re.findall(r'\btell\("([a-z-]+)"', text))
            for table in re.findall(r'kind\[\] = \{([^}]*)\}', text):
                kinds |= set(re.findall(r'"([a-z-]+)"', table))
    with open(os.path.join(TOP, 'man/wgslirpctl.8')) as f:
        page = f.read()
    text = page[page.index('.It Cm monitor'):page.index('.It Cm pause')]
    told = {word.strip('., ') for line in text.split('\n')
            if line.startswith('.Cm ') for word in line[4:].split()}
    told.discard('')
    check('events', len(kinds) >= 12 and kinds == told,
          'only in the code:', kinds - told, 'only in the page:',
          told - kinds)


def main():
    with tempfile.TemporaryDirectory() as t:
        os.mkdir(os.path.join(t, 'etc'))
        for page in PAGES:
            for line, text in blocks(page):
                what = '%s:%d' % (page, line)
                # what has a bar is a form, and no example of it
                if page == 'wgslirpd.conf.5' and ' | ' not in text and \
                        not commands(text):
                    configuration(t, what, text)
                for c in commands(text):
                    command(t, what, c)
        words(t)
        events()
        # the environment of the page, and of the files for containers
        for line, text in blocks('wgslirpd.8'):
            if 'wgslirpd -d -e' in text:
                script = commands(text)[0].replace(
                    'wgslirpd -d -e', DAEMON + ' -n -e').replace(
                    '$(wgslirpctl genkey)', key()).replace(
                    '$(cat client.pub)', public())
                r = subprocess.run(['sh', '-c', script], capture_output=True,
                                   text=True)
                check('wgslirpd.8:%d' % line, 'configuration OK' in
                      r.stdout + r.stderr, script, r.stderr)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or passed < 50 else 0


if __name__ == '__main__':
    sys.exit(main())
