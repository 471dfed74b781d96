/* SPDX-License-Identifier: ISC */

/*
 * Several workers that are one gateway: clients, and a network that gives
 * datagrams to workers as the kernel does, or as it should not.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <endian.h>

#include "control/merge.h"
#include "crypto/wg/device.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"
#include "key.h"
#include "unit.h"

#define WORKERS		3
#define CLIENTS		3		/* one lives with each */
#define WIRES		64
#define LATER		MONO_SEC(6)	/* another handshake is made */

/* A device: a worker, or a client. */
struct side {
	struct wg_device	*dev;
	int			 number;
	struct wg_peer		*peer[CLIENTS];
	struct wg_endpoint	 ep;		/* of a client */
	uint8_t			 tx[2048];
	uint8_t			 rx[2048];
	struct wg_endpoint	 to;		/* of what is in tx */
	int			 delivered;
	uint32_t		 from;		/* id of who has sent that */
	int			 handed;	/* datagrams, to others */
	int			 sent;		/* packets, to others */
};

/* A datagram under way: to the gateway, or from it. */
struct wire {
	int			 inward;
	int			 client;
	int			 tried;		/* it was given to a wrong one */
	size_t			 len;
	uint8_t			 buf[2048];
};

static struct {
	struct side	 w[WORKERS];
	struct side	 c[CLIENTS];
	struct wire	 wire[WIRES];
	int		 nwire;
	mono_t		 now;
	uint64_t	 asked;		/* for the time of day */
	int		 blind;		/* all comes to the first worker */
	uint32_t	 index[CLIENTS];	/* that the gateway gave out */
} t;

static int
setup(void **state)
{
	(void)state;
	return (aead_init() == NULL ? 0 : -1);
}

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	struct side	*s = arg;

	return (len <= sizeof(s->rx) ? s->rx : NULL);
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct side	*s = arg;

	(void)len;
	(void)now;
	s->delivered++;
	s->from = p->id;
}

static uint8_t *
op_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct side	*s = arg;

	(void)tos;
	s->to = *ep;
	return (len <= sizeof(s->tx) ? s->tx : NULL);
}

static void
op_tx_done(void *arg, size_t len)
{
	struct side	*s = arg;
	struct wire	*x = &t.wire[t.nwire++];
	uint32_t	 index;

	assert_true(t.nwire < WIRES);
	memset(x, 0, sizeof(*x));
	x->inward = s >= t.c && s < t.c + CLIENTS;
	x->client = x->inward ? s->number : ntohs(s->to.remote.sin.sin_port);
	x->len = len;
	memcpy(x->buf, s->tx, len);
	/* what a worker calls itself toward the client */
	if (!x->inward && (s->tx[0] == 1 || s->tx[0] == 2)) {
		memcpy(&index, s->tx + 4, sizeof(index));
		t.index[x->client] = le32toh(index);
	}
}

static void
op_wall(void *arg, struct timespec *ts)
{
	uint64_t	 ms = ++t.asked * 20;

	/* each time later, by what initiations are told apart by */
	(void)arg;
	ts->tv_sec = (time_t)(1800000000 + ms / 1000);
	ts->tv_nsec = (long)(ms % 1000 * 1000000);
}

static void
op_random(void *arg, void *p, size_t len)
{
	(void)arg;
	arc4random_buf(p, len);
}

static void
op_hand(void *arg, uint32_t worker, const uint8_t *msg, size_t len,
    const struct wg_endpoint *from, int ecn)
{
	struct side	*s = arg, *to = &t.w[worker];
	uint8_t		 copy[2048];

	assert_true(worker < WORKERS && to != s);
	s->handed++;
	memcpy(copy, msg, len);
	to->dev->handed = 1;
	wg_input(to->dev, copy, len, from, ecn, t.now);
	to->dev->handed = 0;
}

static void
op_send(void *arg, uint32_t worker, const uint8_t *pkt, size_t len)
{
	struct side	*s = arg;

	assert_true(worker < WORKERS && &t.w[worker] != s);
	s->sent++;
	assert_int_equal(wg_overlay_across(t.w[worker].dev, pkt, len,
	    (uint32_t)s->number, t.now), 0);
}

