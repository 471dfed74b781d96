/* SPDX-License-Identifier: ISC */

/*
 * A WireGuard peer in one ordinary process: no interface, no privilege.  The
 * protocol is the daemon's own modules, the TCP/IP stack is lwIP, which has
 * nothing to do with the daemon's.
 *
 * usage: guest serve KEY-FILE PEER-KEY PORT OWN-ADDRESS
 *	  guest get KEY-FILE PEER-KEY PORT OWN-ADDRESS ADDRESS BYTES
 *
 * The peer is reached at PORT of 127.0.0.1; everything is routed to it.  serve
 * answers HTTP at port 80 until it is killed: "GET /N" has N bytes.  get asks
 * for so many, and prints how many came, whether they are right, and how many
 * milliseconds that took, handshake and all; exit status 0 if they are.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <lwip/api.h>
#include <lwip/netif.h>
#include <lwip/tcpip.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "key.h"
#include "mono.h"
#include "crypto/wg/aead.h"
#include "crypto/wg/allowedips.h"
#include "crypto/wg/device.h"
#include "crypto/wg/output.h"

#define MTU	1280
#define QUEUE	(1 << 20)	/* bytes between the stack and the tunnel */
#define TRIES	20

static struct wg_device	*dev;
static struct wg_peer	*peer;
static int		 udp;
static int		 pair[2];	/* the stack's end, the tunnel's */
static struct netif	 nif;
static uint8_t		 rx[2048], tx[2048];
static struct wg_endpoint	 tx_to;

/* ---- the tunnel: all of it in the main thread */

static uint8_t *
rx_buf(void *arg, size_t len)
{
	(void)arg;
	return (len <= sizeof(rx) ? rx : NULL);
}

/*
 * An inner packet: to the stack, in a buffer of its own.  Not from its pool,
 * whose buffers are too small in Debian's 2.1.3.
 */
static void
rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct pbuf	*b;

	(void)arg;
	(void)p;
	(void)now;
	if ((b = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM)) == NULL)
		return;
	pbuf_take(b, rx, (u16_t)len);
	if (nif.input(b, &nif) != ERR_OK)
		pbuf_free(b);
}

static uint8_t *
tx_buf(void *arg, const struct wg_endpoint *to, size_t len, int ecn)
{
	(void)arg;
	(void)ecn;
	tx_to = *to;
	return (len <= sizeof(tx) ? tx : NULL);
}

static void
tx_done(void *arg, size_t len)
{
	(void)arg;
	(void)sendto(udp, tx, len, MSG_DONTWAIT, &tx_to.remote.sa,
	    sizeof(tx_to.remote.sin));
}

static void
wall(void *arg, struct timespec *ts)
{
	(void)arg;
	clock_gettime(CLOCK_REALTIME, ts);
}

static void
random_bytes(void *arg, void *buf, size_t len)
{
	(void)arg;
	arc4random_buf(buf, len);
}

static const struct wg_ops	 ops = {
	.rx_buf = rx_buf,
	.rx_done = rx_done,
	.tx_buf = tx_buf,
	.tx_done = tx_done,
	.wall = wall,
	.random = random_bytes
};

static void
tunnel_init(const char *file, const char *public, const char *port)
{
	static const struct ipprefix	 all = { .addr = { .af = 4 } };
	struct sockaddr_storage		 ss;
	struct ipaddr			 lo = { .af = 4, .a = { 127, 0, 0, 1 } };
	const char			*reason;
	uint8_t				 key[KEY_LEN], pub[KEY_LEN];
	int				 fd;

	if ((fd = open(file, O_RDONLY)) == -1)
		err(1, "%s", file);
	if (key_read_file(key, fd, 0, &reason) == -1)
		errx(1, "%s %s", file, reason);
	close(fd);
	if (key_from_base64(pub, public) == -1)
		errx(1, "not a key");
	if (aead_init() != NULL ||
	    (dev = wg_device_new(&ops, NULL, mono_now())) == NULL ||
	    wg_device_set_key(dev, key) == -1 ||
	    (peer = wg_peer_add(dev, 0, pub, NULL)) == NULL)
		errx(1, "cannot make the tunnel");
	dev->mtu = MTU;
	if (aip_insert(&dev->aips, &all, peer, &peer->aips) == -1)
		err(1, NULL);
	sa_make(&ss, &lo, (uint16_t)atoi(port));
	wg_peer_set_endpoint(peer, (struct sockaddr *)&ss);
	if ((udp = socket(AF_INET, SOCK_DGRAM, 0)) == -1)
		err(1, "socket");
	/* who is there is told where this one is */
	wg_peer_keepalive(dev, peer, 5, mono_now());
	wg_peer_poke(dev, peer, mono_now());
}

