/* SPDX-License-Identifier: ISC */

/*
 * A path between a client and the gateway: a UDP relay that delays, drops,
 * duplicates, reorders and limits the rate, in each direction alike.
 *
 * usage: relay listen-port gateway-port [name=value ...]
 *
 *	delay=MS	of each direction
 *	loss=PERCENT	of each direction
 *	dup=PERCENT	arrive twice
 *	reorder=PERCENT	are held back for up to a quarter of the delay
 *	rate=MBIT	of the bottleneck, 0 for none
 *	queue=KB	before it
 *	seed=N
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_DGRAM	2048
#define MAX_HELD	65536
#define BATCH		64

struct dgram {
	uint64_t	 when;		/* ns */
	uint64_t	 n;
	uint16_t	 len;
	uint8_t		 up;
	uint8_t		 b[MAX_DGRAM];
};

static struct dgram	*heap[MAX_HELD];
static size_t		 nheap;
static uint64_t		 count, rnd_state = 1, free_at[2];
static double		 delay, loss, dup_pct, reorder, rate, queue_kb = 250;
static uint64_t		 dropped[2], passed[2];

static uint64_t
now_ns(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

/* splitmix64 */
static uint64_t
rnd(void)
{
	uint64_t	 z = (rnd_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

static int
percent(double p)
{
	return ((double)(rnd() % 1000000) < p * 10000);
}

static int
before(const struct dgram *a, const struct dgram *b)
{
	return (a->when < b->when || (a->when == b->when && a->n < b->n));
}

static void
push(struct dgram *d)
{
	size_t	 i, up;

	if (nheap == MAX_HELD) {
		dropped[d->up]++;
		free(d);
		return;
	}
	for (i = nheap++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(d, heap[up]))
			break;
		heap[i] = heap[up];
	}
	heap[i] = d;
}

static struct dgram *
pop(void)
{
	struct dgram	*top = heap[0], *last = heap[--nheap];
	size_t		 i = 0, k;

	while ((k = 2 * i + 1) < nheap) {
		if (k + 1 < nheap && before(heap[k + 1], heap[k]))
			k++;
		if (!before(heap[k], last))
			break;
		heap[i] = heap[k];
		i = k;
	}
	heap[i] = last;
	return (top);
}

static void
hold(const uint8_t *b, size_t len, int up, uint64_t when)
{
	struct dgram	*d;

	if ((d = malloc(sizeof(*d))) == NULL)
		return;
	d->when = when;
	d->n = count++;
	d->len = (uint16_t)len;
	d->up = (uint8_t)up;
	memcpy(d->b, b, len);
	push(d);
}

/* What the path does to a datagram. */
static void
take(const uint8_t *b, size_t len, int up, uint64_t now)
{
	uint64_t	 at = now, wait;

	if (rate > 0) {
		wait = free_at[up] > now ? free_at[up] - now : 0;
		if ((double)wait * rate / 8e6 > queue_kb) {
			dropped[up]++;
			return;
		}
		free_at[up] = now + wait + (uint64_t)((double)len * 8000 /
		    rate);
		at = free_at[up];
	}
	if (percent(loss)) {
		dropped[up]++;
		return;
	}
	passed[up]++;
	at += (uint64_t)(delay * 1e6);
	if (percent(reorder))
		at += rnd() % (uint64_t)(delay * 250000 + 1000000);
	hold(b, len, up, at);
	if (percent(dup_pct))
		hold(b, len, up, at + rnd() % 1000000);
}

static void
option(const char *arg)
{
	const struct {
		const char	*name;
		double		*v;
	}		 all[] = { { "delay=", &delay }, { "loss=", &loss },
			    { "dup=", &dup_pct }, { "reorder=", &reorder },
			    { "rate=", &rate }, { "queue=", &queue_kb } };
	size_t		 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strncmp(arg, all[i].name, strlen(all[i].name)) == 0) {
			*all[i].v = atof(arg + strlen(all[i].name));
			return;
		}
	if (strncmp(arg, "seed=", 5) == 0) {
		rnd_state = strtoull(arg + 5, NULL, 10);
		return;
	}
	fprintf(stderr, "relay: unknown option %s\n", arg);
	exit(1);
}

static int
udp(uint16_t port, int gateway)
{
	struct sockaddr_in	 sin;
	int			 fd, big = 16 << 20;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	if (gateway)
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) == -1 ||
	    (gateway ? connect(fd, (struct sockaddr *)&sin, sizeof(sin)) :
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin))) == -1) {
		perror("relay");
		exit(1);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)) ==
	    -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big,
		    sizeof(big));
	return (fd);
}

static void
receive(int fd, int up, struct sockaddr_in *client)
{
	static struct mmsghdr	 msgs[BATCH];
	static struct iovec	 iov[BATCH];
	static uint8_t		 buf[BATCH][MAX_DGRAM];
	struct sockaddr_in	 from[BATCH];
	uint64_t		 now;
	int			 i, n;

	for (i = 0; i < BATCH; i++) {
		iov[i].iov_base = buf[i];
		iov[i].iov_len = sizeof(buf[i]);
		memset(&msgs[i].msg_hdr, 0, sizeof(msgs[i].msg_hdr));
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &from[i];
		msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	n = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	now = now_ns();
	for (i = 0; i < n; i++) {
		if (up)
			*client = from[i];
		take(buf[i], msgs[i].msg_len, up, now);
	}
}

/* Send what is due. */
static void
deliver(int outer, int inner, const struct sockaddr_in *client)
{
	struct dgram	*d;
	uint64_t	 now = now_ns();

	while (nheap > 0 && heap[0]->when <= now) {
		d = pop();
		if (d->up)
			(void)send(inner, d->b, d->len, 0);
		else if (client->sin_port != 0)
			(void)sendto(outer, d->b, d->len, 0,
			    (const struct sockaddr *)client,
			    sizeof(*client));
		free(d);
	}
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in	 client;
	struct pollfd		 p[2];
	struct timespec		 ts;
	uint64_t		 now, wait;
	int			 i;

	if (argc < 3) {
		fprintf(stderr, "usage: relay listen-port gateway-port "
		    "[name=value ...]\n");
		return (1);
	}
	for (i = 3; i < argc; i++)
		option(argv[i]);
	memset(&client, 0, sizeof(client));
	p[0].fd = udp((uint16_t)atoi(argv[1]), 0);
	p[1].fd = udp((uint16_t)atoi(argv[2]), 1);
	p[0].events = p[1].events = POLLIN;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		wait = 1000000000;
		now = now_ns();
		if (nheap > 0)
			wait = heap[0]->when > now ? heap[0]->when - now : 0;
		ts.tv_sec = (time_t)(wait / 1000000000);
		ts.tv_nsec = (long)(wait % 1000000000);
		if (ppoll(p, 2, &ts, NULL) == -1 && errno != EINTR)
			return (1);
		if (p[0].revents & POLLIN)
			receive(p[0].fd, 1, &client);
		if (p[1].revents & (POLLIN | POLLERR))
			receive(p[1].fd, 0, &client);
		deliver(p[0].fd, p[1].fd, &client);
	}
}