static const struct wg_ops	 ops = {
	.rx_buf = op_rx_buf,
	.rx_done = op_rx_done,
	.tx_buf = op_tx_buf,
	.tx_done = op_tx_done,
	.wall = op_wall,
	.random = op_random,
	.hand = op_hand,
	.send = op_send
};

static struct side *
side_init(struct side *s, int number, const uint8_t key[KEY_LEN])
{
	memset(s, 0, sizeof(*s));
	s->number = number;
	assert_non_null(s->dev = wg_device_new(&ops, s, t.now));
	s->dev->mtu = 1420;
	assert_int_equal(wg_device_set_key(s->dev, key), 0);
	return (s);
}

static void
allow(struct side *s, struct wg_peer *p, const char *text)
{
	struct ipprefix	 prefix;

	assert_int_equal(ipprefix_parse(&prefix, text), 0);
	assert_int_equal(aip_insert(&s->dev->aips, &prefix, p, &p->aips), 0);
}

/* Client i has 10.0.0.i and lives with worker i. */
static void
world(int overlay)
{
	uint8_t		 key[KEY_LEN], psk[KEY_LEN];
	char		 text[32];
	struct side	*s;
	int		 i, w;

	memset(&t, 0, sizeof(t));
	t.now = MONO_SEC(10);
	arc4random_buf(key, sizeof(key));
	for (w = 0; w < WORKERS; w++) {
		s = side_init(&t.w[w], w, key);
		wg_set_worker(s->dev, (uint8_t)w, WORKERS);
		s->dev->overlay = (uint8_t)overlay;
	}
	for (i = 0; i < CLIENTS; i++) {
		arc4random_buf(key, sizeof(key));
		arc4random_buf(psk, sizeof(psk));
		s = side_init(&t.c[i], i, key);
		s->ep.remote.sin.sin_family = AF_INET;
		s->ep.remote.sin.sin_port = htons((uint16_t)i);
		s->peer[0] = wg_peer_add(s->dev, 0, t.w[0].dev->local.public,
		    psk);
		wg_peer_set_endpoint(s->peer[0], &s->ep.remote.sa);
		allow(s, s->peer[0], "0.0.0.0/0");
		snprintf(text, sizeof(text), "10.0.0.%d/32", i);
		for (w = 0; w < WORKERS; w++) {
			/* its secret is with who it lives with */
			t.w[w].peer[i] = wg_peer_add(t.w[w].dev, (uint32_t)i,
			    s->dev->local.public, w == i ? psk : NULL);
			wg_peer_live(t.w[w].dev, t.w[w].peer[i], (uint8_t)i, t.now);
			allow(&t.w[w], t.w[w].peer[i], text);
		}
	}
}

static void
world_free(void)
{
	int	 i;

	for (i = 0; i < WORKERS; i++)
		wg_device_free(t.w[i].dev);
	for (i = 0; i < CLIENTS; i++)
		wg_device_free(t.c[i].dev);
}

/* Whom the kernel gives a datagram: initiations to the first. */
static int
steer(const struct wire *x)
{
	if (t.blind || x->buf[0] == 1)
		return (0);
	return ((x->buf[x->buf[0] == 2 ? 11 : 7] >> 5) % WORKERS);
}

static void
carry(void)
{
	struct wire	 x;
	struct side	*s;
	int		 i, k;

	for (i = 0; i < 40; i++) {
		while (t.nwire > 0) {
			x = t.wire[0];
			t.nwire--;
			memmove(t.wire, t.wire + 1, (size_t)t.nwire *
			    sizeof(x));
			s = x.inward ? &t.w[steer(&x)] : &t.c[x.client];
			wg_input(s->dev, x.buf, x.len, &t.c[x.client].ep, 0,
			    t.now);
		}
		for (k = 0; k < WORKERS; k++)
			wg_run_handshakes(t.w[k].dev, 10, t.now);
		for (k = 0; k < CLIENTS; k++)
			wg_run_handshakes(t.c[k].dev, 10, t.now);
	}
}

