/* SPDX-License-Identifier: ISC */

/*
 * WireGuard devices, two or more of them, with a driven clock and wires that
 * are arrays.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <endian.h>
#include <stdio.h>

#include "key.h"
#include "unit.h"
#include "crypto/wg/device.h"
#include "crypto/wg/limit.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"

static int
setup(void **state)
{
	(void)state;
	return (aead_init() == NULL ? 0 : -1);
}

/* Two devices whose datagrams go from one to the other. */
struct side {
	struct wg_device	*dev;
	struct side		*other;
	struct wg_endpoint	 ep;		/* of this side */
	struct wg_peer		*peer;
	uint8_t			 tx[2048];
	uint8_t			 rx[2048];
	struct {
		uint8_t		 buf[2048];
		size_t		 len;
	}			 wire[512];
	int			 nwire;
	int			 delivered;
	size_t			 last_len;
	uint32_t		 last_sum;
	uint8_t			 last_tos;
	uint64_t		 wall;
	long			 wall_nsec;
	int			 cuts;
	int			 backs;
};

static uint8_t *
t_rx_buf(void *arg, size_t len)
{
	struct side	*s = arg;

	return (len <= sizeof(s->rx) ? s->rx : NULL);
}

static void
t_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct side	*s = arg;
	int		 i;

	(void)now;
	assert_ptr_equal(p, s->peer);
	s->last_tos = s->rx[1];
	s->last_sum = 0;
	for (i = 0; i < 20; i += 2)
		s->last_sum += (uint32_t)s->rx[i] << 8 | s->rx[i + 1];
	s->last_sum = (s->last_sum & 0xffff) + (s->last_sum >> 16);
	s->delivered++;
	s->last_len = len;
}

static uint8_t *
t_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct side	*s = arg;

	(void)tos;
	assert_true(ep->remote.sa.sa_family == AF_INET);
	return (len <= sizeof(s->tx) ? s->tx : NULL);
}

static void
t_tx_done(void *arg, size_t len)
{
	struct side	*s = arg;

	if (s->nwire == 512)
		return;
	memcpy(s->wire[s->nwire].buf, s->tx, len);
	s->wire[s->nwire++].len = len;
}

static void
t_wall(void *arg, struct timespec *ts)
{
	struct side	*s = arg;

	/* a second later each time, unless it is said more exactly */
	ts->tv_sec = (time_t)(s->wall_nsec == 0 ? ++s->wall : s->wall);
	ts->tv_nsec = s->wall_nsec;
}

static void
t_random(void *arg, void *p, size_t len)
{
	(void)arg;
	arc4random_buf(p, len);
}

static void
t_cut(void *arg, struct wg_peer *p)
{
	(void)p;
	((struct side *)arg)->cuts++;
}

static void
t_back(void *arg, struct wg_peer *p)
{
	(void)p;
	((struct side *)arg)->backs++;
}

static const struct wg_ops	 t_ops = { t_rx_buf, t_rx_done, t_tx_buf,
				    t_tx_done, t_wall, t_random, NULL, t_cut,
				    t_back, NULL, NULL, NULL, NULL };

static void
two_devices(struct side *a, struct side *b, mono_t now)
{
	uint8_t		 ka[32], kb[32], psk[32];
	struct ipprefix	 p;

	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	arc4random_buf(ka, 32);
	arc4random_buf(kb, 32);
	arc4random_buf(psk, 32);
	a->dev = wg_device_new(&t_ops, a, now);
	b->dev = wg_device_new(&t_ops, b, now);
	a->dev->mtu = b->dev->mtu = 1420;
	wg_device_set_key(a->dev, ka);
	wg_device_set_key(b->dev, kb);
	a->ep.remote.sin.sin_family = b->ep.remote.sin.sin_family = AF_INET;
	a->ep.remote.sin.sin_port = htons(1);
	b->ep.remote.sin.sin_port = htons(2);
	a->other = b;
	b->other = a;
	a->peer = wg_peer_add(a->dev, 0, b->dev->local.public, psk);
	b->peer = wg_peer_add(b->dev, 0, a->dev->local.public, psk);
	ipprefix_parse(&p, "10.0.0.2/32");
	aip_insert(&a->dev->aips, &p, a->peer, &a->peer->aips);
	ipprefix_parse(&p, "10.0.0.1/32");
	aip_insert(&b->dev->aips, &p, b->peer, &b->peer->aips);
	wg_peer_set_endpoint(a->peer, &b->ep.remote.sa);
}

