/* SPDX-License-Identifier: ISC */

/*
 * The first worker's links with other gateways, who are played here: what they
 * are told, and what the other workers are.
 */

#include <sys/types.h>

#include <endian.h>

#include "crypto/around.h"
#include "crypto/links.h"
#include "crypto/sockets.h"
#include "crypto/state.h"
#include "tell.h"
#include "unit.h"

#define WORKERS		3
#define PEERS		3000		/* more than one pipe takes at once */
#define SELF		1
#define SAYS_HERE	1
#define SAYS_LATER	2
#define HERE_LEN	48

struct crypto_state	 ce;
struct event_base	*evbase;

static struct {
	const struct wg_ops	*ops;		/* of the links' device */
	struct wg_device	*dev;
	int			 queued[WORKERS];
	uint8_t			 away[WORKERS][PEERS];	/* as they were told */
	uint32_t		 told[WORKERS];
	uint32_t		 room;		/* datagrams that the socket takes */
	uint32_t		 said;
	uint8_t			 type;		/* of what was said last, */
	uint64_t		 when;
	int			 link;		/* and to whom */
	uint8_t			 heard_of[PEERS];	/* by that one */
	uint32_t		 zeroed;
	struct wg_keypair	 kp;
} t;

/* ---- what is around the links */

uint32_t
imsgbuf_queuelen(struct imsgbuf *b)
{
	uint32_t	 w;

	for (w = 0; w < WORKERS; w++)
		if (b == &ce.crypto[w].ibuf)
			return ((uint32_t)t.queued[w]);
	return (0);
}

int
imsgev_send(struct imsgev *iev, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct here_msg	 m;
	uint32_t	 w = (uint32_t)(iev - ce.crypto);

	(void)id;
	(void)fd;
	if (type == IMSG_CUT)
		return (0);
	assert_int_equal(type, IMSG_AWAY);
	assert_int_equal(len, sizeof(m));
	assert_in_range(w, 1, WORKERS - 1);
	memcpy(&m, data, sizeof(m));
	t.away[w][m.id] = m.away != 0 ? m.gateway : 0;
	t.told[w]++;
	t.queued[w]++;
	return (0);
}

void
tell(const char *kind, const char *peer, const char *fmt, ...)
{
	(void)kind;
	(void)peer;
	(void)fmt;
}

void
sockets_first(sockets_fn *fn)
{
	(void)fn;
}

void
train_send(void)
{
}

uint8_t *
around_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int ecn)
{
	(void)arg;
	(void)ep;
	(void)len;
	(void)ecn;
	return (NULL);
}

void
around_tx_done(void *arg, size_t len)
{
	(void)arg;
	(void)len;
}

void
around_wall(void *arg, struct timespec *ts)
{
	(void)arg;
	(void)clock_gettime(CLOCK_REALTIME, ts);
}

void
around_random(void *arg, void *buf, size_t len)
{
	(void)arg;
	arc4random_buf(buf, len);
}

/* ---- what of WireGuard is in between */

struct wg_device	*__real_wg_device_new(const struct wg_ops *, void *,
			    mono_t);
struct wg_device	*__wrap_wg_device_new(const struct wg_ops *, void *,
			    mono_t);
int			 __wrap_wg_output(struct wg_device *, struct wg_peer *,
			    const uint8_t *, size_t, int, mono_t);
void			 __wrap_wg_peer_zero(struct wg_device *,
			    struct wg_peer *);

struct wg_device *
__wrap_wg_device_new(const struct wg_ops *ops, void *arg, mono_t now)
{
	t.ops = ops;
	t.dev = __real_wg_device_new(ops, arg, now);
	return (t.dev);
}

int
__wrap_wg_output(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, int ecn, mono_t now)
{
	struct wg_peer	*about;

	(void)ecn;
	(void)now;
	assert_ptr_equal(d, t.dev);
	assert_int_equal(len, HERE_LEN);
	if (t.room == 0)
		return (-1);
	t.room--;
	t.said++;
	t.type = pkt[0];
	memcpy(&t.when, pkt + 8, sizeof(t.when));
	t.when = be64toh(t.when);
	t.link = (int)p->id;
	about = wg_peer_by_key(ce.dev, pkt + 16);
	assert_non_null(about);
	if (p->id == 0)
		t.heard_of[about->id]++;
	return (0);
}