static void
from_udp(void)
{
	struct wg_endpoint	 from;
	uint8_t			 buf[4096];
	socklen_t		 len = sizeof(from.remote.sin);
	ssize_t			 n;
	int			 i;

	for (i = 0; i < 64; i++) {
		memset(&from, 0, sizeof(from));
		from.sock = WG_ANY_SOCK;
		len = sizeof(from.remote.sin);
		n = recvfrom(udp, buf, sizeof(buf), MSG_DONTWAIT,
		    &from.remote.sa, &len);
		if (n == -1)
			break;
		wg_input(dev, buf, (size_t)n, &from, 0, mono_now());
	}
	while (wg_run_handshakes(dev, 8, mono_now()) > 0)
		continue;
}

static void
from_stack(void)
{
	uint8_t	 buf[2048];
	ssize_t	 n;
	int	 i;

	for (i = 0; i < 64 && (n = recv(pair[1], buf, sizeof(buf),
	    MSG_DONTWAIT)) > 0; i++)
		(void)wg_output(dev, peer, buf, (size_t)n, 0, mono_now());
}

static void __attribute__((__noreturn__))
tunnel_run(void)
{
	struct pollfd	 pfd[2] = { { 0, POLLIN, 0 }, { 0, POLLIN, 0 } };
	mono_t		 next, now;
	int		 ms;

	pfd[0].fd = udp;
	pfd[1].fd = pair[1];
	for (;;) {
		next = wheel_next(&dev->wheel);
		now = mono_now();
		ms = next == 0 ? 1000 : next <= now ? 0 :
		    (int)MONO_TO_MS(next - now) + 1;
		if (poll(pfd, 2, ms) == -1 && errno != EINTR)
			err(1, "poll");
		from_udp();
		from_stack();
		wheel_run(&dev->wheel, mono_now());
	}
}

/* ---- the stack: in its own thread, and the program in another one */

static err_t
nif_output(struct netif *n, struct pbuf *b, const ip4_addr_t *to)
{
	uint8_t	 buf[2048];
	u16_t	 len = pbuf_copy_partial(b, buf, sizeof(buf), 0);

	(void)n;
	(void)to;
	/* full: lost, as on any path */
	(void)send(pair[0], buf, len, MSG_DONTWAIT);
	return (ERR_OK);
}

static err_t
nif_init(struct netif *n)
{
	n->name[0] = 'w';
	n->name[1] = 'g';
	n->output = nif_output;
	n->mtu = MTU;
	return (ERR_OK);
}

static void
stack_init(const char *own)
{
	ip4_addr_t	 ip, mask, gw;
	int		 i, size = QUEUE;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1)
		err(1, "socketpair");
	for (i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size));
	if (!ip4addr_aton(own, &ip))
		errx(1, "%s: not an address", own);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	ip4_addr_set_any(&gw);
	tcpip_init(NULL, NULL);
	LOCK_TCPIP_CORE();
	if (netif_add(&nif, &ip, &mask, &gw, NULL, nif_init, tcpip_input) ==
	    NULL)
		errx(1, "netif_add");
	netif_set_default(&nif);
	netif_set_up(&nif);
	netif_set_link_up(&nif);
	UNLOCK_TCPIP_CORE();
}

/* What byte i of a page is. */
static uint8_t
pattern(size_t i)
{
	return ((uint8_t)(i * 7 + i / 251));
}