/* Carry what is on the wire until nothing is; returns how many. */
static int
carry(struct side *a, struct side *b, mono_t now)
{
	struct side	*s;
	int		 i, k, n = 0;

	for (i = 0; i < 20; i++) {
		s = i & 1 ? b : a;
		for (k = 0; k < s->nwire; k++, n++)
			wg_input(s->other->dev, s->wire[k].buf,
			    s->wire[k].len, &s->ep, 0, now);
		s->nwire = 0;
		wg_run_handshakes(s->other->dev, 100, now);
	}
	return (n);
}

static void
make_packet(uint8_t pkt[100], const char *src, const char *dst)
{
	memset(pkt, 0, 100);
	pkt[0] = 0x45;
	pkt[3] = 100;
	inet_pton(AF_INET, src, pkt + 12);
	inet_pton(AF_INET, dst, pkt + 16);
}

static void
device_sessions(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	struct wg_keypair	*kp;
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	/* staged until the handshake is done; the oldest go */
	for (i = 0; i < 130; i++)
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
	assert_int_equal(a.dev->count.wg_tx_initiations, 1);
	assert_int_equal(a.dev->count.wg_drop_staged, 2);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 128);
	assert_int_equal(b.last_len, 100);
	assert_int_equal(a.dev->nstaged, 0);
	/* the responder confirmed the session and answers on it */
	assert_non_null(b.peer->current);
	assert_null(b.peer->next);
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(a.delivered, 1);
	/* a foreign inner source is dropped, the packet still counts */
	make_packet(pkt, "10.9.9.9", "10.0.0.1");
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(a.delivered, 1);
	assert_int_equal(a.dev->count.wg_drop_source, 1);
	/* the initiator renews after 120 s, the old session stays */
	kp = a.peer->current;
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	now += MONO_SEC(121);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_ptr_not_equal(a.peer->current, kp);
	assert_ptr_equal(a.peer->previous, kp);
	assert_int_equal(b.delivered, 129);
	/* after 180 s of age a session is not used any more */
	now += MONO_SEC(200);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	assert_int_equal(a.peer->nstaged, 1);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 130);
	/* everything is zeroed 540 s after the last session */
	now += MONO_SEC(541);
	wheel_run(&a.dev->wheel, now);
	wheel_run(&b.dev->wheel, now);
	assert_null(a.peer->current);
	assert_null(a.peer->previous);
	assert_null(b.peer->current);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Who was silent, or is elsewhere, is told of; not more than once a second. */
static void
device_back(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	for (i = 0; i < 40; i++) {
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		now += MONO_MS(100);
	}
	/* the new session, and nothing since */
	assert_int_equal(b.backs, 1);
	now += MONO_SEC(6);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.backs, 2);
	/* from another address, and another at once */
	now += MONO_SEC(2);
	for (i = 0; i < 5; i++) {
		b.peer->ep.remote.sin.sin_port ^= htons(1);
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
	}
	assert_int_equal(b.backs, 3);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A cookie of one gateway is good at another one with the same key. */
static void
cookie_shared(void **state)
{
	static struct cookie_checker	 a, b, other;
	struct cookie_maker		 maker;
	struct wg_initiation		 m;
	struct wg_cookie		 reply;
	struct sockaddr_in		 sin;
	uint8_t				 key[KEY_LEN], pub[KEY_LEN];
	mono_t				 now = MONO_SEC(1000);
	uint64_t			 wall = 1800000000;

	(void)state;
	arc4random_buf(key, sizeof(key));
	arc4random_buf(pub, sizeof(pub));
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(7);
	assert_int_equal(cookie_checker_init(&a, pub), 0);
	assert_int_equal(cookie_checker_init(&b, pub), 0);
	assert_int_equal(cookie_checker_init(&other, pub), 0);
	assert_int_equal(cookie_checker_share(&a, key), 0);
	assert_int_equal(cookie_checker_share(&b, key), 0);
	key[3] ^= 4;
	assert_int_equal(cookie_checker_share(&other, key), 0);
	assert_int_equal(cookie_maker_init(&maker, pub), 0);
	arc4random_buf(&m, sizeof(m));
	assert_int_equal(cookie_sign(&maker, &m, sizeof(m), now), 0);
	assert_int_equal(cookie_checker_time(&a, wall), 0);
	assert_int_equal(cookie_reply(&a, &m, sizeof(m), 1,
	    (struct sockaddr *)&sin, now, &reply), 0);
	assert_int_equal(cookie_consume(&maker, &reply, now), 0);
	assert_int_equal(cookie_sign(&maker, &m, sizeof(m), now), 0);
	/* at the same time, and into the next two minutes */
	assert_int_equal(cookie_checker_time(&b, wall), 0);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC2);
	assert_int_equal(cookie_checker_time(&b, wall + 120), 0);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC2);
	assert_int_equal(cookie_checker_time(&b, wall + 240), 0);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC1);
	/* not from another place, nor with another key */
	assert_int_equal(cookie_checker_time(&b, wall), 0);
	sin.sin_port = htons(8);
	assert_int_equal(cookie_check(&b, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC1);
	sin.sin_port = htons(7);
	assert_int_equal(cookie_checker_time(&other, wall), 0);
	assert_int_equal(cookie_check(&other, &m, sizeof(m),
	    (struct sockaddr *)&sin, 1, now), COOKIE_MAC1);
}

