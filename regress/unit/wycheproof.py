# SPDX-License-Identifier: ISC
"""Vectors of the Wycheproof project as lines for vectors.t.

usage: wycheproof.py DIR | vectors.t
DIR has chacha20_poly1305_test.json, xchacha20_poly1305_test.json and
x25519_test.json.  The files are not part of this project.
"""

import json
import os
import sys


def tests(name):
    with open(os.path.join(sys.argv[1], name + '_test.json')) as f:
        for g in json.load(f)['testGroups']:
            for t in g['tests']:
                yield g, t


def line(*fields):
    print(' '.join(f if f else '-' for f in fields))


for g, t in tests('x25519'):
    # a shared secret of zeros is not one for WireGuard
    ok = t['shared'] != '00' * 32
    line('dh', t['private'], t['public'], t['shared'], '%02x' % ok)
for g, t in tests('xchacha20_poly1305'):
    if g['ivSize'] == 192:
        line('xaead', t['key'], t['iv'], t['aad'], t['msg'],
             t['ct'] + t['tag'], '%02x' % (t['result'] == 'valid'))
for g, t in tests('chacha20_poly1305'):
    # what a transport message can have: no additional data, and a nonce
    # that begins with four zeros
    if g['ivSize'] == 96 and t['aad'] == '' and t['iv'][:8] == '0' * 8:
        line('aead', t['key'], t['iv'], t['msg'], t['ct'] + t['tag'],
             '%02x' % (t['result'] == 'valid'))