static void
serve_one(struct netconn *c)
{
	struct netbuf	*nb;
	static uint8_t	 buf[8192];
	char		*p;
	void		*data;
	u16_t		 len;
	size_t		 n, off, i, k;

	netconn_set_recvtimeout(c, 5000);
	if (netconn_recv(c, &nb) != ERR_OK)
		return;
	netbuf_data(nb, &data, &len);
	if (len > sizeof(buf) - 1)
		len = sizeof(buf) - 1;
	memcpy(buf, data, len);
	buf[len] = '\0';
	netbuf_delete(nb);
	p = strchr((char *)buf, '/');
	n = p != NULL ? strtoul(p + 1, NULL, 10) : 0;
	k = (size_t)snprintf((char *)buf, sizeof(buf), "HTTP/1.0 200 OK\r\n"
	    "Content-Length: %zu\r\n\r\n", n);
	if (netconn_write(c, buf, k, NETCONN_COPY) != ERR_OK)
		return;
	for (off = 0; off < n; off += k) {
		k = n - off < sizeof(buf) ? n - off : sizeof(buf);
		for (i = 0; i < k; i++)
			buf[i] = pattern(off + i);
		if (netconn_write(c, buf, k, NETCONN_COPY) != ERR_OK)
			return;
	}
	netconn_close(c);
}

static void
serve(void *arg)
{
	struct netconn	*l, *c;

	(void)arg;
	if ((l = netconn_new(NETCONN_TCP)) == NULL ||
	    netconn_bind(l, IP_ADDR_ANY, 80) != ERR_OK ||
	    netconn_listen(l) != ERR_OK)
		errx(1, "listen");
	puts("serving");
	fflush(stdout);
	for (;;) {
		if (netconn_accept(l, &c) != ERR_OK)
			continue;
		serve_one(c);
		netconn_delete(c);
	}
}

/* One attempt; how many bytes of the page came, or -1. */
static long
fetch(const ip_addr_t *to, size_t want, int *wrong)
{
	struct netconn	*c;
	struct netbuf	*nb;
	uint8_t		*data, *end;
	char		 req[128];
	void		*v;
	u16_t		 len;
	long		 got = -1;
	size_t		 head = 0, i, n;
	char		 text[512];

	if ((c = netconn_new(NETCONN_TCP)) == NULL)
		return (-1);
	netconn_set_recvtimeout(c, 10000);
	n = (size_t)snprintf(req, sizeof(req), "GET /%zu HTTP/1.0\r\n\r\n",
	    want);
	/* the stack begins with the same port each time, which may linger */
	if (netconn_bind(c, IP_ADDR_ANY, (u16_t)(20000 +
	    arc4random_uniform(40000))) == ERR_OK &&
	    netconn_connect(c, to, 80) == ERR_OK &&
	    netconn_write(c, req, n, NETCONN_COPY) == ERR_OK)
		got = 0;
	while (got >= 0 && (size_t)got < want && netconn_recv(c, &nb) ==
	    ERR_OK) {
		do {
			netbuf_data(nb, &v, &len);
			data = v;
			end = data + len;
			/* the head, as far as it is not over */
			for (; data < end && head < sizeof(text); data++) {
				text[head++] = (char)*data;
				if (head >= 4 && memcmp(text + head - 4,
				    "\r\n\r\n", 4) == 0) {
					head = sizeof(text);
					data++;
					break;
				}
			}
			for (i = 0; data + i < end; i++)
				if (data[i] != pattern((size_t)got + i))
					*wrong = 1;
			got += (long)i;
		} while (netbuf_next(nb) >= 0);
		netbuf_delete(nb);
	}
	netconn_delete(c);
	return (got);
}

static char	**args;

static void
get(void *arg)
{
	ip_addr_t	 to;
	mono_t		 begin = mono_now();
	size_t		 want = strtoul(args[1], NULL, 10);
	long		 got = -1;
	int		 i, wrong = 0;

	(void)arg;
	if (!ipaddr_aton(args[0], &to))
		errx(1, "%s: not an address", args[0]);
	for (i = 0; i < TRIES && got <= 0; i++)
		got = fetch(&to, want, &wrong);
	printf("%ld bytes%s, %llu ms\n", got, wrong ? ", wrong ones" : "",
	    (unsigned long long)MONO_TO_MS(mono_now() - begin));
	fflush(stdout);
	_exit(got == (long)want && !wrong ? 0 : 1);
}

int
main(int argc, char *argv[])
{
	int	 server;

	server = argc == 6 && strcmp(argv[1], "serve") == 0;
	if (!server && (argc != 8 || strcmp(argv[1], "get") != 0))
		errx(1, "usage: guest serve|get KEY-FILE PEER-KEY PORT "
		    "OWN-ADDRESS [ADDRESS BYTES]");
	args = argv + 6;
	stack_init(argv[5]);
	tunnel_init(argv[2], argv[3], argv[4]);
	sys_thread_new("app", server ? serve : get, NULL, 0, 0);
	tunnel_run();
}