/* From an address to another one. */
static void
make_packet(uint8_t pkt[100], const char *src, const char *dst)
{
	memset(pkt, 0, 100);
	pkt[0] = 0x45;
	pkt[3] = 100;
	pkt[8] = 64;
	inet_pton(AF_INET, src, pkt + 12);
	inet_pton(AF_INET, dst, pkt + 16);
}

static void
say(int client, const char *src, const char *dst)
{
	uint8_t	 pkt[100];

	make_packet(pkt, src, dst);
	assert_int_equal(wg_output(t.c[client].dev, t.c[client].peer[0], pkt,
	    sizeof(pkt), 0, t.now), 0);
	carry();
}

/* Who calls is with the worker that it lives with, and with no other. */
static void
handshakes(void **state)
{
	int	 i, w;

	(void)state;
	world(0);
	for (i = 0; i < CLIENTS; i++) {
		say(i, i == 0 ? "10.0.0.0" : i == 1 ? "10.0.0.1" : "10.0.0.2",
		    "192.0.2.1");
		for (w = 0; w < WORKERS; w++) {
			assert_int_equal(t.w[w].peer[i]->current != NULL,
			    w == i);
			assert_int_equal(t.w[w].delivered, w <= i);
		}
		assert_int_equal(t.w[i].from, i);
		/* by the last byte of the index the kernel finds it */
		assert_int_equal((t.index[i] >> 29) % WORKERS, i);
		/* the first looked at it, and passed it on */
		assert_int_equal(t.w[0].handed, i);
	}
	for (w = 1; w < WORKERS; w++) {
		assert_int_equal(t.w[w].handed, 0);
		assert_int_equal(t.w[w].dev->count.wg_drop_across, 0);
		assert_int_equal(t.w[w].dev->count.wg_rx_initiations, 1);
	}
	world_free();
}

/* Where nothing is steered the first worker passes on what there is. */
static void
unsteered(void **state)
{
	int	 i;

	(void)state;
	world(0);
	t.blind = 1;
	for (i = 0; i < 5; i++)
		say(2, "10.0.0.2", "192.0.2.1");
	assert_int_equal(t.w[2].delivered, 5);
	/* the initiation, and the data; the index names the peer */
	assert_int_equal(t.w[0].handed, 6);
	assert_int_equal(t.w[0].dev->count.wg_tx_offers, 0);
	world_free();
}

/* A session that is lost is offered again by who would have it. */
static void
healed(void **state)
{
	(void)state;
	world(0);
	say(1, "10.0.0.1", "192.0.2.1");
	assert_int_equal(t.w[1].delivered, 1);
	wg_peer_zero(t.w[1].dev, t.w[1].peer[1]);
	t.now += LATER;
	say(1, "10.0.0.1", "192.0.2.1");
	assert_int_equal(t.w[1].dev->count.wg_tx_offers, 1);
	assert_non_null(t.w[1].peer[1]->current);
	say(1, "10.0.0.1", "192.0.2.1");
	assert_int_equal(t.w[1].delivered, 2);
	/* the same by another way: it came to the wrong one */
	wg_peer_zero(t.w[1].dev, t.w[1].peer[1]);
	t.now += LATER;
	t.blind = 1;
	say(1, "10.0.0.1", "192.0.2.1");
	assert_int_equal(t.w[0].dev->count.wg_tx_offers, 0);
	assert_int_equal(t.w[1].dev->count.wg_tx_offers, 2);
	/* and so did the answer to the offer */
	assert_non_null(t.w[1].peer[1]->current);
	say(1, "10.0.0.1", "192.0.2.1");
	assert_int_equal(t.w[1].delivered, 3);
	world_free();
}

/* What was handed is not handed on, whoever it is for. */
static void
once(void **state)
{
	struct wire	 x;

	(void)state;
	world(0);
	wg_send_initiation(t.c[2].dev, t.c[2].peer[0], 0, t.now);
	assert_int_equal(t.nwire, 1);
	x = t.wire[0];
	t.nwire = 0;
	t.w[1].dev->handed = 1;
	wg_input(t.w[1].dev, x.buf, x.len, &t.c[2].ep, 0, t.now);
	t.w[1].dev->handed = 0;
	wg_run_handshakes(t.w[1].dev, 10, t.now);
	assert_int_equal(t.w[1].handed, 0);
	assert_int_equal(t.w[1].dev->count.wg_drop_across, 1);
	assert_null(t.w[1].peer[2]->current);
	assert_null(t.w[1].peer[2]->next);
	/* as it came it is handed, with the bytes that it came with */
	wg_input(t.w[1].dev, x.buf, x.len, &t.c[2].ep, 0, t.now);
	wg_run_handshakes(t.w[1].dev, 10, t.now);
	assert_int_equal(t.w[1].handed, 1);
	carry();
	say(2, "10.0.0.2", "192.0.2.1");
	assert_int_equal(t.w[2].delivered, 1);
	world_free();
}

