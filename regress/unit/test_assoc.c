/* SPDX-License-Identifier: ISC */

/*
 * Guests' datagrams by a SOCKS5 proxy, which is here, on loopback.
 */

#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "slirp/net/egress.h"
#include "slirp/socksassoc.h"

static int	 proxy = -1;		/* listens */
static int	 relay = -1;
static uint16_t	 relay_port;

static int
at_loopback(int type, uint16_t *port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, type, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return (fd);
}

/* A way by the proxy, and a mapping of each of two guests. */
static struct way *
begin(struct socks_assoc *a[3])
{
	struct conf_way	 m;
	uint16_t	 port;

	w_open();
	memset(&m, 0, sizeof(m));
	m.kind = WAY_HOST;
	assert_int_equal(egress_add(&W.s.conf, &m), 0);
	proxy = at_loopback(SOCK_STREAM, &port);
	assert_int_equal(listen(proxy, 8), 0);
	relay = at_loopback(SOCK_DGRAM, &relay_port);
	m.kind = WAY_SOCKS;
	w_addr(&m.proxy, "127.0.0.1");
	m.port = port;
	assert_int_equal(egress_add(&W.s.conf, &m), 0);
	a[0] = assoc_new(W.peer);
	a[1] = assoc_new(W.peer);
	a[2] = assoc_new(peer_set(&W.s, 9, "other"));
	assert_non_null(a[2]);
	assoc_init(8);
	W.s.now = MONO_SEC(100);
	return (&W.s.conf.ways[1]);
}

static void
end(struct socks_assoc *a[3])
{
	int	 i;

	for (i = 0; i < 3; i++)
		assoc_free(a[i]);
	assert_int_equal(W.peer->nassocs, 0);
	close(proxy);
	close(relay);
	w_close();
}

static void
wait_for(int fd)
{
	struct pollfd	 p = { fd, POLLIN, 0 };

	assert_int_equal(poll(&p, 1, 5000), 1);
}

/* The proxy hears this much, and says that. */
static void
says(int fd, size_t n, const void *m, size_t len)
{
	uint8_t	 b[600];

	wait_for(fd);
	assert_int_equal(recv(fd, b, sizeof(b), 0), (ssize_t)n);
	assert_int_equal(send(fd, m, len, MSG_NOSIGNAL), (ssize_t)len);
}

static int
step(struct socks_assoc *a, int udp)
{
	return ((int)assoc_step(a, &W.s, W.s.conf.ways[1].id, udp));
}

/* Up to the reply, which is this; what becomes of it. */
static int
dial(struct socks_assoc *a, int udp, uint8_t reply, int *ctl)
{
	uint8_t	 m[10] = { 5, reply, 0, 1, 192, 0, 2, 77 };
	int	 fd;

	fd = assoc_dial(a, &W.s.conf.ways[1], W.s.now);
	assert_int_not_equal(fd, -1);
	*ctl = accept(proxy, NULL, NULL);
	assert_int_not_equal(*ctl, -1);
	assert_int_equal(step(a, udp), ASSOC_WAIT);
	says(*ctl, 3, "\5\0", 2);
	wait_for(fd);
	assert_int_equal(step(a, udp), ASSOC_WAIT);
	m[8] = (uint8_t)(relay_port >> 8);
	m[9] = (uint8_t)relay_port;
	says(*ctl, 10, m, sizeof(m));
	wait_for(fd);
	return (step(a, udp));
}

static int
socket_udp(void)
{
	int	 fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_not_equal(fd, -1);
	return (fd);
}

