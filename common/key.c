/* SPDX-License-Identifier: ISC */

/*
 * Keys as text: 44 characters of base64, as wg(8) writes them, or 64 of
 * hexadecimal.  The conversions use no table and no branch that depends
 * on the key.
 */

#include <sys/types.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "key.h"

/* All ones if lo <= c <= hi, else 0; for values below 2^15. */
static int
ct_range(int c, int lo, int hi)
{
	return (~(((c - lo) | (hi - c)) >> 15));
}

static int
b64_value(int c)
{
	int	 v = -1;

	v += ct_range(c, 'A', 'Z') & (c - 'A' + 1);
	v += ct_range(c, 'a', 'z') & (c - 'a' + 27);
	v += ct_range(c, '0', '9') & (c - '0' + 53);
	v += ct_range(c, '+', '+') & 63;
	v += ct_range(c, '/', '/') & 64;
	return (v);
}

static int
hex_value(int c)
{
	int	 v = -1;

	v += ct_range(c, '0', '9') & (c - '0' + 1);
	v += ct_range(c, 'a', 'f') & (c - 'a' + 11);
	v += ct_range(c, 'A', 'F') & (c - 'A' + 11);
	return (v);
}

static char
b64_char(int v)
{
	int	 c = 0;

	c += ct_range(v, 0, 25) & ('A' + v);
	c += ct_range(v, 26, 51) & ('a' + v - 26);
	c += ct_range(v, 52, 61) & ('0' + v - 52);
	c += ct_range(v, 62, 62) & '+';
	c += ct_range(v, 63, 63) & '/';
	return ((char)c);
}

/* Returns 0, or -1 unless s is the canonical base64 of 32 bytes. */
int
key_from_base64(uint8_t key[KEY_LEN], const char *s)
{
	int	 i, j, v[4], bad = 0;

	if (strlen(s) != KEY_B64LEN - 1 || s[KEY_B64LEN - 2] != '=')
		return (-1);
	for (i = 0; i < 11; i++) {
		for (j = 0; j < 4; j++) {
			if (i == 10 && j == 3)
				v[j] = 0;
			else
				v[j] = b64_value((unsigned char)s[i * 4 + j]);
			bad |= v[j];
		}
		key[i * 3] = (uint8_t)((v[0] & 63) << 2 | (v[1] & 63) >> 4);
		key[i * 3 + 1] = (uint8_t)((v[1] & 15) << 4 | (v[2] & 63) >> 2);
		if (i < 10)
			key[i * 3 + 2] = (uint8_t)((v[2] & 3) << 6 |
			    (v[3] & 63));
		else
			bad |= -(v[2] & 3);	/* unused bits */
	}
	if (bad < 0) {
		explicit_bzero(key, KEY_LEN);
		return (-1);
	}
	return (0);
}

/* Base64 or hexadecimal.  Returns 0, or -1 if it is neither. */
int
key_from_text(uint8_t key[KEY_LEN], const char *s)
{
	int	 i, hi, lo, bad = 0;

	if (strlen(s) != KEY_LEN * 2)
		return (key_from_base64(key, s));
	for (i = 0; i < KEY_LEN; i++) {
		hi = hex_value((unsigned char)s[i * 2]);
		lo = hex_value((unsigned char)s[i * 2 + 1]);
		bad |= hi | lo;
		key[i] = (hi & 15) << 4 | (lo & 15);
	}
	if (bad < 0) {
		explicit_bzero(key, KEY_LEN);
		return (-1);
	}
	return (0);
}

void
key_to_base64(char s[KEY_B64LEN], const uint8_t key[KEY_LEN])
{
	uint32_t	 w;
	int		 i;

	for (i = 0; i < 11; i++) {
		w = (uint32_t)key[i * 3] << 16 | key[i * 3 + 1] << 8;
		if (i < 10)
			w |= key[i * 3 + 2];
		s[i * 4] = b64_char(w >> 18 & 63);
		s[i * 4 + 1] = b64_char(w >> 12 & 63);
		s[i * 4 + 2] = b64_char(w >> 6 & 63);
		s[i * 4 + 3] = b64_char(w & 63);
	}
	s[KEY_B64LEN - 2] = '=';
	s[KEY_B64LEN - 1] = '\0';
}

/*
 * The key behind a word: hexadecimal, and nothing after it.  Returns 0, or -1
 * if that is not what s is.
 */
int
key_from_node(uint8_t key[KEY_LEN], const char *word, const char *s)
{
	size_t	 n = strlen(word);

	if (strncmp(s, word, n) != 0 || strlen(s + n) != KEY_LEN * 2)
		return (-1);
	return (key_from_text(key, s + n));
}

void
key_to_node(char s[NODE_STRLEN], const char *word,
    const uint8_t key[KEY_LEN])
{
	size_t	 n = strlen(word);
	int	 i, v;

	memcpy(s, word, n);
	for (i = 0; i < 2 * KEY_LEN; i++) {
		v = key[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
		s[n++] = (char)(v + (ct_range(v, 0, 9) & '0') +
		    (ct_range(v, 10, 15) & ('a' - 10)));
	}
	s[n] = '\0';
}

int
key_is_zero(const uint8_t key[KEY_LEN])
{
	int	 i, acc = 0;

	for (i = 0; i < KEY_LEN; i++)
		acc |= key[i];
	return (acc == 0);
}

/*
 * Read the text of an open file, without white space behind it; only its owner
 * may be able to read it.  Returns 0, or -1 with a reason.
 */
static int
read_text(int fd, int shared, char *buf, size_t len, const char **reason)
{
	struct stat	 st;
	ssize_t		 n;

	if (fstat(fd, &st) == -1) {
		*reason = strerror(errno);
		return (-1);
	}
	if (!S_ISREG(st.st_mode)) {
		*reason = "not a regular file";
		return (-1);
	}
	if (!shared && st.st_mode & (S_IRWXG | S_IRWXO)) {
		*reason = "is accessible to group or others";
		return (-1);
	}
	if (!shared && st.st_uid != geteuid() && st.st_uid != 0) {
		*reason = "has the wrong owner";
		return (-1);
	}
	n = read(fd, buf, len - 1);
	if (n <= 0) {
		*reason = n == -1 ? strerror(errno) : "is empty";
		return (-1);
	}
	while (n > 0 && isspace((unsigned char)buf[n - 1]))
		n--;
	buf[n] = '\0';
	return (0);
}

/*
 * Read a key from an open file, which only its owner may be able to
 * read.  Returns 0, or -1 with a reason that never shows the content.
 */
int
key_read_file(uint8_t key[KEY_LEN], int fd, int shared, const char **reason)
{
	char	 buf[KEY_LEN * 2 + 8];
	int	 r;

	if (read_text(fd, shared, buf, sizeof(buf), reason) == -1)
		return (-1);
	r = key_from_text(key, buf);
	explicit_bzero(buf, sizeof(buf));
	if (r == -1)
		*reason = "does not hold a key";
	return (r);
}

/* The same of a private key for DERP relays. */
int
key_read_node(uint8_t key[KEY_LEN], int fd, const char **reason)
{
	char	 buf[NODE_STRLEN + 8];
	int	 r;

	if (read_text(fd, 0, buf, sizeof(buf), reason) == -1)
		return (-1);
	r = key_from_node(key, NODE_PRIVATE, buf);
	explicit_bzero(buf, sizeof(buf));
	if (r == -1)
		*reason = "does not hold \"" NODE_PRIVATE "\" and a key";
	return (r);
}
