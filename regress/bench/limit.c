/* SPDX-License-Identifier: ISC */

/*
 * The least that a gateway can spend: over loopback, receive coalesced
 * datagrams, open each, and write the payload with one call; or read, seal
 * each, and send a train with one call.  Sources and sinks are processes
 * of their own, and only the one in the middle is measured.
 *
 * usage: limit [seconds [kind]]
 * Prints for each kind the CPU-seconds for a GB (10^9 bytes) of payload
 * and the microseconds for a packet.  Of "connect" it is the microseconds
 * of CPU for a connection to a host that is opened and closed, of "relay"
 * those that a round trip takes longer with two processes between, each of
 * which only waits, reads and passes it on.
 */

#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/wg/aead.h"

#define HEADER		16		/* of a data message */
#define TCP_PAYLOAD	1368		/* MTU 1420, timestamps */
#define TCP_INNER	1420
#define UDP_PAYLOAD	1200
#define UDP_INNER	1228
#define TRAIN		45
#define BATCH		8
#define BUF		65536
#define CONNECTING	128		/* at once */
#define ROUND_TRIPS	2000

struct kind {
	const char	*name;
	size_t		 payload;
	size_t		 inner;
	int		 tcp;
	int		 up;		/* guest to host; 2: to another guest */
	int		 single;	/* the client knows no trains */
};

static const struct kind kinds[] = {
	{ "tcp-up", TCP_PAYLOAD, TCP_INNER, 1, 1, 0 },
	{ "tcp-down", TCP_PAYLOAD, TCP_INNER, 1, 0, 0 },
	{ "tcp-up-single", TCP_PAYLOAD, TCP_INNER, 1, 1, 1 },
	{ "tcp-down-single", TCP_PAYLOAD, TCP_INNER, 1, 0, 1 },
	{ "udp-up", UDP_PAYLOAD, UDP_INNER, 0, 1, 0 },
	{ "udp-down", UDP_PAYLOAD, UDP_INNER, 0, 0, 0 },
	{ "overlay", TCP_INNER, TCP_INNER, 0, 2, 0 }
};

static const uint8_t	 key[AEAD_KEY_LEN] = { 1, 2, 3 };

static void
must(ssize_t n)
{
	if (n == -1)
		err(1, "stream");
}

static int
udp_socket(struct sockaddr_in *sin)
{
	socklen_t	 len = sizeof(*sin);
	int		 fd, on = 1, size = 8 << 20;

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)sin, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)sin, &len) == -1 ||
	    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == -1)
		err(1, "udp");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return (fd);
}

static int
tcp_listen(struct sockaddr_in *sin, int backlog)
{
	socklen_t	 len = sizeof(*sin);
	int		 l;

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((l = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    bind(l, (struct sockaddr *)sin, len) == -1 ||
	    listen(l, backlog) == -1 ||
	    getsockname(l, (struct sockaddr *)sin, &len) == -1)
		err(1, "listen");
	return (l);
}

/* Two connected TCP sockets. */
static void
tcp_pair(int fd[2])
{
	struct sockaddr_in	 sin;
	int			 l = tcp_listen(&sin, 1);

	if ((fd[0] = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fd[0], (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    (fd[1] = accept(l, NULL, NULL)) == -1)
		err(1, "tcp");
	close(l);
}

static void
send_train(int fd, const uint8_t *buf, size_t len, size_t segment)
{
	_Alignas(struct cmsghdr) uint8_t	 control[64];
	struct msghdr				 m;
	struct cmsghdr				*c;
	struct iovec				 iov;
	uint16_t				 gso = (uint16_t)segment;

	memset(&m, 0, sizeof(m));
	memset(control, 0, sizeof(control));
	iov.iov_base = (void *)(uintptr_t)buf;
	iov.iov_len = len;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	m.msg_control = control;
	m.msg_controllen = CMSG_SPACE(sizeof(gso));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(gso));
	memcpy(CMSG_DATA(c), &gso, sizeof(gso));
	(void)sendmsg(fd, &m, 0);
}

/* The same one by one, as some clients send and take them. */
static void
send_singles(int fd, uint8_t *buf, size_t len, size_t segment)
{
	static struct mmsghdr	 m[TRAIN];
	static struct iovec	 v[TRAIN];
	unsigned int		 n = 0, done = 0;
	int			 r;

	for (; len > 0; buf += v[n++].iov_len) {
		v[n].iov_base = buf;
		v[n].iov_len = len < segment ? len : segment;
		len -= v[n].iov_len;
		m[n].msg_hdr.msg_iov = &v[n];
		m[n].msg_hdr.msg_iovlen = 1;
	}
	while (done < n && (r = sendmmsg(fd, m + done, n - done, 0)) > 0)
		done += (unsigned int)r;
}

static struct mmsghdr	 msgs[BATCH];
static struct iovec	 iovs[BATCH];
static uint8_t		 bufs[BATCH][BUF];
static uint8_t		 controls[BATCH][64];

/* Receive a batch of coalesced datagrams. */
static int
receive(int fd)
{
	int	 i;

	for (i = 0; i < BATCH; i++) {
		iovs[i].iov_base = bufs[i];
		iovs[i].iov_len = BUF;
		memset(&msgs[i], 0, sizeof(msgs[i]));
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_control = controls[i];
		msgs[i].msg_hdr.msg_controllen = sizeof(controls[i]);
	}
	return (recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL));
}

static size_t
segment_of(struct msghdr *m, size_t len)
{
	struct cmsghdr	*c;
	int		 v;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_UDP &&
		    c->cmsg_type == UDP_GRO) {
			memcpy(&v, CMSG_DATA(c), sizeof(v));
			return ((size_t)v);
		}
	return (len);
}