/* What comes before it is up goes when it is, in order, and no more. */
static void
held(void **state)
{
	struct socks_assoc	*a[3];
	struct host_error	 e;
	struct ipaddr		 dst;
	struct iovec		 iov;
	char			 text[2000] = "a";
	uint8_t			 b[2000];
	int			 udp = socket_udp(), ctl, i;

	(void)state;
	(void)begin(a);
	w_addr(&dst, "192.0.2.9");
	iov.iov_base = text;
	iov.iov_len = sizeof(text);
	assert_int_equal(assoc_hold(a[0], &dst, 53, &iov), -1);
	iov.iov_len = 1;
	/* what was held for one that never came is not sent by the next */
	assert_int_equal(assoc_hold(a[0], &dst, 53, &iov), 0);
	assert_int_not_equal(assoc_dial(a[0], &W.s.conf.ways[1], W.s.now), -1);
	close(accept(proxy, NULL, NULL));
	assoc_end(a[0], EHOSTUNREACH);
	assert_false(assoc_unsaid(a[0]));
	assert_false(assoc_may_dial(a[0], W.s.now));
	W.s.now += MONO_SEC(1);
	assert_true(assoc_may_dial(a[0], W.s.now));
	assert_int_not_equal(assoc_dial(a[0], &W.s.conf.ways[1], W.s.now), -1);
	ctl = accept(proxy, NULL, NULL);
	assert_false(assoc_may_dial(a[0], W.s.now + MONO_SEC(5)));
	assert_int_equal(step(a[0], udp), ASSOC_WAIT);
	for (i = 0; i < 4; i++) {
		text[0] = (char)('b' + i);
		assert_int_equal(assoc_hold(a[0], &dst, 53, &iov), 0);
	}
	assert_int_equal(assoc_hold(a[0], &dst, 53, &iov), -1);
	says(ctl, 3, "\5\0", 2);
	usleep(1000);
	assert_int_equal(step(a[0], udp), ASSOC_WAIT);
	memcpy(b, "\5\0\0\1\0\0\0\0", 8);
	b[8] = (uint8_t)(relay_port >> 8);
	b[9] = (uint8_t)relay_port;
	says(ctl, 10, b, 10);
	for (i = 0; i < 5000 && step(a[0], udp) == ASSOC_WAIT; i++)
		usleep(1000);
	assert_int_equal(step(a[0], udp), ASSOC_UP);
	for (i = 0; i < 4; i++) {
		wait_for(relay);
		assert_int_equal(recv(relay, b, sizeof(b), 0), 11);
		assert_memory_equal(b, "\0\0\0\1\300\0\2\11\0\65", 10);
		assert_int_equal(b[10], 'b' + i);
	}
	assert_int_equal(recv(relay, b, sizeof(b), MSG_DONTWAIT), -1);
	assert_int_equal(assoc_lost(a[0], &e), -1);
	/* it stands as long as its connection */
	assoc_look(a[0]);
	assert_int_equal(step(a[0], udp), ASSOC_UP);
	close(ctl);
	usleep(1000);
	assoc_look(a[0]);
	assert_int_equal(step(a[0], udp), ASSOC_ENDED);
	close(udp);
	end(a);
}

/* What a refusal means for the datagrams that wait, and for the way. */
static void
refused(void **state)
{
	static const struct {
		uint8_t	 reply;
		int	 error;
		int	 takes;		/* the way, datagrams, afterwards */
	} v[] = {
		{ 1, EHOSTUNREACH, 1 },
		{ 7, EACCES, 0 },
		{ 2, EACCES, 0 }
	};
	struct socks_assoc	*a[3];
	struct host_error	 e;
	struct ipaddr		 dst;
	struct iovec		 iov;
	struct way		*w = begin(a);
	char			 text[] = "question";
	int			 udp = socket_udp(), ctl;
	size_t			 i;

	(void)state;
	w_addr(&dst, "192.0.2.9");
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		W.s.now += MONO_SEC(100);
		assert_true(egress_takes(&W.s, w, FLOW_UDP));
		assert_int_equal(dial(a[0], udp, v[i].reply, &ctl),
		    ASSOC_ENDED);
		assert_int_equal(assoc_error(a[0]), v[i].error);
		assert_int_equal(egress_takes(&W.s, w, FLOW_UDP), v[i].takes);
		assert_true(egress_takes(&W.s, w, FLOW_TCP));
		assert_false(assoc_unsaid(a[0]));
		close(ctl);
	}
	/* it is asked again, and is silent */
	W.s.now += MONO_SEC(100);
	assert_true(egress_takes(&W.s, w, FLOW_UDP));
	assert_int_not_equal(assoc_dial(a[1], w, W.s.now), -1);
	ctl = accept(proxy, NULL, NULL);
	assert_int_equal(step(a[1], udp), ASSOC_WAIT);
	iov.iov_base = text;
	iov.iov_len = sizeof(text);
	assert_int_equal(assoc_hold(a[1], &dst, 53, &iov), 0);
	W.s.now += MONO_SEC(11);
	assert_int_equal(step(a[1], udp), ASSOC_ENDED);
	assert_true(assoc_unsaid(a[1]));
	memset(&e, 0, sizeof(e));
	assert_int_equal(assoc_lost(a[1], &e), 0);
	assert_int_equal(e.error, ENETUNREACH);
	assert_int_equal(e.dport, 53);
	assert_int_equal(e.datalen, sizeof(text));
	assert_int_equal(assoc_lost(a[1], &e), -1);
	assert_true(w->down_until > W.s.now);
	close(ctl);
	close(udp);
	end(a);
}

/*
 * Nobody has so many that others have none, and who has most gives what he has
 * not used for longest.
 */
