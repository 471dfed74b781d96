/* SPDX-License-Identifier: ISC */

/* Keys on standard output and input, in the format of wg(8). */

#include <sys/types.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keypair.h"
#include "keys.h"

static void
print_key(uint8_t key[KEY_LEN])
{
	char	 text[KEY_B64LEN];

	key_to_base64(text, key);
	explicit_bzero(key, KEY_LEN);
	if (puts(text) == EOF || fflush(stdout) == EOF)
		err(1, "standard output");
	explicit_bzero(text, sizeof(text));
}

static void
derive(uint8_t public[KEY_LEN], const uint8_t private[KEY_LEN])
{
	if (key_derive(public, private) == -1)
		errx(1, "X25519 is not available");
}

void
key_generate(int psk)
{
	uint8_t	 key[KEY_LEN];

	key_make(key, psk);
	print_key(key);
}

/* A new private key for DERP relays, in a new file. */
static void
node_make(const char *file)
{
	char	 text[NODE_STRLEN + 1];
	uint8_t	 key[KEY_LEN];
	size_t	 n;
	int	 fd;

	if ((fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600)) == -1) {
		if (errno == EEXIST)
			return;		/* a daemon was faster */
		err(1, "%s", file);
	}
	key_make(key, 0);
	key_to_node(text, NODE_PRIVATE, key);
	explicit_bzero(key, sizeof(key));
	strlcat(text, "\n", sizeof(text));
	n = strlen(text);
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) == -1 ||
	    close(fd) == -1)
		err(1, "%s", file);
	explicit_bzero(text, sizeof(text));
}

/*
 * The name at DERP relays of whoever has the key in a file, which is made if
 * there is none.
 */
int
key_node(const char *file)
{
	const char	*reason;
	char		 text[NODE_STRLEN];
	uint8_t		 key[KEY_LEN], public[KEY_LEN];
	int		 fd;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT) {
		node_make(file);
		fd = open(file, O_RDONLY | O_CLOEXEC);
	}
	if (fd == -1)
		err(1, "%s", file);
	if (key_read_node(key, fd, &reason) == -1)
		errx(1, "%s %s", file, reason);
	close(fd);
	derive(public, key);
	explicit_bzero(key, sizeof(key));
	key_to_node(text, NODE_PUBLIC, public);
	if (puts(text) == EOF || fflush(stdout) == EOF)
		err(1, "standard output");
	return (0);
}

/* The public key of the private key on standard input. */
int
key_public(void)
{
	uint8_t		 key[KEY_LEN], public[KEY_LEN];
	char		 buf[KEY_LEN * 2 + 16];
	size_t		 len = 0;
	ssize_t		 n;

	while (len < sizeof(buf) - 1 && (n = read(STDIN_FILENO, buf + len,
	    sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	while (len > 0 && isspace((unsigned char)buf[len - 1]))
		len--;
	buf[len] = '\0';
	if (key_from_base64(key, buf) == -1) {
		explicit_bzero(buf, sizeof(buf));
		warnx("standard input does not hold a key");
		return (1);
	}
	explicit_bzero(buf, sizeof(buf));
	derive(public, key);
	explicit_bzero(key, sizeof(key));
	print_key(public);
	return (0);
}