/* What a relay has brought stays here, whoever it names. */
static void
relayed(void **state)
{
	struct wg_endpoint	 relay;
	struct wire		 x;

	(void)state;
	world(0);
	wg_send_initiation(t.c[2].dev, t.c[2].peer[0], 0, t.now);
	x = t.wire[0];
	t.nwire = 0;
	memset(&relay, 0, sizeof(relay));
	relay.remote.sa.sa_family = AF_RELAY;
	wg_input(t.w[0].dev, x.buf, x.len, &relay, 0, t.now);
	wg_run_handshakes(t.w[0].dev, 10, t.now);
	assert_int_equal(t.w[0].handed, 0);
	assert_int_equal(t.w[0].dev->count.wg_drop_across, 1);
	world_free();
}

/* Where the kernel steers, what it did not know goes on at a bounded rate. */
static void
bounded(void **state)
{
	struct wire	 x;
	uint32_t	 index;
	int		 i;

	(void)state;
	world(0);
	say(2, "10.0.0.2", "192.0.2.1");
	memset(&x, 0, sizeof(x));
	x.buf[0] = 4;
	index = htole32(t.index[2]);
	memcpy(x.buf + 4, &index, sizeof(index));
	t.w[0].handed = 0;
	t.w[0].dev->steered = 1;
	for (i = 0; i < 5000; i++)
		wg_input(t.w[0].dev, x.buf, 64, &t.c[2].ep, 0, t.now);
	assert_true(t.w[0].handed > 0 && t.w[0].handed <= 500);
	/* where it does not, that is how everything comes */
	t.w[0].dev->steered = 0;
	t.w[0].handed = 0;
	for (i = 0; i < 5000; i++)
		wg_input(t.w[0].dev, x.buf, 64, &t.c[2].ep, 0, t.now);
	assert_int_equal(t.w[0].handed, 5000);
	world_free();
}

/* From peer to peer, whoever they live with, and under nobody else's name. */
static void
overlay(void **state)
{
	uint8_t	 pkt[100];
	int	 i;

	(void)state;
	world(1);
	for (i = 0; i < CLIENTS; i++)
		say(i, i == 0 ? "10.0.0.0" : i == 1 ? "10.0.0.1" : "10.0.0.2",
		    "192.0.2.1");
	say(1, "10.0.0.1", "10.0.0.2");
	assert_int_equal(t.c[2].delivered, 1);
	assert_int_equal(t.w[1].sent, 1);
	say(0, "10.0.0.0", "10.0.0.1");
	assert_int_equal(t.c[1].delivered, 1);
	say(2, "10.0.0.2", "10.0.0.0");
	assert_int_equal(t.c[0].delivered, 1);
	/* a worker that was taken over speaks for its own peers alone */
	make_packet(pkt, "10.0.0.1", "10.0.0.2");
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 100, 0, t.now), -1);
	make_packet(pkt, "10.0.0.2", "10.0.0.2");
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 100, 0, t.now), -1);
	make_packet(pkt, "192.0.2.1", "10.0.0.2");
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 100, 0, t.now), -1);
	/* and to who lives where it sends it */
	make_packet(pkt, "10.0.0.0", "10.0.0.1");
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 100, 0, t.now), -1);
	make_packet(pkt, "10.0.0.0", "10.0.0.2");
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 101, 0, t.now), 0);
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 99, 0, t.now), -1);
	assert_int_equal(wg_overlay_across(t.w[2].dev, pkt, 19, 0, t.now), -1);
	/* who is at another gateway is reached by the first */
	t.w[2].peer[1]->away = t.w[0].peer[1]->away = 1;
	t.w[0].delivered = 0;
	make_packet(pkt, "10.0.0.2", "10.0.0.1");
	i = t.w[2].sent;
	assert_int_equal(wg_overlay_input(t.w[2].dev, pkt, 100, t.now), 1);
	assert_int_equal(t.w[2].sent, i + 1);
	/* from there, for one whose session is over: it is asked for another */
	t.w[0].peer[1]->gateway = 3;
	make_packet(pkt, "10.0.0.1", "10.0.0.0");
	assert_int_equal(wg_overlay_far(t.w[0].dev, pkt, 100, 2, t.now), -1);
	assert_int_equal(wg_overlay_far(t.w[0].dev, pkt, 100, 3, t.now), 0);
	assert_int_equal(t.w[0].peer[0]->nstaged, 0);
	wg_peer_zero(t.w[0].dev, t.w[0].peer[0]);
	assert_int_equal(wg_overlay_far(t.w[0].dev, pkt, 100, 3, t.now), 0);
	assert_int_equal(t.w[0].peer[0]->nstaged, 1);
	/* not one of whom nobody knows where it is */
	t.w[0].peer[0]->ep.remote.sa.sa_family = AF_UNSPEC;
	assert_int_equal(wg_overlay_far(t.w[0].dev, pkt, 100, 3, t.now), -1);
	world_free();
}