/* Sealed trains without end, so that the one in the middle never waits. */
static void
source_sealed(int fd, const struct sockaddr_in *to, const struct kind *k)
{
	static uint8_t	 buf[BUF + 2000], pkt[2000];
	struct aead_key	*a = aead_key_seal(key);
	size_t		 seg = HEADER + k->inner + AEAD_TAG_LEN, n;
	uint64_t	 counter = 0;
	int		 i;

	n = 65507 / seg < TRAIN ? 65507 / seg : TRAIN;
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1)
		err(1, "connect");
	for (;;) {
		for (i = 0; i < (int)n; i++) {
			memcpy(buf + (size_t)i * seg + 8, &counter, 8);
			aead_seal(a, counter++, pkt, k->inner, k->inner,
			    buf + (size_t)i * seg + HEADER);
		}
		if (k->single)
			send_singles(fd, buf, n * seg, seg);
		else
			send_train(fd, buf, n * seg, seg);
	}
}

static void
source_plain(int fd, const struct sockaddr_in *to, const struct kind *k)
{
	static uint8_t	 buf[BUF];
	size_t		 n = 65507 / k->payload;

	if (!k->tcp && connect(fd, (const struct sockaddr *)to,
	    sizeof(*to)) == -1)
		err(1, "connect");
	for (;;) {
		if (k->tcp)
			must(write(fd, buf, sizeof(buf)));
		else
			send_train(fd, buf, n * k->payload, k->payload);
	}
}

static void
sink(int fd, int tcp)
{
	static uint8_t	 buf[1 << 18];

	for (;;)
		if (tcp)
			must(read(fd, buf, sizeof(buf)));
		else
			(void)receive(fd);
}

/* One batch up: open, write what is inside.  Bytes of payload. */
static size_t
batch_up(int in, int out, struct aead_key *a, const struct kind *k)
{
	static uint8_t	 plain[BATCH][64][1500];
	static uint8_t	 train[BUF];
	struct iovec	 iov[BATCH * 64];
	uint64_t	 counter;
	size_t		 off, seg, len, total = 0, tlen;
	int		 i, j, n, m = 0;

	if ((n = receive(in)) <= 0)
		return (0);
	for (i = 0; i < n; i++) {
		len = msgs[i].msg_len;
		seg = segment_of(&msgs[i].msg_hdr, len);
		tlen = 0;
		for (off = 0, j = 0; off + seg <= len && j < 64;
		    off += seg, j++) {
			memcpy(&counter, bufs[i] + off + 8, 8);
			if (aead_open(a, counter, bufs[i] + off + HEADER,
			    seg - HEADER, plain[i][j]) == -1)
				errx(1, "open");
			total += k->payload;
			if (k->tcp) {
				iov[m].iov_base = plain[i][j] + k->inner -
				    k->payload;
				iov[m++].iov_len = k->payload;
			} else {
				memcpy(train + tlen, plain[i][j] + k->inner -
				    k->payload, k->payload);
				tlen += k->payload;
			}
		}
		if (!k->tcp)
			send_train(out, train, tlen, k->payload);
	}
	if (k->tcp && m > 0)
		must(writev(out, iov, m));
	return (total);
}

