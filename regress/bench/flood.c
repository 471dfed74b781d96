/* SPDX-License-Identifier: ISC */

/*
 * What anybody can send to a gateway, as fast as one core does.
 *
 * usage: flood KIND PORT GATEWAY-KEY SECONDS
 *
 * To PORT on loopback, from many ports.  KIND: noise (random bytes), short
 * (too short for their type), initiation (that look like some, with a wrong
 * mac1), signed (with the right one, for the gateway's public key), data (of
 * sessions that there are none of), mixed (all of it in turn).  Prints the
 * number sent.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "key.h"
#include "mono.h"
#include "crypto/wg/aead.h"

#define SOCKS	64
#define BATCH	64
#define MAXLEN	1400

static const char *const	 kinds[] = { "noise", "short", "initiation",
				    "signed", "data", "mixed" };
enum { NOISE, SHORT, INITIATION, SIGNED, DATA, MIXED, KINDS };

static uint8_t	 mac1_key[HASH_LEN];

/* One datagram of a kind; returns its length. */
static size_t
make(int kind, uint8_t *b)
{
	static const uint8_t	 sizes[] = { 0, 100, 148, 148, 0, 0 };
	size_t			 len = sizes[kind];

	if (kind == NOISE || kind == DATA)
		len = 64 + arc4random_uniform(MAXLEN - 64);
	arc4random_buf(b, len);
	if (kind == SHORT || kind == INITIATION || kind == SIGNED) {
		memset(b, 0, 4);
		b[0] = 1;
	} else if (kind == DATA) {
		memset(b, 0, 5);	/* and number 0 of a gateway */
		b[0] = 4;
	}
	if (kind == SIGNED && mac_blake2s(b + 116, mac1_key, HASH_LEN, b,
	    116) == -1)
		errx(1, "mac1");
	return (len);
}

int
main(int argc, char *argv[])
{
	static uint8_t		 buf[SOCKS][BATCH][MAXLEN];
	static struct mmsghdr	 m[SOCKS][BATCH];
	static struct iovec	 iov[SOCKS][BATCH];
	static const char	 label[] = "mac1----";
	struct sockaddr_in	 sin;
	uint8_t			 public[KEY_LEN];
	uint64_t		 sent = 0;
	mono_t			 end;
	int			 fd[SOCKS], i, k, kind, r;

	if (argc != 5 || key_from_base64(public, argv[3]) == -1 ||
	    aead_init() != NULL || hash_blake2s(mac1_key, label, 8, public,
	    KEY_LEN) == -1)
		errx(1, "usage: flood KIND PORT GATEWAY-KEY SECONDS");
	for (kind = 0; kind < KINDS && strcmp(kinds[kind], argv[1]) != 0;)
		kind++;
	if (kind == KINDS)
		errx(1, "%s: no such kind", argv[1]);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((uint16_t)atoi(argv[2]));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; i < SOCKS; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd[i] == -1 || connect(fd[i], (struct sockaddr *)&sin,
		    sizeof(sin)) == -1)
			err(1, "socket");
		for (k = 0; k < BATCH; k++) {
			iov[i][k].iov_base = buf[i][k];
			iov[i][k].iov_len = make(kind == MIXED ? k % MIXED :
			    kind, buf[i][k]);
			m[i][k].msg_hdr.msg_iov = &iov[i][k];
			m[i][k].msg_hdr.msg_iovlen = 1;
		}
	}
	end = mono_now() + MONO_SEC((uint64_t)atoi(argv[4]));
	for (i = 0; mono_now() < end; i = (i + 1) % SOCKS)
		if ((r = sendmmsg(fd[i], m[i], BATCH, 0)) > 0)
			sent += (uint64_t)r;
	printf("%llu\n", (unsigned long long)sent);
	return (0);
}