/* An index tells who has the key which peer it is of, and nobody else. */
static void
index_names(void **state)
{
	struct index_names	 n, other;
	uint8_t			 key[32], pub[32];
	uint32_t		 seen[64], name, x;
	uint64_t		 wall = 1800000000;
	int			 i, k, same = 0;

	(void)state;
	memset(&n, 0, sizeof(n));
	memset(&other, 0, sizeof(other));
	arc4random_buf(key, sizeof(key));
	arc4random_buf(pub, sizeof(pub));
	n.gateway = 7;
	assert_int_equal(index_names_init(&n, key), 0);
	assert_int_equal(n.gateway, 7);
	key[0] ^= 1;
	assert_int_equal(index_names_init(&other, key), 0);
	name = index_peer(&n, pub);
	for (i = 0; i < 64; i++) {
		seen[i] = index_make(&n, name, (uint32_t)i, wall);
		assert_int_equal(seen[i] & 0xff, 7);
		assert_int_equal(index_read(&n, seen[i], 0, wall), name);
		for (k = 0; k < i; k++)
			assert_int_not_equal(seen[i], seen[k]);
		same += index_read(&other, seen[i], 0, wall) == name;
	}
	assert_true(same <= 1);
	/* an epoch later it is another, and the old one still tells */
	x = index_make(&n, name, 0, wall + INDEX_EPOCH);
	assert_int_not_equal(x, seen[0]);
	assert_int_equal(index_read(&n, x, 0, wall + INDEX_EPOCH), name);
	assert_int_equal(index_read(&n, seen[5], 1, wall + INDEX_EPOCH), name);
	/* after that it does not, and what is random seldom does */
	for (i = 0, same = 0; i < INDEX_EPOCHS; i++)
		same += index_read(&n, seen[5], i, wall + 2 * INDEX_EPOCH) ==
		    name;
	for (i = 0; i < 10000; i++)
		same += index_read(&n, arc4random(), 0, wall) == name;
	assert_true(same <= 2);
}

/* b is another process, and has only its configuration. */
static void
start_again(struct side *b, mono_t now)
{
	struct side	*a = b->other;
	struct ipprefix	 p;
	uint8_t		 key[KEY_LEN];

	memcpy(key, b->dev->local.private, KEY_LEN);
	wg_device_free(b->dev);
	b->nwire = 0;
	b->dev = wg_device_new(&t_ops, b, now);
	b->dev->mtu = 1420;
	wg_device_set_key(b->dev, key);
	b->peer = wg_peer_add(b->dev, 0, a->dev->local.public,
	    a->peer->noise.psk);
	ipprefix_parse(&p, "10.0.0.1/32");
	aip_insert(&b->dev->aips, &p, b->peer, &b->peer->aips);
}

/*
 * A gateway that was started again offers the session that it has lost.
 * Returns 0 if the new session has the old one's index, of the 64 that a
 * peer has in a while: what is replayed is no stranger's then.
 */
