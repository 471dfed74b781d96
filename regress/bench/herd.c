/* SPDX-License-Identifier: ISC */

/*
 * Many clients that come back at once, as after a restart of the gateway.
 *
 * usage: herd keys COUNT SEED
 *	  herd run COUNT SEED PORT GATEWAY-KEY SECONDS
 *
 * keys prints the clients' public keys, which follow from the seed.  run has
 * each send an initiation to PORT on loopback, each from an address of its own
 * (127.x.y.z), and try again as the protocol has it: after 5 s and a little,
 * with a cookie if one came.  Prints how many had a session in the end, and
 * the seconds until half, 99 % and the last of them had one.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "key.h"
#include "mono.h"
#include "crypto/wg/cookie.h"
#include "crypto/wg/noise.h"

#define RETRY		MONO_SEC(5)
#define JITTER		334		/* milliseconds */
#define BURST		16		/* sent between two looks */

struct client {
	struct noise_local	 local;
	struct noise_remote	 remote;
	struct cookie_maker	 cookie;
	struct wg_initiation	 m;
	mono_t			 next;		/* to send; 0: it has one */
};

static struct client	*clients;
static int		 count, fd;
static struct sockaddr_in	 gateway;

static void
private_key(uint8_t key[KEY_LEN], const char *seed, int i)
{
	if (hash_blake2s(key, seed, strlen(seed), &i, sizeof(i)) == -1)
		errx(1, "key");
	key[0] &= 248;
	key[31] = (key[31] & 127) | 64;
}

static void
make(struct client *c, int i)
{
	uint8_t		 e[DH_LEN], t[NOISE_TAI64N_LEN];
	struct timespec	 ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	noise_tai64n(t, (uint64_t)ts.tv_sec, (uint32_t)ts.tv_nsec);
	arc4random_buf(e, sizeof(e));
	if (noise_create_initiation(&c->local, &c->remote, t, e, (uint32_t)i,
	    &c->m) == -1 || cookie_sign(&c->cookie, &c->m, sizeof(c->m),
	    mono_now()) == -1)
		errx(1, "initiation");
}

static void
send_from(int i)
{
	_Alignas(struct cmsghdr) uint8_t	 control[64];
	struct in_pktinfo			 pi;
	struct msghdr				 m;
	struct cmsghdr				*c;
	struct iovec				 iov;

	memset(&m, 0, sizeof(m));
	memset(&pi, 0, sizeof(pi));
	memset(control, 0, sizeof(control));
	pi.ipi_spec_dst.s_addr = htonl(0x7f010000 + (uint32_t)i);
	iov.iov_base = &clients[i].m;
	iov.iov_len = sizeof(clients[i].m);
	m.msg_name = &gateway;
	m.msg_namelen = sizeof(gateway);
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	m.msg_control = control;
	m.msg_controllen = CMSG_SPACE(sizeof(pi));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(pi));
	memcpy(CMSG_DATA(c), &pi, sizeof(pi));
	if (sendmsg(fd, &m, 0) == -1)
		err(1, "send");
}

/* Whatever came.  Returns how many more have a session. */
static int
answers(void)
{
	struct wg_response	 r;
	struct wg_cookie	 ck;
	struct client		*c;
	uint8_t			 b[2048];
	uint32_t		 i;
	ssize_t			 n;
	int			 done = 0;

	while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0) {
		if (n == WG_RESPONSE_LEN) {
			memcpy(&r, b, sizeof(r));
			if ((i = r.receiver) >= (uint32_t)count)
				continue;
			c = &clients[i];
			if (c->next == 0 || noise_consume_response(&c->local,
			    &c->remote, &r) == -1)
				continue;
			c->next = 0;
			done++;
		} else if (n == WG_COOKIE_LEN) {
			memcpy(&ck, b, sizeof(ck));
			if (ck.receiver < (uint32_t)count)
				(void)cookie_consume(&clients[ck.receiver].
				    cookie, &ck, mono_now());
		}
	}
	return (done);
}

static void
run(mono_t limit)
{
	struct pollfd	 pfd = { fd, POLLIN, 0 };
	mono_t		 begin = mono_now(), now, half = 0, most = 0, last = 0;
	int		 i, done = 0, sent, new;

	for (i = 0; i < count; i++)
		clients[i].next = begin;
	while (done < count && (now = mono_now()) - begin < limit) {
		for (i = sent = 0; i < count; i++) {
			if (clients[i].next == 0 || clients[i].next > now)
				continue;
			if (now - begin >= RETRY)
				make(&clients[i], i);
			send_from(i);
			clients[i].next = mono_now() + RETRY +
			    MONO_MS(arc4random_uniform(JITTER));
			if (++sent == BURST)
				break;
		}
		if (sent == 0)
			(void)poll(&pfd, 1, 1);
		if ((new = answers()) == 0)
			continue;
		done += new;
		last = mono_now() - begin;
		if (half == 0 && done >= count / 2)
			half = last;
		if (most == 0 && done >= count - count / 100)
			most = last;
	}
	printf("%d %.3f %.3f %.3f\n", done, (double)half / 1e9,
	    (double)most / 1e9, (double)last / 1e9);
}

int
main(int argc, char *argv[])
{
	static const uint8_t	 psk[KEY_LEN];
	struct sockaddr_in	 any;
	struct noise_local	 l;
	uint8_t			 key[KEY_LEN], public[KEY_LEN];
	char			 text[KEY_B64LEN];
	int			 i, size = 8 << 20;

	if (argc < 4 || aead_init() != NULL || (count = atoi(argv[2])) < 1 ||
	    count > 65000)
		errx(1, "usage: herd keys|run COUNT SEED ...");
	if (strcmp(argv[1], "keys") == 0) {
		for (i = 0; i < count; i++) {
			memset(&l, 0, sizeof(l));
			private_key(key, argv[3], i);
			if (noise_local_init(&l, key) == -1)
				errx(1, "key");
			key_to_base64(text, l.public);
			puts(text);
			noise_local_clear(&l);
		}
		return (0);
	}
	if (argc != 7 || key_from_base64(public, argv[5]) == -1 ||
	    (clients = calloc((size_t)count, sizeof(*clients))) == NULL)
		errx(1, "usage: herd run COUNT SEED PORT KEY SECONDS");
	memset(&any, 0, sizeof(any));
	any.sin_family = AF_INET;
	gateway = any;
	gateway.sin_port = htons((uint16_t)atoi(argv[4]));
	gateway.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_DGRAM, 0)) == -1 || bind(fd,
	    (struct sockaddr *)&any, sizeof(any)) == -1)
		err(1, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size));
	for (i = 0; i < count; i++) {
		private_key(key, argv[3], i);
		if (noise_local_init(&clients[i].local, key) == -1 ||
		    noise_remote_init(&clients[i].local, &clients[i].remote,
		    public, psk) == -1 || cookie_maker_init(
		    &clients[i].cookie, public) == -1)
			errx(1, "client");
		make(&clients[i], i);
	}
	run(MONO_SEC((uint64_t)atoi(argv[6])));
	return (0);
}
