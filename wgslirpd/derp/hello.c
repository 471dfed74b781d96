/* SPDX-License-Identifier: ISC */

/*
 * The beginning of a connection to a relay.  The boxes are crypto_box of NaCl
 * (X25519, XSalsa20, Poly1305), which libsodium has.  What the server writes
 * into its own is JSON, of which two numbers are wanted.
 */

#include <sys/types.h>

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "frame.h"
#include "hello.h"

_Static_assert(crypto_box_PUBLICKEYBYTES == KEY_LEN &&
    crypto_box_SECRETKEYBYTES == KEY_LEN, "keys of another size");

int
hello_public(uint8_t public[KEY_LEN], const uint8_t private[KEY_LEN])
{
	return (crypto_scalarmult_base(public, private));
}

/* "host:port", or "[address]:port"; without the port if it is implied. */
static void
put_host(const struct conf_relay *r, int always, char *buf, size_t len)
{
	int	 v6 = strchr(r->host, ':') != NULL;

	if (!always && r->port == (r->tls ? 443 : 80))
		snprintf(buf, len, "%s%s%s", v6 ? "[" : "", r->host,
		    v6 ? "]" : "");
	else
		snprintf(buf, len, "%s%s%s:%u", v6 ? "[" : "", r->host,
		    v6 ? "]" : "", r->port);
}

size_t
hello_connect(const struct conf_relay *r, char buf[HELLO_MAX])
{
	char	 host[HOST_NAME_LEN + 16];
	int	 n;

	put_host(r, 1, host, sizeof(host));
	n = snprintf(buf, HELLO_MAX, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n"
	    "%s%s%s\r\n", host, host, r->proxy_auth[0] != '\0' ?
	    "Proxy-Authorization: Basic " : "", r->proxy_auth,
	    r->proxy_auth[0] != '\0' ? "\r\n" : "");
	return ((size_t)n);
}

size_t
hello_upgrade(const struct conf_relay *r, char buf[HELLO_MAX])
{
	char	 host[HOST_NAME_LEN + 16];
	int	 n;

	put_host(r, 0, host, sizeof(host));
	n = snprintf(buf, HELLO_MAX, "GET %s HTTP/1.1\r\nHost: %s\r\n"
	    "Upgrade: DERP\r\nConnection: Upgrade\r\n"
	    "User-Agent: wgslirpd\r\n\r\n", r->path, host);
	return ((size_t)n);
}

int
hello_head(const uint8_t *p, size_t n, int *status)
{
	static const char	 version[] = "HTTP/1.";
	const uint8_t		*end;
	size_t			 i;

	for (i = 0; i < sizeof(version) - 1 && i < n; i++)
		if (p[i] != (uint8_t)version[i])
			return (-1);
	end = memmem(p, n < HEAD_MAX ? n : HEAD_MAX, "\r\n\r\n", 4);
	if (end == NULL)
		return (n >= HEAD_MAX ? -1 : 0);
	/* "HTTP/1.1 101 ..." */
	if (end - p < 12 || p[8] != ' ' || !isdigit(p[9]) ||
	    !isdigit(p[10]) || !isdigit(p[11]))
		return (-1);
	*status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + p[11] - '0';
	return ((int)(end - p) + 4);
}

int
hello_has(const uint8_t *head, size_t n, const char *name, const char *word)
{
	const char	*p = (const char *)head, *end = p + n, *eol, *v;
	size_t		 nlen = strlen(name), wlen = strlen(word);

	while (p < end && (eol = memchr(p, '\n', (size_t)(end - p))) !=
	    NULL) {
		if ((size_t)(eol - p) > nlen && p[nlen] == ':' &&
		    strncasecmp(p, name, nlen) == 0)
			for (v = p + nlen + 1; v + wlen <= eol; v++)
				if (strncasecmp(v, word, wlen) == 0)
					return (1);
		p = eol + 1;
	}
	return (0);
}

size_t
hello_client(const uint8_t private[KEY_LEN], const uint8_t server[KEY_LEN],
    uint8_t out[INFO_MAX])
{
	static const char	 json[] = "{\"version\":2,"
				    "\"CanAckPings\":true}";
	uint8_t			*nonce = out + KEY_LEN;
	uint8_t			*box = nonce + crypto_box_NONCEBYTES;

	if (hello_public(out, private) == -1)
		return (0);
	randombytes_buf(nonce, crypto_box_NONCEBYTES);
	if (crypto_box_easy(box, (const uint8_t *)json, sizeof(json) - 1,
	    nonce, server, private) == -1)
		return (0);
	return (KEY_LEN + crypto_box_NONCEBYTES + crypto_box_MACBYTES +
	    sizeof(json) - 1);
}

/* The number that a name has in an object, or 0: no such number. */
static uint64_t
json_number(const char *s, const char *name)
{
	char		 quoted[64];
	const char	*p;
	uint64_t	 v = 0;

	snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	if ((p = strstr(s, quoted)) == NULL)
		return (0);
	p += strlen(quoted);
	while (*p == ' ' || *p == ':')
		p++;
	for (; isdigit((unsigned char)*p); p++) {
		if (v > UINT64_MAX / 16)
			return (0);
		v = v * 10 + (uint64_t)(*p - '0');
	}
	return (v);
}

int
hello_server(const uint8_t private[KEY_LEN], const uint8_t server[KEY_LEN],
    const uint8_t *p, size_t n, struct server_info *info)
{
	static char	 json[FRAME_INFO_MAX + 1];
	size_t		 len;

	memset(info, 0, sizeof(*info));
	if (n < crypto_box_NONCEBYTES + crypto_box_MACBYTES ||
	    n > FRAME_INFO_MAX)
		return (-1);
	len = n - crypto_box_NONCEBYTES - crypto_box_MACBYTES;
	if (crypto_box_open_easy((uint8_t *)json, p + crypto_box_NONCEBYTES,
	    n - crypto_box_NONCEBYTES, p, server, private) == -1)
		return (-1);
	json[len] = '\0';
	info->rate = json_number(json, "TokenBucketBytesPerSecond");
	info->burst = json_number(json, "TokenBucketBytesBurst");
	return (0);
}