static int
offers(void)
{
	static struct side	 a, b;
	struct wg_endpoint	 nowhere;
	uint8_t			 pkt[100], old[200];
	size_t			 len;
	mono_t			 now = MONO_SEC(10);
	int			 i;

	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	/* what an attacker has kept of it */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	len = a.wire[0].len;
	memcpy(old, a.wire[0].buf, len);
	carry(&a, &b, now);
	start_again(&b, now);
	now += MONO_SEC(1);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.dev->count.wg_tx_offers, 1);
	assert_non_null(b.peer->current);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 3);
	if (memcmp(old + 4, &b.peer->current->index.index, 4) == 0) {
		wg_device_free(a.dev);
		wg_device_free(b.dev);
		return (0);
	}
	/* a replay beside a session that lives: nothing */
	memset(&nowhere, 0, sizeof(nowhere));
	nowhere.remote.sin.sin_family = AF_INET;
	nowhere.remote.sin.sin_port = htons(666);
	memcpy(pkt, old, 100);
	wg_input(b.dev, pkt, 100, &nowhere, 0, now);
	assert_int_equal(b.dev->count.wg_tx_offers, 1);
	/* in silence: one every 5 s, and the endpoint stays where it was */
	for (i = 0; i < 100; i++) {
		now += MONO_MS(500);
		wheel_run(&b.dev->wheel, now);
		memcpy(pkt, old, 100);
		wg_input(b.dev, pkt, 100, &nowhere, 0, now);
		b.nwire = 0;
	}
	assert_in_range(b.dev->count.wg_tx_offers, 4, 9);
	assert_int_equal(ntohs(b.peer->ep.remote.sin.sin_port), 1);
	/* what was never answered is forgotten */
	now += MONO_SEC(20);
	wheel_run(&b.dev->wheel, now);
	assert_int_equal(b.peer->noise.state, NOISE_ZEROED);
	/* nobody has a session of before any more: no offer to a stranger */
	now += REJECT_AFTER_TIME;
	i = (int)b.dev->count.wg_tx_offers;
	memcpy(pkt, old, 100);
	wg_input(b.dev, pkt, 100, &nowhere, 0, now);
	assert_int_equal(b.dev->count.wg_tx_offers, i);
	/* one of several gateways cannot know that */
	b.dev->many = 1;
	memcpy(pkt, old, 100);
	wg_input(b.dev, pkt, 100, &nowhere, 0, now);
	assert_int_equal(b.dev->count.wg_tx_offers, i + 1);
	/* junk names nobody */
	for (i = 0; i < 1000; i++) {
		arc4random_buf(pkt, sizeof(pkt));
		memcpy(pkt, "\4\0\0\0", 4);
		wg_input(b.dev, pkt, sizeof(pkt), &nowhere, 0, now);
	}
	assert_true(b.dev->count.wg_tx_offers <= 11);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
	return (1);
}

static void
device_offers(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < 20 && !offers(); i++)
		continue;
	assert_true(i < 20);
}

/* So it does if somebody asks for the peer before the peer is heard. */
static void
device_wanted(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	start_again(&b, now);
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	assert_int_equal(b.peer->nstaged, 1);
	assert_int_equal(b.nwire, 0);
	now += MONO_SEC(1);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	/* the data is lost, and what waits for the peer arrives */
	carry(&a, &b, now);
	assert_int_equal(b.dev->count.wg_tx_offers, 1);
	assert_int_equal(a.delivered, 1);
	/* nor is what is not answered kept longer than without that */
	start_again(&b, now);
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	now += MONO_SEC(1);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &a.ep, 0, now);
	a.nwire = 0;
	assert_int_equal(b.dev->count.wg_tx_offers, 1);
	assert_int_not_equal(b.peer->noise.state, NOISE_ZEROED);
	for (i = 0; i < 40; i++) {
		now += MONO_MS(500);
		wheel_run(&b.dev->wheel, now);
	}
	assert_int_equal(b.peer->noise.state, NOISE_ZEROED);
	assert_int_not_equal(b.peer->timers.handshake_initiated, 0);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A quota and an end: no session, no handshake, until there is more. */
static void
device_cut(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i, before;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_peer_limit(b.dev, b.peer, 2000, 0);
	wg_cut_peers(b.dev);
	assert_int_equal(b.cuts, 0);
	for (i = 0; i < 30; i++) {
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		if (b.dev->over)
			wg_cut_peers(b.dev);
	}
	/* handshake and 13 packets of 144 bytes */
	assert_int_equal(b.cuts, 1);
	assert_true(b.peer->cut);
	assert_int_equal(b.dev->count.wg_peers_cut, 1);
	assert_in_range(b.peer->rx_bytes + b.peer->tx_bytes, 2000, 2200);
	assert_null(b.peer->current);
	before = b.delivered;
	assert_in_range(before, 8, 13);
	/* neither its handshakes nor packets to it */
	now += MONO_SEC(200);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, before);
	assert_int_equal(b.dev->count.wg_drop_cut, 1);
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	assert_int_equal(wg_output(b.dev, b.peer, pkt, 100, 0, now), 0);
	assert_int_equal(b.dev->count.wg_drop_cut, 2);
	assert_int_equal(b.peer->nstaged, 0);
	/* more of it, and it is back, until the clock says otherwise */
	wg_peer_limit(b.dev, b.peer, 1000000, (int64_t)b.wall + 100);
	wg_cut_peers(b.dev);
	assert_false(b.peer->cut);
	now += MONO_SEC(10);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, before + 2);
	b.wall += 100;
	wg_cut_peers(b.dev);
	assert_true(b.peer->cut);
	assert_int_equal(b.cuts, 2);
	/* it is told once */
	wg_cut_peers(b.dev);
	assert_int_equal(b.cuts, 2);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* The clock of either side is put back, or was wrong for a while. */
