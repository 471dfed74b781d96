#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The files for containers and Prometheus in etc/: what they say is what the
programs take and tell, the pods keep within Kubernetes' "restricted" standard,
and the programs run with nothing more than that.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FILES = os.path.join(TOP, 'etc/container')
DAEMON = os.path.join(TOP, 'wgslirpd/wgslirpd')
CTL = os.path.join(TOP, 'wgslirpctl/wgslirpctl')

passed = failed = 0


def check(what, good, *more):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print('FAIL deploy: %s %s' % (what, ' '.join(str(x) for x in more)))


# what the standard leaves
VOLUMES = {'configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral',
           'persistentVolumeClaim', 'projected', 'secret'}
SYSCTLS = {'kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range',
           'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.tcp_syncookies',
           'net.ipv4.ping_group_range'}


def restricted(pod):
    """What of a pod the standard forbids."""
    wrong = []
    sc = pod.get('securityContext', {})
    for k in ('hostNetwork', 'hostPID', 'hostIPC'):
        if pod.get(k):
            wrong.append(k)
    for v in pod.get('volumes', []):
        if set(v) - {'name'} - VOLUMES:
            wrong.append('volume')
    for s in sc.get('sysctls', []):
        if s['name'] not in SYSCTLS:
            wrong.append('sysctl')
    for c in pod['containers'] + pod.get('initContainers', []):
        own = c.get('securityContext', {})
        caps = own.get('capabilities', {})
        both = dict(sc, **own)
        if own.get('privileged'):
            wrong.append('privileged')
        if own.get('allowPrivilegeEscalation') is not False:
            wrong.append('escalation')
        if not both.get('runAsNonRoot'):
            wrong.append('root')
        if both.get('runAsUser') == 0:
            wrong.append('uid 0')
        if both.get('seccompProfile', {}).get('type') not in (
                'RuntimeDefault', 'Localhost'):
            wrong.append('seccomp')
        if 'ALL' not in caps.get('drop', []) or \
                set(caps.get('add', [])) - {'NET_BIND_SERVICE'}:
            wrong.append('capabilities')
        if own.get('procMount', 'Default') != 'Default':
            wrong.append('proc')
        if any('hostPort' in p for p in c.get('ports', [])):
            wrong.append('host port')
    return wrong


def try_rules(pod):
    """Each rule notices what it is for."""
    def broken(want, change):
        p = copy.deepcopy(pod)
        change(p, p['containers'][0])
        check('rule "%s"' % want, restricted(p) == [want], restricted(p))
    broken('hostNetwork', lambda p, c: p.update(hostNetwork=True))
    broken('volume', lambda p, c: p['volumes'].append(
        {'name': 'x', 'hostPath': {'path': '/'}}))
    broken('sysctl', lambda p, c: p['securityContext']['sysctls'].append(
        {'name': 'net.ipv4.ip_forward', 'value': '1'}))
    broken('privileged', lambda p, c: c['securityContext'].update(
        privileged=True))
    broken('escalation', lambda p, c: c['securityContext'].pop(
        'allowPrivilegeEscalation'))
    broken('root', lambda p, c: p['securityContext'].pop('runAsNonRoot'))
    broken('uid 0', lambda p, c: c['securityContext'].update(runAsUser=0))
    broken('seccomp', lambda p, c: p['securityContext'].pop('seccompProfile'))
    broken('capabilities', lambda p, c: c['securityContext'][
        'capabilities'].update(add=['NET_ADMIN']))
    broken('capabilities', lambda p, c: c['securityContext'].pop(
        'capabilities'))
    broken('host port', lambda p, c: c['ports'][0].update(hostPort=51820))