void
__wrap_wg_peer_zero(struct wg_device *d, struct wg_peer *p)
{
	(void)d;
	p->current = NULL;
	t.zeroed++;
}

/* ---- the two others */

static struct conf_links
others(int n)
{
	struct conf_links	 c;
	int			 i;

	memset(&c, 0, sizeof(c));
	c.n = n;
	for (i = 0; i < n; i++) {
		c.v[i].gateway = (uint8_t)(SELF + 1 + i);
		c.v[i].port = 51820;
		c.v[i].addr.af = 4;
		c.v[i].addr.a[0] = 127;
		c.v[i].addr.a[3] = (uint8_t)(2 + i);
	}
	return (c);
}

/* Gateway SELF + 1 + link says this of a peer. */
static void
says(int link, uint8_t type, const struct wg_peer *p, uint64_t when,
    mono_t now)
{
	uint8_t	*b = t.ops->rx_buf(NULL, HERE_LEN);

	memset(b, 0, HERE_LEN);
	b[0] = type;
	when = htobe64(when);
	memcpy(b + 8, &when, sizeof(when));
	memcpy(b + 16, p->noise.public, KEY_LEN);
	t.ops->rx_done(NULL, t.dev->byid[link], HERE_LEN, now);
}

static struct wg_peer *
peer(uint32_t id)
{
	return (ce.dev->byid[id]);
}

/* A peer has a session, and was heard just now. */
static void
comes(struct wg_peer *p, uint64_t here, mono_t now)
{
	p->current = &t.kp;
	p->heard = now;
	p->here = here;
	links_here(p, now);
}

static void
drain(void)
{
	memset(t.queued, 0, sizeof(t.queued));
}

/* The timer's next look; who reads the pipes has read all. */
static void
look(void)
{
	drain();
	assert_int_equal(event_base_loop(evbase, EVLOOP_ONCE), 0);
}

static const struct wg_ops	 guests = {
	.wall = around_wall,
	.random = around_random
};

static int
begin(void **state)
{
	struct conf_links	 c = others(2);
	uint8_t			 key[KEY_LEN];
	uint32_t		 i;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.room = UINT32_MAX;
	memset(&ce.global, 0, sizeof(ce.global));
	ce.global.gateway = SELF;
	memset(key, 0x40, sizeof(key));
	if ((ce.dev = __real_wg_device_new(&guests, NULL, mono_now())) == NULL ||
	    wg_device_set_key(ce.dev, key) == -1)
		return (-1);
	wg_set_worker(ce.dev, 0, WORKERS);
	for (i = 0; i < PEERS; i++) {
		arc4random_buf(key, sizeof(key));
		if (wg_peer_add(ce.dev, i, key, NULL) == NULL)
			return (-1);
		/* as in the daemon, where wg_peer_live() says so */
		peer(i)->worker = (uint8_t)(i % WORKERS);
	}
	ce.global.links = c;
	links_set(&c);
	return (t.dev != NULL && t.dev->nbyid >= 2 ? 0 : -1);
}

static int
end(void **state)
{
	struct conf_links	 none = others(0);
	uint32_t		 i;

	(void)state;
	for (i = 0; i < PEERS; i++)
		peer(i)->current = NULL;
	for (i = 0; i < t.dev->nbyid; i++)
		if (t.dev->byid[i] != NULL)
			t.dev->byid[i]->current = NULL;
	links_set(&none);
	wg_device_free(ce.dev);
	return (0);
}

static int
setup(void **state)
{
	(void)state;
	if (aead_init() != NULL || (evbase = event_base_new()) == NULL)
		return (-1);
	return (links_init());
}

/* ---- tests */

/*
 * More peers than a pipe takes at once are at a gateway, and it is gone:
 * every worker knows it of each of them in the end.
 */