static void
device_clock(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	uint64_t		 here;
	mono_t			 now = MONO_SEC(10);
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	a.wall = b.wall = 1800000000;
	for (i = 0; i < 4; i++) {
		make_packet(pkt, "10.0.0.1", "10.0.0.2");
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		assert_int_equal(b.delivered, 2 * i + 1);
		here = b.peer->here;
		/* a session later, and two steps back */
		now += MONO_SEC(200);
		a.wall -= 100000;
		b.wall -= 50000;
		make_packet(pkt, "10.0.0.1", "10.0.0.2");
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		assert_int_equal(b.delivered, 2 * i + 2);
		/* the other gateways take the last for the last */
		assert_true(b.peer->here > here);
		here = a.peer->here;
		/* who was asked asks */
		now += MONO_SEC(200);
		make_packet(pkt, "10.0.0.2", "10.0.0.1");
		wg_output(b.dev, b.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		assert_int_equal(a.delivered, i + 1);
		assert_true(a.peer->here > here);
		now += MONO_SEC(200);
	}
	/* a step back within the second */
	a.wall_nsec = 900000000;
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	a.wall += 1000000;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 9);
	now += MONO_SEC(200);
	a.wall_nsec = 100000000;
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 10);
	a.wall_nsec = 0;
	now += MONO_SEC(200);
	/* before 1970 a time is as good as another; after 2262 none is greater */
	b.wall = (uint64_t)-1000;
	here = b.peer->here;
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.peer->here, here + 1);
	now += MONO_SEC(200);
	b.wall = WG_LAST_TIME / 1000000000 + 5;
	for (i = 0; i < 2; i++) {
		make_packet(pkt, "10.0.0.1", "10.0.0.2");
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
		carry(&a, &b, now);
		assert_int_equal(b.peer->here, WG_LAST_TIME);
		now += MONO_SEC(200);
	}
	assert_int_equal(b.delivered, 13);
	b.wall = 1800000000;
	/* its time is over, and it is not */
	wg_peer_limit(b.dev, b.peer, 0, (int64_t)b.wall + 1000);
	b.wall += 2000;
	wg_cut_peers(b.dev);
	assert_true(b.peer->cut);
	b.wall -= 2000;
	wg_cut_peers(b.dev);
	assert_false(b.peer->cut);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 14);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

static void
device_hostile(void **state)
{
	static struct side	 a, b;
	struct wg_endpoint	 evil;
	uint8_t			 pkt[100], copy[2048];
	mono_t			 now = MONO_SEC(10);
	size_t			 len, i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	memcpy(&evil, &a.ep, sizeof(evil));
	evil.remote.sin.sin_port = htons(666);
	/* a replay neither arrives nor moves the endpoint */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	len = a.wire[0].len;
	memcpy(copy, a.wire[0].buf, len);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 2);
	wg_input(b.dev, copy, len, &evil, 0, now);
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.dev->count.wg_drop_replay, 1);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(1));
	/* nor does a packet with a wrong bit anywhere */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	for (i = 0; i < a.wire[0].len; i++) {
		memcpy(copy, a.wire[0].buf, len);
		copy[i] ^= 0x10;
		wg_input(b.dev, copy, len, &evil, 0, now);
	}
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(1));
	/* the good one moves it */
	wg_input(b.dev, a.wire[0].buf, len, &evil, 0, now);
	a.nwire = 0;
	assert_int_equal(b.delivered, 3);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(666));
	/* any length of anything */
	for (i = 0; i < 200000; i++) {
		len = arc4random_uniform(200);
		arc4random_buf(copy, len);
		if (len >= 4 && i & 1) {
			memset(copy, 0, 4);
			copy[0] = (uint8_t)(1 + i / 2 % 4);
		}
		wg_input(b.dev, copy, len, &evil, 0, now);
	}
	assert_int_equal(wg_run_handshakes(b.dev, 100, now), 0);
	assert_int_equal(b.delivered, 3);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* From one peer to another inside the device, with a third to see. */