/* One batch from guest to guest: open, seal, send a train. */
static size_t
batch_across(int in, int out, struct aead_key *a, struct aead_key *b,
    const struct kind *k, uint64_t *c)
{
	static uint8_t	 train[BUF + 2000], plain[1500];
	size_t		 off, seg, len, total = 0, tlen;
	uint64_t	 counter;
	int		 i, n;

	if ((n = receive(in)) <= 0)
		return (0);
	for (i = 0; i < n; i++) {
		len = msgs[i].msg_len;
		seg = segment_of(&msgs[i].msg_hdr, len);
		for (off = tlen = 0; off + seg <= len; off += seg) {
			memcpy(&counter, bufs[i] + off + 8, 8);
			if (aead_open(a, counter, bufs[i] + off + HEADER,
			    seg - HEADER, plain) == -1)
				errx(1, "open");
			aead_seal(b, (*c)++, plain, k->inner, k->inner,
			    train + tlen + HEADER);
			tlen += seg;
			total += k->payload;
		}
		send_train(out, train, tlen, seg);
	}
	return (total);
}

/* One batch down: read, seal, send a train. */
static size_t
batch_down(int in, int out, struct aead_key *a, const struct kind *k,
    uint64_t *counter)
{
	static uint8_t	 plain[TRAIN][1500], train[BUF + 2000];
	struct iovec	 iov[TRAIN];
	size_t		 seg = HEADER + k->inner + AEAD_TAG_LEN, n, off, s;
	size_t		 total = 0, len;
	ssize_t		 r;
	int		 i, j, c;

	if (k->tcp) {
		for (i = 0; i < TRAIN; i++) {
			iov[i].iov_base = plain[i] + k->inner - k->payload;
			iov[i].iov_len = k->payload;
		}
		if ((r = readv(in, iov, TRAIN)) <= 0)
			return (0);
		n = ((size_t)r + k->payload - 1) / k->payload;
		for (i = 0; i < (int)n; i++)
			aead_seal(a, (*counter)++, plain[i], k->inner,
			    k->inner, train + (size_t)i * seg + HEADER);
		if (k->single)
			send_singles(out, train, n * seg, seg);
		else
			send_train(out, train, n * seg, seg);
		return ((size_t)r);
	}
	if ((c = receive(in)) <= 0)
		return (0);
	for (i = 0; i < c; i++) {
		len = msgs[i].msg_len;
		s = segment_of(&msgs[i].msg_hdr, len);
		for (off = 0, j = 0; off < len && j < TRAIN; off += s, j++)
			aead_seal(a, (*counter)++, bufs[i] + off, s,
			    k->inner, train + (size_t)j * seg + HEADER);
		send_train(out, train, (size_t)j * seg, seg);
		total += (size_t)j * k->payload;
	}
	return (total);
}

