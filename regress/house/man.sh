#!/bin/sh
# SPDX-License-Identifier: ISC
#
# mandoc's opinion of the pages.
cd "$(dirname "$0")/../.." || exit 1
said=$(mandoc -Tlint -W style man/*.[1-9] 2>/dev/null |
    grep -v "referenced manual not found")
if [ -n "$said" ]; then
	echo "$said"
	echo "0 passed, 1 failed"
	exit 1
fi
echo "1 passed, 0 failed"