static void
device_overlay(void **state)
{
	static struct side	 a, b;
	struct wg_peer		*c;
	struct ipprefix		 p;
	uint8_t			 pkt[100], key[32];
	mono_t			 now = MONO_SEC(10);
	size_t			 i;

	(void)state;
	two_devices(&a, &b, now);
	arc4random_buf(key, sizeof(key));
	assert_non_null(c = wg_peer_add(b.dev, 1, key, NULL));
	ipprefix_parse(&p, "10.0.0.3/32");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "0.0.0.0/0");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "10.0.0.0/24");
	aip_insert(&a.dev->aips, &p, a.peer, &a.peer->aips);
	make_packet(pkt, "10.0.0.1", "10.0.0.3");
	pkt[8] = 64;
	/* off: it goes to the host */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	/* on: it waits for the other peer's session, one hop older */
	b.dev->overlay = 1;
	memset(b.rx, 0xee, sizeof(b.rx));
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	assert_int_equal(c->nstaged, 1);
	/* and nobody else has seen it */
	for (i = 0; i < sizeof(b.rx); i++)
		assert_int_equal(b.rx[i], 0xee);
	assert_int_equal(TAILQ_FIRST(&c->staged)->data[8], 63);
	/* a default route is no peer-to-peer route, an exclusion neither */
	make_packet(pkt, "10.0.0.1", "10.0.0.77");
	pkt[8] = 64;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 2);
	ipprefix_parse(&p, "10.0.0.2/31");
	assert_int_equal(wg_exclude(b.dev, &p), 0);
	make_packet(pkt, "10.0.0.1", "10.0.0.3");
	pkt[8] = 64;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 3);
	wg_exclude_clear(b.dev);
	/* one that would die on the way is the slirp engine's to tell */
	pkt[8] = 1;
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 4);
	assert_int_equal(c->nstaged, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* What the slirp engine says is not said in another peer's name. */
static void
device_source(void **state)
{
	static struct side	 a, b;
	struct wg_peer		*c;
	struct ipprefix		 p;
	uint8_t			 pkt[100], head[40], key[32];
	mono_t			 now = MONO_SEC(10);

	(void)state;
	two_devices(&a, &b, now);
	arc4random_buf(key, sizeof(key));
	assert_non_null(c = wg_peer_add(b.dev, 1, key, NULL));
	ipprefix_parse(&p, "10.0.0.3/32");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "172.16.0.0/12");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "fd00::3/128");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	ipprefix_parse(&p, "0.0.0.0/0");
	aip_insert(&b.dev->aips, &p, c, &c->aips);
	make_packet(pkt, "8.8.8.8", "10.0.0.1");
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	/* a network behind another peer is only its own where peers meet */
	make_packet(pkt, "172.16.1.1", "10.0.0.1");
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	b.dev->overlay = 1;
	assert_false(wg_source_ok(b.dev, b.peer, pkt));
	assert_true(wg_source_ok(b.dev, c, pkt));
	ipprefix_parse(&p, "172.16.1.0/24");
	assert_int_equal(wg_exclude(b.dev, &p), 0);
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	make_packet(pkt, "8.8.8.8", "10.0.0.1");
	assert_true(wg_source_ok(b.dev, b.peer, pkt));
	make_packet(pkt, "10.0.0.3", "10.0.0.1");
	assert_false(wg_source_ok(b.dev, b.peer, pkt));
	b.dev->overlay = 0;
	assert_false(wg_source_ok(b.dev, b.peer, pkt));
	assert_true(wg_source_ok(b.dev, c, pkt));
	memset(head, 0, sizeof(head));
	head[0] = 0x60;
	head[8] = 0xfd;
	head[23] = 3;
	assert_false(wg_source_ok(b.dev, b.peer, head));
	head[23] = 4;
	assert_true(wg_source_ok(b.dev, b.peer, head));
	/* what was looked at is sent, not what is there by then */
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	memcpy(head, pkt, sizeof(head));
	memset(pkt, 0xee, 20);
	wg_output_shared(a.dev, a.peer, pkt, 100, head, 40, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 1);
	assert_memory_equal(b.rx, head, 40);
	memset(b.rx, 0, sizeof(b.rx));
	wg_output_shared(a.dev, a.peer, pkt, 100, head, 40, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 2);
	assert_memory_equal(b.rx, head, 40);
	assert_memory_equal(b.rx + 40, pkt + 40, 60);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Reserved bytes are on everything, covered by nothing, and optional. */
