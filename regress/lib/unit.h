/* SPDX-License-Identifier: ISC */

#ifndef UNIT_H
#define UNIT_H

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Bytes of a hexadecimal string; returns how many. */
static inline size_t
unhex(const char *s, uint8_t *out)
{
	size_t	 n = 0;
	char	 b[3] = "";

	for (; s[0] != '\0' && s[1] != '\0'; s += 2) {
		b[0] = s[0];
		b[1] = s[1];
		out[n++] = (uint8_t)strtoul(b, NULL, 16);
	}
	return (n);
}

#define RUN(tests)	cmocka_run_group_tests(tests, NULL, NULL)

#endif
