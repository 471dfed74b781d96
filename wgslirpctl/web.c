/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <err.h>
#include <readpassphrase.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "web.h"

#define PASSWORD_MIN	8
#define PASSWORD_LEN	256

void
web_password(void)
{
	char	 a[PASSWORD_LEN], b[PASSWORD_LEN];
	char	 hash[crypto_pwhash_STRBYTES];

	if (sodium_init() == -1)
		errx(1, "libsodium");
	/* twice at a terminal, else once from a pipe */
	if (readpassphrase("password: ", a, sizeof(a), RPP_STDIN |
	    RPP_ECHO_OFF) == NULL)
		err(1, "the password cannot be read");
	if (strlen(a) < PASSWORD_MIN)
		errx(1, "a password has %d characters at least",
		    PASSWORD_MIN);
	if (strlen(a) >= PASSWORD_LEN - 1)
		errx(1, "a password has %d characters at most",
		    PASSWORD_LEN - 2);
	if (isatty(STDIN_FILENO) && (readpassphrase("again: ", b, sizeof(b),
	    RPP_ECHO_OFF) == NULL || strcmp(a, b) != 0))
		errx(1, "that is another one");
	if (crypto_pwhash_str(hash, a, strlen(a),
	    crypto_pwhash_OPSLIMIT_INTERACTIVE,
	    crypto_pwhash_MEMLIMIT_INTERACTIVE) == -1)
		errx(1, "out of memory");
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	printf("%s\n", hash);
}