static void
device_reserved(void **state)
{
	static const uint8_t	 bytes[3] = { 7, 8, 9 }, none[3];
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	int			 i, k, n = 0;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_peer_set_reserved(a.dev, a.peer, bytes);
	wg_peer_set_reserved(b.dev, b.peer, bytes);
	wg_peer_set_endpoint(b.peer, &a.ep.remote.sa);
	for (i = 0; i < 3; i++)
		wg_output(a.dev, a.peer, pkt, 100, 0, now);
	for (i = 0; i < 6; i++) {
		struct side	*s = i & 1 ? &b : &a;

		for (k = 0; k < s->nwire; k++, n++) {
			assert_memory_equal(s->wire[k].buf + 1, bytes, 3);
			wg_input(s->other->dev, s->wire[k].buf,
			    s->wire[k].len, &s->ep, 0, now);
		}
		s->nwire = 0;
		wg_run_handshakes(s->other->dev, 100, now);
	}
	assert_true(n >= 5);
	assert_int_equal(b.delivered, 3);
	/* nobody expects them: dropped */
	wg_peer_set_reserved(b.dev, b.peer, none);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(b.delivered, 3);
	assert_int_equal(b.dev->count.wg_drop_malformed, 1);
	assert_int_equal(b.dev->nreserved, 0);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A client with reserved bytes that comes from anywhere, and goes on. */
static void
device_reserved_roaming(void **state)
{
	static const uint8_t	 bytes[3] = { 7, 8, 9 }, others[3] = { 1, 1, 1 };
	static struct side	 a, b;
	struct wg_endpoint	 elsewhere;
	struct wg_peer		*c;
	uint8_t			 pkt[100], key[32];
	mono_t			 now = MONO_SEC(10);
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	arc4random_buf(key, sizeof(key));
	assert_non_null(c = wg_peer_add(b.dev, 1, key, NULL));
	wg_peer_set_reserved(b.dev, c, others);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_peer_set_reserved(a.dev, a.peer, bytes);
	/* another peer's bytes open nothing */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	memcpy(a.wire[0].buf + 1, others, 3);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &a.ep, 0, now);
	wg_run_handshakes(b.dev, 100, now);
	assert_int_equal(b.dev->count.wg_drop_handshake, 1);
	assert_int_equal(b.dev->count.wg_tx_responses, 0);
	a.nwire = 0;
	/* its own do, from wherever it comes */
	wg_peer_set_reserved(b.dev, b.peer, bytes);
	memset(&b.peer->ep, 0, sizeof(b.peer->ep));
	now += MONO_SEC(6);
	wg_send_initiation(a.dev, a.peer, 0, now);
	for (i = 0; i < 4; i++) {
		carry(&a, &b, now);
		carry(&b, &a, now);
	}
	assert_int_equal(b.delivered, 1);
	/* and what is said to it where it went has them, too */
	elsewhere = a.ep;
	elsewhere.remote.sin.sin_port = htons(4711);
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &elsewhere, 0, now);
	a.nwire = 0;
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.peer->ep.remote.sin.sin_port, htons(4711));
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	b.nwire = 0;
	wg_output(b.dev, b.peer, pkt, 100, 0, now);
	assert_true(b.nwire > 0);
	for (i = 0; i < b.nwire; i++)
		assert_memory_equal(b.wire[i].buf + 1, bytes, 3);
	/* data with those of another peer is not its own */
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	memcpy(a.wire[0].buf + 1, others, 3);
	wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &elsewhere, 0, now);
	assert_int_equal(b.delivered, 2);
	assert_int_equal(b.dev->count.wg_drop_malformed, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Congestion marks of the path reach the inner packet. */
static void
device_ecn(void **state)
{
	static struct side	 a, b;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	uint32_t		 sum;
	int			 ecn, i;

	(void)state;
	two_devices(&a, &b, now);
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	for (ecn = 0; ecn < 4; ecn++) {
		pkt[1] = (uint8_t)(0xb8 | ecn);
		pkt[10] = pkt[11] = 0;
		for (i = 0, sum = 0; i < 20; i += 2)
			sum += (uint32_t)pkt[i] << 8 | pkt[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		pkt[10] = (uint8_t)(~sum >> 8);
		pkt[11] = (uint8_t)~sum;
		b.delivered = 0;
		wg_output(a.dev, a.peer, pkt, 100, ecn, now);
		wg_input(b.dev, a.wire[0].buf, a.wire[0].len, &a.ep, 3, now);
		a.nwire = 0;
		assert_int_equal(b.delivered, ecn != 0);
		if (ecn != 0) {
			assert_int_equal(b.last_tos, 0xbb);
			assert_int_equal(b.last_sum, 0xffff);
		}
	}
	assert_int_equal(b.dev->count.wg_drop_ecn, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* Handshakes that fail make everybody prove where he is, for a while. */
static void
device_failures(void **state)
{
	static struct side	 a, b;
	struct wg_initiation	 m;
	struct cookie_maker	 mk;
	mono_t			 now = MONO_SEC(10);
	uint64_t		 tx;
	int			 i, n;

	(void)state;
	two_devices(&a, &b, now);
	cookie_maker_init(&mk, b.dev->local.public);
	for (n = 0; n < 5000 && b.dev->count.wg_tx_cookies == 0; n++) {
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
		/* it is never behind */
		assert_int_equal(wg_run_handshakes(b.dev, 1, now), 0);
		b.nwire = 0;
	}
	assert_int_equal(b.dev->count.wg_tx_cookies, 1);
	assert_int_equal(b.dev->count.wg_drop_handshake, n - 1);
	/* and at once if many more wait */
	now += MONO_SEC(20);
	for (i = 0; i < WG_UNDER_LOAD; i++) {
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
	}
	while (wg_run_handshakes(b.dev, 8, now) > 0)
		b.nwire = 0;
	assert_in_range(b.dev->count.wg_drop_handshake - (uint64_t)(n - 1), 1,
	    32);
	tx = b.dev->count.wg_tx_cookies;
	/* the same, but slowly, is no reason */
	now += MONO_SEC(20);
	for (i = 0; i < n; i++) {
		now += MONO_MS(2);
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
		wg_run_handshakes(b.dev, 1, now);
	}
	assert_int_equal(b.dev->count.wg_tx_cookies, tx);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

/* A flood of valid-mac1 initiations brings cookies, not work. */
static void
device_under_load(void **state)
{
	static struct side	 a, b;
	struct wg_initiation	 m;
	struct cookie_maker	 mk;
	uint8_t			 pkt[100];
	mono_t			 now = MONO_SEC(10);
	uint64_t		 dropped;
	int			 i;

	(void)state;
	two_devices(&a, &b, now);
	cookie_maker_init(&mk, b.dev->local.public);
	for (i = 0; i < WG_HANDSHAKE_QUEUE + 100; i++) {
		arc4random_buf(&m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		cookie_sign(&mk, &m, sizeof(m), now);
		wg_input(b.dev, (uint8_t *)&m, sizeof(m), &a.ep, 0, now);
	}
	assert_int_equal(b.dev->count.wg_drop_queue, 100);
	while (wg_run_handshakes(b.dev, 100, now) > 0)
		b.nwire = 0;
	assert_int_equal(b.dev->count.wg_tx_cookies, WG_HANDSHAKE_QUEUE);
	b.nwire = 0;
	dropped = b.dev->count.wg_drop_handshake;
	assert_int_equal(dropped, 0);
	/* the honest peer takes its cookie and gets through */
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	wg_output(a.dev, a.peer, pkt, 100, 0, now);
	carry(&a, &b, now);
	assert_int_equal(a.dev->count.wg_rx_cookies, 1);
	assert_int_equal(b.delivered, 0);
	for (i = 0; i < 60 && b.delivered == 0; i++) {
		now += MONO_MS(100);
		b.dev->loaded_until = now + 1;	/* it goes on */
		wheel_run(&a.dev->wheel, now);
		carry(&a, &b, now);
	}
	assert_int_equal(b.delivered, 1);
	wg_device_free(a.dev);
	wg_device_free(b.dev);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(device_sessions),
		cmocka_unit_test(device_back),
		cmocka_unit_test(cookie_shared),
		cmocka_unit_test(index_names),
		cmocka_unit_test(device_offers),
		cmocka_unit_test(device_wanted),
		cmocka_unit_test(device_cut),
		cmocka_unit_test(device_clock),
		cmocka_unit_test(device_hostile),
		cmocka_unit_test(device_overlay),
		cmocka_unit_test(device_source),
		cmocka_unit_test(device_reserved),
		cmocka_unit_test(device_reserved_roaming),
		cmocka_unit_test(device_ecn),
		cmocka_unit_test(device_under_load),
		cmocka_unit_test(device_failures)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