/* Nothing is sealed for who lives elsewhere, and nothing asked of him. */
static void
elsewhere(void **state)
{
	uint8_t	 pkt[100];

	(void)state;
	world(0);
	/* long after the start nobody is offered anything out of the blue */
	t.now += MONO_SEC(600);
	make_packet(pkt, "192.0.2.1", "10.0.0.2");
	assert_int_equal(wg_output(t.w[0].dev, t.w[0].peer[2], pkt, 100, 0,
	    t.now), 0);
	assert_int_equal(t.w[0].dev->count.wg_drop_nopeer, 1);
	wg_send_initiation(t.w[0].dev, t.w[0].peer[2], 0, t.now);
	assert_int_equal(t.nwire, 0);
	/* who moves forgets its session, and where it was */
	say(2, "10.0.0.2", "192.0.2.1");
	assert_non_null(t.w[2].peer[2]->current);
	wg_peer_live(t.w[2].dev, t.w[2].peer[2], 1, t.now);
	assert_null(t.w[2].peer[2]->current);
	assert_int_equal(t.w[2].peer[2]->ep.remote.sa.sa_family, AF_UNSPEC);
	assert_int_equal(t.w[2].peer[2]->last_handshake.tv_sec, 0);
	wg_peer_live(t.w[1].dev, t.w[1].peer[2], 1, t.now);
	memcpy(t.w[1].peer[2]->noise.psk, t.w[2].peer[2]->noise.psk, KEY_LEN);
	wg_peer_live(t.w[0].dev, t.w[0].peer[2], 1, t.now);
	t.now += LATER;
	/* its next data is answered with an offer, by the one that has it */
	say(2, "10.0.0.2", "192.0.2.1");
	assert_non_null(t.w[1].peer[2]->current);
	say(2, "10.0.0.2", "192.0.2.1");
	assert_int_equal(t.w[1].delivered, 1);
	world_free();
}

/* Peers may share a name, and have more sessions than it has indices. */
static void
same_name(void **state)
{
	static struct wg_index	 x[100];
	struct timespec		 ts;
	int			 i, named = 0;

	(void)state;
	world(0);
	wg_set_worker(t.w[1].dev, 7, 8);
	for (i = 0; i < 100; i++) {
		wg_index_new(t.w[1].dev, &x[i], t.w[1].peer[1], NULL);
		op_wall(NULL, &ts);
		named += index_read(&t.w[1].dev->names, x[i].index, 0,
		    (uint64_t)ts.tv_sec) == t.w[1].peer[1]->index_name;
		assert_int_equal(x[i].index >> 29, 7);
	}
	/* all that there are, and then others */
	assert_int_equal(named, 8);
	for (i = 0; i < 100; i++)
		wg_index_drop(&x[i]);
	world_free();
}