static double
cpu(void)
{
	struct rusage	 ru;

	getrusage(RUSAGE_SELF, &ru);
	return ((double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
}

static pid_t
start(void (*fn)(int, const struct sockaddr_in *, const struct kind *),
    int fd, const struct sockaddr_in *to, const struct kind *k)
{
	pid_t	 pid;

	if ((pid = fork()) != 0)
		return (pid);
	fn(fd, to, k);
	_exit(0);
}

static pid_t
start_sink(int fd, int tcp)
{
	pid_t	 pid;

	if ((pid = fork()) == 0)
		sink(fd, tcp);
	return (pid);
}

static void
measure(const struct kind *k, int seconds)
{
	struct aead_key		*a = k->up ? aead_key_open(key) :
				    aead_key_seal(key);
	struct aead_key		*b = aead_key_seal(key);
	struct sockaddr_in	 here, there, tmp;
	struct timespec		 ts;
	uint64_t		 counter = 0;
	double			 t0 = 0, total = 0;
	time_t			 end = 0, warm = 0;
	pid_t			 src, dst;
	int			 in, out, pair[2] = { -1, -1 };
	int			 low = TRAIN * TCP_PAYLOAD;

	in = udp_socket(&here);
	out = udp_socket(&tmp);
	if (k->tcp) {
		tcp_pair(pair);
		/* whole trains, however fast the one in the middle is */
		(void)setsockopt(pair[1], SOL_SOCKET, SO_RCVLOWAT, &low,
		    sizeof(low));
		src = k->up ? start(source_sealed, out, &here, k) :
		    start(source_plain, pair[0], NULL, k);
		dst = k->up ? start_sink(pair[1], 1) : start_sink(in, 0);
		if (!k->up && connect(out, (struct sockaddr *)&here,
		    sizeof(here)) == -1)
			err(1, "connect");
	} else {
		int	 far = udp_socket(&there), s = udp_socket(&tmp);

		src = start(k->up ? source_sealed : source_plain, s, &here,
		    k);
		dst = start_sink(far, 0);
		if (connect(out, (struct sockaddr *)&there,
		    sizeof(there)) == -1)
			err(1, "connect");
		close(far);
		close(s);
	}
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		if (warm == 0)
			warm = ts.tv_sec + 1;
		else if (end == 0 && ts.tv_sec > warm) {
			end = ts.tv_sec + seconds;
			t0 = cpu();
			total = 0;
		} else if (end != 0 && ts.tv_sec >= end)
			break;
		total += (double)(k->up == 2 ? batch_across(in, out, a, b, k,
		    &counter) : k->up ? batch_up(in, k->tcp ? pair[0] :
		    out, a, k) : batch_down(k->tcp ? pair[1] : in, out, a, k,
		    &counter));
	}
	t0 = cpu() - t0;
	printf("%s %.4f %.4f\n", k->name, t0 / total * 1e9,
	    t0 / total * (double)k->payload * 1e6);
	fflush(stdout);
	kill(src, SIGKILL);
	kill(dst, SIGKILL);
	while (wait(NULL) > 0)
		continue;
	close(in);
	close(out);
	if (k->tcp) {
		close(pair[0]);
		close(pair[1]);
	}
	aead_key_free(a);
	aead_key_free(b);
}

static void
watch(int ep, int fd, uint32_t events)
{
	struct epoll_event	 ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = events;
	ev.data.fd = fd;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1)
		err(1, "epoll");
}

/* Close every connection when its client does. */
static void
serve_connects(int l)
{
	struct epoll_event	 ev[64];
	uint8_t			 b[64];
	int			 ep = epoll_create1(0), fd, i, n;

	watch(ep, l, EPOLLIN);
	for (;;) {
		n = epoll_wait(ep, ev, 64, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.fd != l) {
				if (read(ev[i].data.fd, b, sizeof(b)) <= 0)
					close(ev[i].data.fd);
			} else if ((fd = accept4(l, NULL, NULL,
			    SOCK_NONBLOCK)) != -1)
				watch(ep, fd, EPOLLIN);
		}
	}
}

static void
start_connect(int ep, const struct sockaddr_in *to)
{
	int	 fd;

	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 ||
	    (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1 &&
	    errno != EINPROGRESS))
		err(1, "connect");
	watch(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET);
}

/* What the host's side of a connection takes, and nothing else. */
static void
measure_connects(int seconds)
{
	struct sockaddr_in	 sin;
	struct epoll_event	 ev[64];
	uint8_t			 b[64];
	double			 t = 0, done = 0;
	time_t			 end;
	pid_t			 pid;
	int			 l = tcp_listen(&sin, 1024);
	int			 ep = epoll_create1(0), i, n, fd;

	if ((pid = fork()) == 0)
		serve_connects(l);
	for (i = 0; i < CONNECTING; i++)
		start_connect(ep, &sin);
	t = cpu();
	for (end = time(NULL) + seconds; time(NULL) < end;) {
		n = epoll_wait(ep, ev, 64, -1);
		for (i = 0; i < n; i++) {
			fd = ev[i].data.fd;
			/* it is told that it may write once */
			if (!(ev[i].events & EPOLLIN))
				(void)shutdown(fd, SHUT_WR);
			else if (read(fd, b, sizeof(b)) <= 0) {
				close(fd);
				done++;
				start_connect(ep, &sin);
			}
		}
	}
	t = cpu() - t;
	printf("connect 0 %.2f\n", t / done * 1e6);
	fflush(stdout);
	kill(pid, SIGKILL);
	while (wait(NULL) > 0)
		continue;
	close(ep);
	close(l);
}