static void
shared(void **state)
{
	struct socks_assoc	*a[3], *more;
	struct way		*w = begin(a);
	int			 udp = socket_udp();

	(void)state;
	assoc_init(2);
	assert_int_not_equal(assoc_dial(a[0], w, W.s.now), -1);
	assert_int_not_equal(assoc_dial(a[1], w, W.s.now), -1);
	assert_int_equal(W.peer->nassocs, 2);
	assoc_used(a[0]);
	assert_int_not_equal(assoc_dial(a[2], w, W.s.now), -1);
	assert_int_equal(W.peer->nassocs, 1);
	assert_int_equal(step(a[1], udp), ASSOC_ENDED);
	assert_int_equal(step(a[0], udp), ASSOC_WAIT);
	/* as many as the other: it is the own one that gives way */
	assert_int_not_equal(assoc_dial(a[1], w, W.s.now), -1);
	assert_int_equal(step(a[0], udp), ASSOC_ENDED);
	assert_int_equal(step(a[2], udp), ASSOC_WAIT);
	/* nor does one give the last that it has more than the other */
	assoc_init(3);
	assert_int_not_equal(assoc_dial(a[0], w, W.s.now), -1);
	assert_non_null(more = assoc_new(peer_get(&W.s, 9)));
	assert_int_not_equal(assoc_dial(more, w, W.s.now), -1);
	assert_int_equal(W.peer->nassocs, 2);
	assert_int_equal(step(a[2], udp), ASSOC_ENDED);
	assoc_free(more);
	assoc_init(0);
	assert_int_equal(assoc_dial(a[2], w, W.s.now), -1);
	assert_int_equal(errno, EMFILE);
	close(udp);
	end(a);
}

/* Nor does what one has sent too early keep others from being held. */
static void
held_by_all(void **state)
{
	struct socks_assoc	*a[3], *more[33];
	struct ipaddr		 dst;
	struct iovec		 iov;
	char			 text[] = "early";
	int			 i;

	(void)state;
	(void)begin(a);
	w_addr(&dst, "192.0.2.9");
	iov.iov_base = text;
	iov.iov_len = sizeof(text);
	for (i = 0; i < 33; i++)
		assert_non_null(more[i] = assoc_new(W.peer));
	for (i = 0; i < 33 * 4; i++)
		assert_int_equal(assoc_hold(more[i / 4], &dst, 53, &iov),
		    i < 128 ? 0 : -1);
	assert_int_equal(assoc_hold(a[2], &dst, 53, &iov), 0);
	assoc_free(more[0]);
	assert_int_equal(assoc_hold(more[32], &dst, 53, &iov), 0);
	for (i = 1; i < 33; i++)
		assoc_free(more[i]);
	assert_int_equal(W.peer->nheld, 0);
	end(a);
}

/* One that is silent, or says no without a reason, is not asked for ever. */
static void
unwilling(void **state)
{
	struct socks_assoc	*a[3];
	struct way		*w = begin(a);
	int			 udp = socket_udp(), ctl, i;

	(void)state;
	for (i = 0; i < 6; i++) {
		W.s.now += MONO_SEC(20);
		assert_true(egress_takes(&W.s, w, FLOW_UDP));
		/* a good one between them: it is not about the proxy */
		assert_int_equal(dial(a[0], udp, i == 2 ? 0 : 1, &ctl),
		    i == 2 ? ASSOC_UP : ASSOC_ENDED);
		assert_int_equal(egress_takes(&W.s, w, FLOW_UDP), i != 5);
		assoc_end(a[0], 0);
		close(ctl);
	}
	close(udp);
	end(a);
}

/* Whom a datagram says that it is from. */
static void
headers(void **state)
{
	static const uint8_t	 good[10] = { 9, 9, 0, 1, 192, 0, 2, 1, 0, 53 };
	uint8_t			 h[ASSOC_HEADER], m[ASSOC_HEADER];
	struct ipaddr		 a, b;
	uint16_t		 port;
	uint32_t		 seed = 1;
	size_t			 i, len;

	(void)state;
	assert_int_equal(assoc_from(good, 10, &a, &port), 0);
	w_addr(&b, "192.0.2.1");
	assert_int_equal(ipaddr_cmp(&a, &b), 0);
	assert_int_equal(port, 53);
	for (i = 0; i < 10; i++)
		assert_int_equal(assoc_from(good, i, &a, &port), -1);
	memcpy(h, good, 10);
	h[2] = 1;
	assert_int_equal(assoc_from(h, 10, &a, &port), -1);
	w_addr(&b, "2001:db8::1");
	len = assoc_header(h, &b, 443);
	assert_int_equal(len, assoc_header_len(6));
	assert_int_equal(assoc_from(h, len, &a, &port), 0);
	assert_int_equal(ipaddr_cmp(&a, &b), 0);
	assert_int_equal(port, 443);
	/* a header of one family, where the other's is expected */
	assert_int_equal(assoc_from(h, 10, &a, &port), -1);
	h[3] = 1;
	assert_int_equal(assoc_from(h, 22, &a, &port), -1);
	for (i = 0; i < 100000; i++) {
		for (len = 0; len < sizeof(m); len++)
			m[len] = (uint8_t)((seed = seed * 1103515245 +
			    12345) >> 16);
		m[2] &= 1;
		m[3] &= 7;
		len = seed >> 8 & 1 ? 10 : 22;
		if (assoc_from(m, len, &a, &port) == 0)
			assert_true(m[2] == 0 && (m[3] == 1 ? len == 10 &&
			    a.af == 4 : m[3] == 4 && len == 22 && a.af == 6));
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(held),
		cmocka_unit_test(refused),
		cmocka_unit_test(shared),
		cmocka_unit_test(held_by_all),
		cmocka_unit_test(unwilling),
		cmocka_unit_test(headers)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