/* An index names worker and peer, however many there are. */
static void
indices(void **state)
{
	struct index_names	 n;
	uint8_t			 key[KEY_LEN];
	uint32_t		 x, i, all, w, name, first;
	int			 differ;

	(void)state;
	arc4random_buf(key, sizeof(key));
	memset(&n, 0, sizeof(n));
	n.gateway = 0x5a;
	assert_int_equal(index_names_init(&n, key), 0);
	for (all = 0; all <= 8; all++)
		for (w = 0; w < all || w == 0; w++) {
			n.worker = (uint8_t)w;
			n.workers = (uint8_t)all;
			differ = 0;
			first = index_make(&n, 4711, 0, 1000);
			for (i = 0; i < 64; i++) {
				name = i * 4099;
				x = index_make(&n, name, i, 1000);
				assert_int_equal(x & 0xff, 0x5a);
				assert_int_equal((x >> 29) % (all > 0 ? all :
				    1), w);
				assert_int_equal(index_read(&n, x, 0, 1000),
				    name);
				differ += index_make(&n, 4711, i, 1000) !=
				    first;
			}
			/* eight of a peer there are at least */
			assert_true(differ >= 56);
		}
}

static struct merge	 merged;
static int		 nshown;
static struct ctl_rule	 shown[CTL_PORTION];
static struct slirp_counters	 shown_slirp;

static void
show(void *arg, uint32_t type, const void *data, size_t len)
{
	assert_ptr_equal(arg, &merged);
	if (type == CTL_RULE)
		memcpy(&shown[nshown], data, len);
	else
		memcpy(&shown_slirp, data, len);
	nshown++;
}

/* Several answers are one: figures are added up, rules are shown once. */
static void
answers(void **state)
{
	struct slirp_counters	 c;
	struct ctl_rule		 r;
	int			 w, i;

	(void)state;
	assert_true(merge_wanted(CTL_SUMMARY) && merge_wanted(CTL_RULE));
	assert_false(merge_wanted(CTL_FLOW) || merge_wanted(CTL_PEER));
	for (w = 1; w <= 3; w++) {
		memset(&c, 0, sizeof(c));
		c.tcp_active = (uint64_t)w;
		c.slirp_cpu_us = 100;
		c.nofile_soft = 1024;
		c.icmp_available = 1;
		merge_begin(&merged);
		merge_add(&merged, CTL_SLIRP_COUNTERS, &c, sizeof(c));
	}
	nshown = 0;
	merge_end(&merged, show, &merged);
	assert_int_equal(nshown, 1);
	assert_int_equal(shown_slirp.tcp_active, 6);
	assert_int_equal(shown_slirp.slirp_cpu_us, 300);
	assert_int_equal(shown_slirp.nofile_soft, 1024);
	assert_int_equal(shown_slirp.icmp_available, 1);
	for (w = 1; w <= 3; w++) {
		merge_begin(&merged);
		/* more than there can be, and one that is another there */
		for (i = 0; i < CTL_PORTION + 2; i++) {
			memset(&r, 0, sizeof(r));
			r.number = (uint64_t)i;
			r.matches = (uint64_t)(i * w);
			strlcpy(r.text, w == 2 && i == 7 ? "pass" : "block",
			    sizeof(r.text));
			merge_add(&merged, CTL_RULE, &r, sizeof(r));
		}
	}
	nshown = 0;
	merge_end(&merged, show, &merged);
	assert_int_equal(nshown, CTL_PORTION);
	for (i = 0; i < CTL_PORTION; i++) {
		assert_int_equal(shown[i].number, i);
		assert_int_equal(shown[i].matches, i == 7 ? 7 * 4 : i * 6);
	}
	/* nothing is left for the next question */
	nshown = 0;
	merge_end(&merged, show, &merged);
	assert_int_equal(nshown, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(handshakes),
		cmocka_unit_test(unsteered),
		cmocka_unit_test(healed),
		cmocka_unit_test(once),
		cmocka_unit_test(relayed),
		cmocka_unit_test(bounded),
		cmocka_unit_test(same_name),
		cmocka_unit_test(overlay),
		cmocka_unit_test(elsewhere),
		cmocka_unit_test(indices),
		cmocka_unit_test(answers)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