def environment(what, env, key):
    """The daemon takes these variables, and all of them mean something."""
    env = {k: str(v) for k, v in env.items()}
    check(what + ': a key file', env.pop('WG_PRIVATE_KEY_FILE', '')
          .startswith('/run/secrets/'))
    env['WG_PRIVATE_KEY_FILE'] = key
    r = subprocess.run([DAEMON, '-n', '-e'], env=env, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(what + ': its environment', r.returncode == 0 and
          r.stdout == 'configuration OK\n', r.stdout)


def kubernetes(key):
    with open(os.path.join(FILES, 'kubernetes.yaml')) as f:
        docs = {(d['kind'], d['metadata']['name']): d
                for d in yaml.safe_load_all(f)}
    st = docs['StatefulSet', 'wgslirpd']['spec']
    pod = st['template']['spec']
    c = pod['containers'][0]
    check('kubernetes: restricted', restricted(pod) == [], restricted(pod))
    try_rules(pod)
    labels = st['template']['metadata']['labels']
    for name, d in docs.items():
        if 'selector' in d.get('spec', {}):
            sel = d['spec']['selector']
            check('%s: selector' % (name,),
                  sel.get('matchLabels', sel) == labels, sel)
    ports = {p['name']: p for p in c['ports']}
    for name in ('wgslirpd', 'wgslirpd-each'):
        for p in docs['Service', name]['spec']['ports']:
            check('service: a port that is there', p['targetPort'] in ports and
                  p.get('protocol', 'TCP') ==
                  ports[p['targetPort']].get('protocol', 'TCP'), p)
    check('kubernetes: the headless service',
          ('Service', st['serviceName']) in docs)
    mounts = {m['name'] for m in c['volumeMounts']}
    check('kubernetes: mounts', mounts == {v['name'] for v in pod['volumes']})
    check('kubernetes: nothing to write',
          c['securityContext']['readOnlyRootFilesystem'] is True)
    env = dict(docs['ConfigMap', 'wgslirpd']['data'], WG_GATEWAY_ID='2')
    check('kubernetes: gateway id', [e['name'] for e in c['env']] ==
          ['WG_GATEWAY_ID'])
    check('kubernetes: metrics', 'port %d\n' %
          ports['metrics']['containerPort'] in env['WG_CONF'])
    environment('kubernetes', env, key)
    commands = [c[k]['exec']['command'] for k in ('readinessProbe',
                                                 'livenessProbe')]
    commands.append(c['lifecycle']['preStop']['exec']['command'][2]
                    .split(';')[0].split())
    known_commands('kubernetes', commands)


def known_commands(what, commands):
    out = subprocess.run([CTL, '-h'], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT).stdout
    for c in commands:
        check('%s: %s' % (what, c), c[0] == 'wgslirpctl' and
              re.search(r'^\s*(wgslirpctl )?%s\b' % c[1], out, re.M), out)


def compose(key):
    with open(os.path.join(FILES, 'compose.yaml')) as f:
        d = yaml.safe_load(f)
    s = d['services']['wgslirpd']
    check('compose: limits', s['read_only'] and s['cap_drop'] == ['ALL'] and
          'no-new-privileges:true' in s['security_opt'] and
          'privileged' not in s and 'cap_add' not in s)
    check('compose: the build', os.path.exists(os.path.join(
        FILES, s['build']['context'], s['build']['dockerfile'])))
    check('compose: the key', s['environment']['WG_PRIVATE_KEY_FILE'] ==
          '/run/secrets/' + s['secrets'][0] and s['secrets'][0] in
          d['secrets'])
    env = {k: re.sub(r'\$\{.*\}', PUBLIC, str(v))
           for k, v in s['environment'].items()}
    environment('compose', env, key)


# of podman-systemd.unit(5)
QUADLET = {'Image', 'PublishPort', 'Secret', 'Environment', 'EnvironmentFile',
           'Sysctl', 'ReadOnly', 'ReadOnlyTmpfs', 'Tmpfs', 'DropCapability',
           'NoNewPrivileges', 'HealthCmd', 'HealthInterval'}


def quadlet(key):
    section, said = None, {}
    with open(os.path.join(FILES, 'wgslirpd.container')) as f:
        for line in f:
            line = line.strip()
            if line.startswith('['):
                section = line
            elif line and not line.startswith('#') and \
                    section == '[Container]':
                k, v = line.split('=', 1)
                said.setdefault(k, []).append(v)
    check('quadlet: keys', set(said) <= QUADLET, set(said) - QUADLET)
    check('quadlet: limits', said['ReadOnly'] == ['true'] and
          said['DropCapability'] == ['all'] and
          said['NoNewPrivileges'] == ['true'])
    target = re.search(r'target=([^,]*)', said['Secret'][0]).group(1)
    env = dict(e.split('=', 1) for e in said['Environment'])
    check('quadlet: the key', env['WG_PRIVATE_KEY_FILE'] == target)
    environment('quadlet', env, key)
    known_commands('quadlet', [said['HealthCmd'][0].split()])


def balanced(expr):
    """Every bracket of a PromQL expression has its other one."""
    stack = []
    for c in re.sub(r'"[^"]*"', '""', expr):
        if c in '([{':
            stack.append(')]}'['([{'.index(c)])
        elif c in ')]}' and (not stack or stack.pop() != c):
            return False
    return not stack


def prometheus(names):
    """What the rules and the dashboard ask for is what is served."""
    folder = os.path.join(TOP, 'etc/prometheus')
    with open(os.path.join(folder, 'alerts.yaml')) as f:
        rules = [r for g in yaml.safe_load(f)['groups'] for r in g['rules']]
    with open(os.path.join(folder, 'grafana.json')) as f:
        board = json.load(f)
    asked = [(r['alert'], r['expr']) for r in rules]
    asked += [(p['title'], t['expr']) for p in board['panels']
              for t in p['targets']]
    asked.append(('gateways', board['templating']['list'][1]['query'][
        'query']))
    for what, expr in asked:
        used = set(re.findall(r'\bwgslirpd_\w+', expr))
        check('prometheus: ' + what, used <= names and balanced(expr) and
              (used or 'up{' in expr), used - names, expr)
    check('rules: their names', len({r['alert'] for r in rules}) ==
          len(rules) and all('summary' in r['annotations'] and
                             'severity' in r['labels'] for r in rules))
    ids = [p['id'] for p in board['panels']]
    check('dashboard: numbers', len(set(ids)) == len(ids))
    cells = [(p['gridPos']['x'] + x, p['gridPos']['y'] + y)
             for p in board['panels'] for x in range(p['gridPos']['w'])
             for y in range(p['gridPos']['h'])]
    check('dashboard: places', len(set(cells)) == len(cells) and
          max(x for x, _ in cells) < 24)
    promtool = shutil.which('promtool')
    if promtool:
        r = subprocess.run([promtool, 'check', 'rules', os.path.join(
            folder, 'alerts.yaml')], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        check('promtool', r.returncode == 0, r.stdout)
    # of a counter only its rate means something, and of a rate only a counter
    for what, expr in asked:
        rated = set(re.findall(r'rate\((wgslirpd_\w+)', expr))
        check('prometheus: rates in ' + what, all(
            r.endswith('_total') for r in rated) and not [
                u for u in re.findall(r'\bwgslirpd_\w+_total', expr)
                if u not in rated and 'quota' not in expr], expr)


SCRIPT = '''
export WGSLIRPD_SOCKET=/tmp/wgslirpd.sock
app/wgslirpd -d -e 2>/tmp/log &
for i in 1 2 3 4 5 6 7 8 9 10; do
	app/wgslirpctl health 2>/dev/null && break
	sleep 0.2
done
echo "health $?"
if touch /x 2>/dev/null; then echo writable; fi
grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/$!/status
app/wgslirpctl -j show processes
app/wgslirpctl show metrics
app/wgslirpctl drain && ! app/wgslirpctl health 2>/dev/null
echo "drain $?"
app/wgslirpctl show >/dev/null
echo "show $?"
kill $!
wait $!
echo "end $?"
cat /tmp/log
'''


def limits(private):
    """Run it like that."""
    ns = ['unshare', '-mn'] if os.geteuid() == 0 else ['unshare', '-cmnU',
                                                      '--keep-caps']
    root = tempfile.mkdtemp(prefix='wgslirpd-deploy.')
    try:
        r = subprocess.run(
            ns + ['sh', os.path.join(HERE, 'limits.sh'), root, TOP,
                  'env', '-i', 'PATH=/usr/bin:/bin',
                  'WG_PRIVATE_KEY=' + private, 'WG_ADDRESS=10.77.0.1/24',
                  'WG_PEERS=0', 'WG_PEER_0_PUBLIC_KEY=' + PUBLIC,
                  'sh', '-c', SCRIPT], timeout=60, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out = r.stdout
    finally:
        shutil.rmtree(root, ignore_errors=True)
    for want in ('health 0', 'drain 0', 'show 0', 'end 0', 'NoNewPrivs:\t1',
                 'CapEff:\t0000000000000000', 'CapBnd:\t0000000000000000'):
        check('within the limits: ' + want, want in out.splitlines(), out)
    prometheus(set(re.findall(r'^(wgslirpd_\w+)[{ ]', out, re.M)))
    check('nothing to write', 'writable' not in out.splitlines())
    check('sandboxed all the same', out.count('"seccomp":1') == 4 or
          out.count('"seccomp":true') == 4 or
          len(re.findall(r'"seccomp": ?(1|true|"yes")', out)) == 4, out)


private = subprocess.run([CTL, 'genkey'], check=True, text=True,
                         stdout=subprocess.PIPE).stdout.strip()
PUBLIC = subprocess.run('%s genkey | %s pubkey' % (CTL, CTL), check=True,
                        text=True, shell=True,
                        stdout=subprocess.PIPE).stdout.strip()
fd, path = tempfile.mkstemp()
try:
    os.write(fd, private.encode())
    os.close(fd)
    kubernetes(path)
    compose(path)
    quadlet(path)
finally:
    os.unlink(path)
limits(private)
print('%d passed, %d failed' % (passed, failed))
sys.exit(failed > 0)