/*
 * Half a gateway: what comes on the socket rings the other half, and what
 * the other half rings for is sent.
 */
static void
relay(int fd, int rings, int other, const struct sockaddr_in *to)
{
	struct epoll_event	 ev;
	uint64_t		 one = 1;
	uint8_t			 b[64] = { 0 };
	int			 ep = epoll_create1(0);

	watch(ep, fd, EPOLLIN);
	watch(ep, rings, EPOLLIN);
	for (;;) {
		must(epoll_wait(ep, &ev, 1, -1));
		if (ev.data.fd == fd) {
			must(recv(fd, b, sizeof(b), 0));
			must(write(other, &one, sizeof(one)));
		} else {
			must(read(rings, &one, sizeof(one)));
			one = 1;
			must(sendto(fd, b, sizeof(b), 0,
			    (const struct sockaddr *)to, sizeof(*to)));
		}
	}
}

static int
by_value(const void *a, const void *b)
{
	double	 x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

/* The median of round trips, in microseconds. */
static double
round_trip(int fd, const struct sockaddr_in *to)
{
	static double	 took[ROUND_TRIPS];
	struct timespec	 a, b;
	uint8_t		 m[64] = { 0 };
	int		 i;

	for (i = 0; i < ROUND_TRIPS; i++) {
		usleep(1000);
		clock_gettime(CLOCK_MONOTONIC, &a);
		must(sendto(fd, m, sizeof(m), 0,
		    (const struct sockaddr *)to, sizeof(*to)));
		must(recv(fd, m, sizeof(m), 0));
		clock_gettime(CLOCK_MONOTONIC, &b);
		took[i] = (double)(b.tv_sec - a.tv_sec) * 1e6 +
		    (double)(b.tv_nsec - a.tv_nsec) / 1e3;
	}
	qsort(took, ROUND_TRIPS, sizeof(took[0]), by_value);
	return (took[ROUND_TRIPS / 2]);
}

static void
measure_relay(void)
{
	struct sockaddr_in	 client, left, right, echo, from;
	socklen_t		 len = sizeof(from);
	uint8_t			 m[64];
	pid_t			 pid[3];
	double			 direct;
	int			 c = udp_socket(&client), e, l, r, up, down, i;

	e = udp_socket(&echo);
	l = udp_socket(&left);
	r = udp_socket(&right);
	up = eventfd(0, 0);
	down = eventfd(0, 0);
	if ((pid[0] = fork()) == 0)
		for (;;) {
			must(recvfrom(e, m, sizeof(m), 0,
			    (struct sockaddr *)&from, &len));
			must(sendto(e, m, sizeof(m), 0,
			    (struct sockaddr *)&from, len));
		}
	if ((pid[1] = fork()) == 0)
		relay(l, down, up, &client);
	if ((pid[2] = fork()) == 0)
		relay(r, up, down, &echo);
	direct = round_trip(c, &echo);
	printf("relay 0 %.1f\n", round_trip(c, &left) - direct);
	fflush(stdout);
	for (i = 0; i < 3; i++)
		kill(pid[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	close(c);
	close(e);
	close(l);
	close(r);
	close(up);
	close(down);
}

int
main(int argc, char *argv[])
{
	const char	*reason;
	size_t		 i;

	if ((reason = aead_init()) != NULL)
		errx(1, "%s", reason);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (argc < 3 || strcmp(argv[2], kinds[i].name) == 0)
			measure(&kinds[i], argc > 1 ? atoi(argv[1]) : 3);
	if (argc < 3 || strcmp(argv[2], "connect") == 0)
		measure_connects(argc > 1 ? atoi(argv[1]) : 3);
	if (argc < 3 || strcmp(argv[2], "relay") == 0)
		measure_relay();
	return (0);
}
