/* SPDX-License-Identifier: ISC */

/*
 * Check test vectors from standard input, a line each, "-" for nothing:
 *
 *	dh private public shared valid
 *	xaead key nonce aad plaintext ciphertext+tag valid
 *	aead key nonce plaintext ciphertext+tag valid
 *
 * regress/unit/wycheproof.py makes them of the Wycheproof project's files.
 */

#include <sys/types.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/wg/aead.h"

#define MAX_FIELD	8192

static uint8_t	 field[6][MAX_FIELD];
static size_t	 len[6];

static int
parse(char *line)
{
	char	*s;
	int	 i, n = 0;

	for (s = strtok(line, " \n"); s != NULL && n < 6;
	    s = strtok(NULL, " \n"), n++) {
		len[n] = 0;
		if (strcmp(s, "-") == 0)
			continue;
		if (strlen(s) / 2 > MAX_FIELD)
			return (-1);
		for (i = 0; s[i] != '\0' && s[i + 1] != '\0'; i += 2)
			if (sscanf(s + i, "%2hhx", &field[n][len[n]++]) != 1)
				return (-1);
	}
	return (n);
}

/* Returns whether the result is what the vector says. */
static int
check_dh(int valid)
{
	struct dh_key	*k;
	uint8_t		 out[32];
	int		 r;

	if ((k = dh_new(field[0])) == NULL)
		return (0);
	r = dh_derive(k, field[1], out);
	dh_free(k);
	return (valid ? r == 0 && memcmp(out, field[2], 32) == 0 : r == -1);
}

static int
check_xaead(int valid)
{
	uint8_t	 out[MAX_FIELD + 16];
	int	 r;

	r = xaead_open(field[0], field[1], field[2], len[2], field[4], len[4],
	    out);
	if (!valid)
		return (r == -1);
	if (r == -1 || memcmp(out, field[3], len[3]) != 0)
		return (0);
	return (xaead_seal(field[0], field[1], field[2], len[2], field[3],
	    len[3], out) == 0 && memcmp(out, field[4], len[4]) == 0);
}

static int
check_aead(int valid, int direct)
{
	struct aead_key	*o, *s;
	uint64_t	 counter;
	uint8_t		 out[MAX_FIELD + 16];
	int		 ok;

	memcpy(&counter, field[1] + 4, 8);
	counter = le64toh(counter);
	aead_direct(direct);
	o = aead_key_open(field[0]);
	s = aead_key_seal(field[0]);
	if (o == NULL || s == NULL)
		abort();
	ok = aead_open(o, counter, field[3], len[3], out) == 0 &&
	    memcmp(out, field[2], len[2]) == 0 && aead_seal(s, counter,
	    field[2], len[2], len[2], out) == 0 &&
	    memcmp(out, field[3], len[3]) == 0;
	aead_key_free(o);
	aead_key_free(s);
	return (ok == valid);
}

int
main(void)
{
	static char	 line[8 * MAX_FIELD];
	char		 kind[8], copy[64];
	int		 off, n, ok, bad = 0, good = 0;

	if (aead_init() != NULL)
		return (1);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		strlcpy(copy, line, sizeof(copy));
		if (sscanf(line, "%7s %n", kind, &off) != 1)
			return (1);
		if ((n = parse(line + off)) < 4)
			return (1);
		ok = strcmp(kind, "dh") == 0 ? check_dh(field[3][0]) :
		    strcmp(kind, "xaead") == 0 ? check_xaead(field[5][0]) :
		    check_aead(field[4][0], 1) &&
		    check_aead(field[4][0], 0);
		if (ok)
			good++;
		else {
			bad++;
			printf("FAIL vectors: %s...\n", copy);
		}
	}
	printf("%d passed, %d failed\n", good, bad);
	return (bad != 0);
}