static void
gone(void **state)
{
	struct conf_links	 c = others(1);
	mono_t			 now = mono_now();
	uint32_t		 i, w;

	(void)state;
	for (i = 0; i < PEERS; i++)
		says(1, SAYS_HERE, peer(i), 1000 + i, now);
	for (i = 0; i < 4 * PEERS / 64; i++)
		look();
	for (w = 1; w < WORKERS; w++)
		for (i = 0; i < PEERS; i++)
			assert_int_equal(t.away[w][i], SELF + 2);
	drain();
	memset(t.told, 0, sizeof(t.told));
	ce.global.links = c;
	links_set(&c);
	/* not all at once */
	assert_in_range(t.told[1], 1, PEERS - 1);
	for (i = 0; i < 4 * PEERS / 64; i++)
		look();
	for (w = 1; w < WORKERS; w++)
		for (i = 0; i < PEERS; i++)
			assert_int_equal(t.away[w][i], 0);
	for (i = 0; i < PEERS; i++)
		assert_int_equal(peer(i)->away, 0);
}

/* Of two who say the same time the greater gateway has it, for a third, too. */
static void
ties(void **state)
{
	mono_t	 now = mono_now();
	int	 first;

	(void)state;
	for (first = 0; first < 2; first++) {
		says(first, SAYS_HERE, peer(5), 100 + (uint64_t)first, now);
		says(!first, SAYS_HERE, peer(5), 100 + (uint64_t)first, now);
		assert_int_equal(peer(5)->away, 1);
		assert_int_equal(peer(5)->gateway, SELF + 2);
	}
	/* one that is greater holds, whoever says it */
	says(0, SAYS_HERE, peer(5), 102, now);
	assert_int_equal(peer(5)->gateway, SELF + 1);
	says(1, SAYS_HERE, peer(5), 101, now);
	assert_int_equal(peer(5)->gateway, SELF + 1);
	assert_int_equal(t.type, SAYS_LATER);
	assert_int_equal(t.when, 102);
}

/* Who is here by a later handshake stays; who is not, is let go. */
static void
stays(void **state)
{
	struct wg_peer	*p = peer(0);
	mono_t		 now = MONO_SEC(1000);

	(void)state;
	comes(p, 500, now);
	assert_int_equal(t.said, 2);
	says(0, SAYS_HERE, p, 400, now + MONO_SEC(1));
	assert_int_equal(p->away, 0);
	assert_int_equal(t.type, SAYS_HERE);
	assert_int_equal(t.when, 500);
	assert_int_equal(t.link, 0);
	/* the same of one that was silent is no claim, but an answer */
	says(0, SAYS_HERE, p, 400, now + MONO_SEC(20));
	assert_int_equal(p->away, 0);
	assert_int_equal(t.type, SAYS_LATER);
	/* that answer has who was heard take a greater time */
	p->heard = now + MONO_SEC(20);
	says(1, SAYS_LATER, p, 900, now + MONO_SEC(21));
	assert_int_equal(p->here, 901);
	assert_int_equal(t.type, SAYS_HERE);
	assert_int_equal(t.when, 901);
	/* there is a last one */
	says(1, SAYS_LATER, p, WG_LAST_TIME, now + MONO_SEC(21));
	says(1, SAYS_HERE, p, WG_LAST_TIME + 1, now + MONO_SEC(21));
	assert_int_equal(p->here, 901);
	assert_int_equal(p->away, 0);
	says(1, SAYS_HERE, p, 902, now + MONO_SEC(21));
	assert_int_equal(p->away, 1);
	assert_int_equal(t.zeroed, 1);
	/* and it is not asked to stay where it is not */
	t.said = 0;
	says(1, SAYS_LATER, p, 2000, now + MONO_SEC(21));
	assert_int_equal(t.said, 0);
}

/* A link that is up hears of everybody, also through a socket that is full. */
static void
everybody(void **state)
{
	mono_t		 now = mono_now();
	uint32_t	 i, n;

	(void)state;
	for (i = 0; i < 200; i++) {
		peer(i)->worker = 0;
		peer(i)->current = &t.kp;
		peer(i)->heard = now;
		peer(i)->here = 100 + i;
	}
	t.kp.birth = now;
	t.dev->byid[0]->current = &t.kp;
	for (n = 0; n < 40; n++) {
		t.room = 10;
		look();
	}
	for (i = 0; i < 200; i++)
		assert_int_equal(t.heard_of[i], 1);
	assert_int_equal(t.said, 200);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(gone, begin, end),
		cmocka_unit_test_setup_teardown(ties, begin, end),
		cmocka_unit_test_setup_teardown(stays, begin, end),
		cmocka_unit_test_setup_teardown(everybody, begin, end)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
