/* SPDX-License-Identifier: ISC */

/*
 * Two of our WireGuard devices, a virtual clock and a hostile link.
 *
 * usage: sim_wg [first-seed [seeds]]
 *
 * Everything follows from the seed, except the keys that libcrypto makes
 * of the random numbers that it is given.  A run takes some 1,000 virtual
 * seconds: the link alternates between bad and good; guests send all the
 * time, stop, go on; devices are paused, restarted, roam and change keys;
 * somebody in the middle drops, repeats, delays, changes, replays from an
 * address of his own, and invents messages.
 *
 * What has to hold, always:
 * - a packet arrives once at most, unchanged, and only if it was sent;
 * - no nonce is used twice with a key;
 * - a peer is sent no two initiations within 5 s;
 * - nothing is sent with a session that is older than 180 s;
 * - nobody's endpoint is ever the attacker's;
 * - memory is bounded: sessions, indices, staged packets;
 * - on a good link with traffic, packets arrive after 45 s at the latest;
 *   that long because the two may initiate at the same moment repeatedly;
 * - 540 s after the last handshake no key material is left.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <arpa/inet.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "crypto/wg/device.h"
#include "crypto/wg/limit.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"

#define MAX_MSG		1600
#define TICK		MONO_MS(10)
#define ATTACKER	2		/* host 2 is the one in the middle */
#define FLOOD		(WG_UNDER_LOAD + 8)
#define NSENT		65536		/* packets a side */
#define NRECORD		64
#define NSESSIONS	512
#define RECOVERY	MONO_SEC(45)

struct flight {
	TAILQ_ENTRY(flight)	 entry;
	mono_t			 when;
	int			 to;		/* which side */
	struct wg_endpoint	 from;
	int			 ecn;
	size_t			 len;
	uint8_t			 b[MAX_MSG];
};

/* Highest nonce that went out toward a receiver index. */
struct seen {
	mono_t			 birth;		/* of the keypair */
	uint32_t	 index;
	uint64_t	 next;
};

struct side {
	struct wg_device	*d;
	struct wg_peer		*peer;
	int			 me;
	uint8_t			 private[KEY_LEN];
	uint8_t			 public[KEY_LEN];
	uint16_t		 port;		/* where it is now */
	uint8_t			 rx[2048];
	struct flight		*out;		/* being filled */
	struct wg_endpoint	 out_to;
	mono_t			 last_initiation;
	mono_t			 last_offer;
	uint64_t		 offers;
	uint32_t		 nsent;
	uint8_t			 got[NSENT];
	mono_t			 last_got;
	struct seen		 sessions[NSESSIONS];
	int			 nsessions;
	/* what was delivered, for replays */
	struct flight		*record[NRECORD];
};

static struct {
	mono_t			 now;
	int			 bad;		/* the link is */
	int			 loss;		/* in 1/1000 */
	int			 dup;
	int			 corrupt;
	int			 attack;
	int			 calm;		/* nobody attacks any more */
	mono_t			 delay;		/* at most */
	struct side		 s[2];
	TAILQ_HEAD(, flight)	 link;
	uint64_t		 delivered;
	uint64_t		 initiations;
	uint64_t		 sessions;
} sim;

static mono_t
clock_now(void)
{
	return (sim.now);
}

static void
address(struct wg_endpoint *ep, int host, uint16_t port)
{
	memset(ep, 0, sizeof(*ep));
	ep->remote.sin.sin_family = AF_INET;
	ep->remote.sin.sin_addr.s_addr = htonl(0x0a000001U + (uint32_t)host);
	ep->remote.sin.sin_port = htons(port);
	ep->sock = WG_ANY_SOCK;
}

/* ---- what a device needs */

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	struct side	*s = arg;

	return (len <= sizeof(s->rx) ? s->rx : NULL);
}

/* The inner packet: a serial number where an IPv4 payload begins. */
static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct side	*s = arg, *other = &sim.s[!s->me];
	uint32_t	 n;
	size_t		 i;

	if (p != s->peer)
		fail("packet from an unknown peer");
	if (len < 24)
		fail("packet of %zu bytes", len);
	memcpy(&n, s->rx + 20, sizeof(n));
	if (n >= other->nsent)
		fail("packet %u was never sent", n);
	for (i = 24; i < len; i++)
		if (s->rx[i] != (uint8_t)(n + i))
			fail("packet %u changed on its way", n);
	if (s->got[n % NSENT]++)
		fail("packet %u arrived twice", n);
	s->last_got = now;
	sim.delivered++;
}

/* Is it the address of the one in the middle? */
static int
is_attacker(const struct wg_endpoint *ep)
{
	return (ep->remote.sin.sin_addr.s_addr ==
	    htonl(0x0a000001U + ATTACKER));
}

static uint8_t *
op_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct side	*s = arg;

	if (len > MAX_MSG)
		fail("message of %zu bytes", len);
	free(s->out);
	if ((s->out = calloc(1, sizeof(*s->out))) == NULL)
		abort();
	s->out->ecn = tos & 3;
	s->out_to = *ep;
	return (s->out->b);
}

/* Nonces count up for each session, whatever happens. */
static void
check_nonce(struct side *s, const uint8_t *b)
{
	uint64_t	 counter;
	uint32_t	 index;
	int		 i;

	memcpy(&index, b + 4, 4);
	memcpy(&counter, b + 8, 8);
	counter = le64toh(counter);
	for (i = s->nsessions - 1; i >= 0; i--)
		/* an index comes back by and by, a session does not */
		if (s->sessions[i].index == index &&
		    s->sessions[i].birth == s->peer->current->birth)
			break;
	if (i < 0) {
		if (s->nsessions == NSESSIONS)
			fail("too many sessions");
		i = s->nsessions++;
		s->sessions[i].index = index;
		s->sessions[i].birth = s->peer->current->birth;
		s->sessions[i].next = 0;
		sim.sessions++;
	}
	if (counter < s->sessions[i].next)
		fail("nonce %llu again", (unsigned long long)counter);
	s->sessions[i].next = counter + 1;
	if (sim.now - s->peer->current->birth >= REJECT_AFTER_TIME)
		fail("sent with an old session");
}

/* What the link does to a message. */
static void
launch(struct flight *f)
{
	struct flight	*copy;

	if (chance(sim.loss)) {
		free(f);
		return;
	}
	f->when = sim.now + 1 + rnd() % sim.delay;
	if (chance(sim.dup)) {
		if ((copy = malloc(sizeof(*copy))) == NULL)
			abort();
		*copy = *f;
		copy->when = sim.now + 1 + rnd() % sim.delay;
		TAILQ_INSERT_TAIL(&sim.link, copy, entry);
	}
	if (chance(sim.corrupt)) {
		if (chance(200))
			f->len = rnd() % f->len;
		else
			f->b[rnd() % f->len] ^= (uint8_t)(1 << rnd() % 8);
	}
	TAILQ_INSERT_TAIL(&sim.link, f, entry);
}

static void
op_tx_done(void *arg, size_t len)
{
	struct side	*s = arg;
	struct flight	*f = s->out;
	mono_t		*last;
	int		 port = ntohs(s->out_to.remote.sin.sin_port);

	s->out = NULL;
	f->len = len;
	f->to = !s->me;
	address(&f->from, s->me, s->port);
	switch (f->b[0]) {
	case WG_MSG_INITIATION:
		/* offers have a row of their own */
		last = s->d->count.wg_tx_offers != s->offers ?
		    &s->last_offer : &s->last_initiation;
		s->offers = s->d->count.wg_tx_offers;
		if (*last != 0 && sim.now - *last < REKEY_TIMEOUT)
			fail("side %d: initiations %.3f s apart", s->me,
			    (double)(sim.now - *last) / 1e9);
		*last = sim.now;
		sim.initiations++;
		break;
	case WG_MSG_DATA:
		check_nonce(s, f->b);
		break;
	}
	if (is_attacker(&s->out_to)) {
		/* a session is offered to where its data came from */
		if (f->b[0] != WG_MSG_COOKIE &&
		    f->b[0] != WG_MSG_INITIATION)
			fail("side %d answers the attacker", s->me);
		free(f);
	} else if (port != sim.s[f->to].port)
		free(f);	/* it is no longer there */
	else
		launch(f);
}

static const struct wg_ops	 sim_ops = { op_rx_buf, op_rx_done,
	op_tx_buf, op_tx_done, sim_wall, sim_random, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL };

/* ---- the two sides */

static void
forget_record(struct side *s)
{
	int	 k;

	for (k = 0; k < NRECORD; k++) {
		free(s->record[k]);
		s->record[k] = NULL;
	}
}

/* (Re)start a side: it knows its configuration and nothing else. */
static void
boot(int me, int keepalive)
{
	struct side		*s = &sim.s[me];
	struct wg_endpoint	 ep;
	struct ipprefix		 all;

	wg_device_free(s->d);
	/* it forgets timestamps: old initiations are new to it */
	forget_record(s);
	s->me = me;
	s->d = wg_device_new(&sim_ops, s, sim.now);
	if (s->d == NULL || wg_device_set_key(s->d, s->private) == -1)
		abort();
	s->d->mtu = 1420;
	s->peer = wg_peer_add(s->d, 1, sim.s[!me].public, NULL);
	(void)ipprefix_parse(&all, "0.0.0.0/0");
	if (s->peer == NULL ||
	    aip_insert(&s->d->aips, &all, s->peer, &s->peer->aips) == -1)
		abort();
	/* only one of them knows where the other is */
	if (me == 1) {
		address(&ep, 0, sim.s[0].port);
		wg_peer_set_endpoint(s->peer, &ep.remote.sa);
	}
	wg_peer_keepalive(s->d, s->peer, (uint16_t)keepalive, sim.now);
	s->last_initiation = s->last_offer = 0;
	s->offers = 0;
}

static void
talk(struct side *s)
{
	uint8_t		 b[1420];
	size_t		 i, len = 24 + rnd() % (sizeof(b) - 24);
	uint32_t	 n = s->nsent++;

	if (s->nsent >= NSENT)
		fail("too many packets");
	memset(b, 0, 20);
	b[0] = 0x45;
	b[2] = (uint8_t)(len >> 8);
	b[3] = (uint8_t)len;
	b[12] = 10;
	b[16] = 10;
	memcpy(b + 20, &n, sizeof(n));
	for (i = 24; i < len; i++)
		b[i] = (uint8_t)(n + i);
	if (wg_output(s->d, s->peer, b, len, 0, sim.now) == -1)
		fail("nothing is taken");
}

/* How many messages of consequence a side has accepted. */
static uint64_t
accepted(const struct side *s)
{
	const struct crypto_counters	*c = &s->d->count;

	return (c->wg_rx_initiations + c->wg_rx_responses +
	    c->wg_rx_cookies + c->wg_rx_packets + c->wg_rx_keepalives);
}

static void
deliver(struct flight *f)
{
	struct side	*s = &sim.s[f->to];
	uint64_t	 before = accepted(s);
	uint8_t		 b[MAX_MSG];
	unsigned int	 k = (unsigned int)(rnd() % NRECORD);

	memcpy(b, f->b, f->len);
	wg_input(s->d, b, f->len, &f->from, f->ecn, sim.now);
	wg_run_handshakes(s->d, WG_HANDSHAKE_QUEUE, sim.now);
	/* only what was accepted once must never be again */
	if (accepted(s) == before) {
		free(f);
		return;
	}
	free(s->record[k]);
	s->record[k] = f;
}

static void
run_link(void)
{
	struct flight	*f, *next;

	TAILQ_FOREACH_SAFE(f, &sim.link, entry, next) {
		if (f->when > sim.now)
			continue;
		TAILQ_REMOVE(&sim.link, f, entry);
		deliver(f);
	}
}

/* ---- the one in the middle */

static void
replay(struct side *s)
{
	struct flight		*f = s->record[rnd() % NRECORD];
	struct wg_endpoint	 from;
	uint8_t			 b[MAX_MSG];

	if (f == NULL)
		return;
	memcpy(b, f->b, f->len);
	address(&from, ATTACKER, 666);
	wg_input(s->d, b, f->len, &from, 0, sim.now);
}

static void
invent(struct side *s)
{
	static const size_t	 lens[] = { WG_INITIATION_LEN,
				    WG_RESPONSE_LEN, WG_COOKIE_LEN, 32, 1452,
				    1, 4, 31, 33, 148, 92 };
	struct wg_endpoint	 from;
	uint8_t			 b[MAX_MSG];
	size_t			 len = lens[rnd() % (sizeof(lens) /
				    sizeof(lens[0]))];

	sim_random(NULL, b, len);
	memset(b, 0, len < 4 ? len : 4);
	b[0] = (uint8_t)(rnd() % 6);
	/* sometimes an index that exists */
	if (s->peer->current != NULL && len >= 8 && chance(500))
		memcpy(b + 4, &s->peer->current->index.index, 4);
	address(&from, ATTACKER, 666);
	wg_input(s->d, b, len, &from, 0, sim.now);
}

/* Initiations that everybody who knows the public key can make. */
static void
flood(struct side *s)
{
	struct cookie_maker	 maker;
	struct wg_initiation	 m;
	struct wg_endpoint	 from;
	int			 i;

	if (cookie_maker_init(&maker, s->public) == -1)
		abort();
	for (i = 0; i < FLOOD; i++) {
		sim_random(NULL, &m, sizeof(m));
		m.type = htole32(WG_MSG_INITIATION);
		if (cookie_sign(&maker, &m, sizeof(m), sim.now) == -1)
			abort();
		address(&from, ATTACKER, (uint16_t)rnd());
		wg_input(s->d, (uint8_t *)&m, sizeof(m), &from, 0, sim.now);
	}
}

/* ---- invariants */

static void
check_bounds(const struct side *s)
{
	const struct wg_index	*x;
	uint32_t		 i;
	int			 n = 0;

	for (i = 0; i < s->d->nbuckets; i++)
		LIST_FOREACH(x, &s->d->byindex[i], entry)
			n++;
	if (n > 4)
		fail("side %d has %d indices", s->me, n);
	if (s->d->nstaged > WG_STAGED_PER_PEER ||
	    s->d->nstaged != s->peer->nstaged)
		fail("side %d has %u staged packets", s->me, s->d->nstaged);
	if (is_attacker(&s->peer->ep))
		fail("side %d has the attacker as its peer", s->me);
}

static void
check_zero(const struct side *s)
{
	static const uint8_t	 zero[HASH_LEN];
	const struct wg_peer	*p = s->peer;

	if (p->current != NULL || p->previous != NULL || p->next != NULL)
		fail("side %d keeps a session", s->me);
	if (p->noise.state != NOISE_ZEROED || p->noise.hs_e != NULL ||
	    memcmp(p->noise.hs_ck, zero, HASH_LEN) != 0 ||
	    memcmp(p->noise.hs_hash, zero, HASH_LEN) != 0)
		fail("side %d keeps a handshake", s->me);
}

static void
step(int talking, int flooding)
{
	int	 i;

	sim.now += TICK;
	run_link();
	for (i = 0; i < 2; i++) {
		if (talking && chance(40))
			talk(&sim.s[i]);
		if (chance(sim.attack))
			replay(&sim.s[i]);
		if (chance(sim.attack))
			invent(&sim.s[i]);
		if (flooding && chance(10))
			flood(&sim.s[i]);
		wg_run_handshakes(sim.s[i].d, 64, sim.now);
		wheel_run(&sim.s[i].d->wheel, sim.now);
	}
}

/* Something that happens to one of them; it costs the sessions. */
static void
event(void)
{
	struct side	*s = &sim.s[rnd() % 2];

	switch (rnd() % 4) {
	case 0:
		boot(s->me, s->me == 1 && chance(500) ? 25 : 0);
		break;
	case 1:
		/* behind another NAT; only who is not looked for may go */
		sim.s[1].port = (uint16_t)(1024 + rnd() % 60000);
		break;
	case 2:
		wg_pause(s->d);
		/* the administrator's wish */
		s->last_initiation = s->last_offer = 0;
		wg_resume(s->d, sim.now);
		break;
	case 3:
		break;
	}
}

/* One phase of the link, of so many seconds. */
static void
phase(int bad, int talking, unsigned int seconds)
{
	mono_t	 start = sim.now, end = sim.now + MONO_SEC(seconds);
	int	 flooding = !bad && chance(100);
	int	 i;

	sim.bad = bad;
	sim.loss = bad ? (int)(rnd() % 1001) : 0;
	sim.dup = bad ? 50 : 5;
	sim.corrupt = bad ? (int)(rnd() % 200) : 0;
	sim.delay = bad ? MONO_MS(1 + rnd() % 2000) : MONO_MS(10);
	sim.attack = !sim.calm && chance(700) ? 20 : 0;
	while (sim.now < end) {
		step(talking, flooding && sim.now - start < RECOVERY);
		for (i = 0; i < 2; i++) {
			check_bounds(&sim.s[i]);
			if (!bad && talking && sim.now - start > RECOVERY &&
			    sim.now - sim.s[i].last_got > RECOVERY)
				fail("side %d gets nothing", i);
		}
	}
}

static void
reset(uint64_t seed)
{
	struct noise_local	 l;
	struct flight		*f;
	int			 i;

	while ((f = TAILQ_FIRST(&sim.link)) != NULL) {
		TAILQ_REMOVE(&sim.link, f, entry);
		free(f);
	}
	for (i = 0; i < 2; i++) {
		wg_device_free(sim.s[i].d);
		free(sim.s[i].out);
		forget_record(&sim.s[i]);
	}
	memset(sim.s, 0, sizeof(sim.s));
	seed_with(seed);
	sim.now = MONO_SEC(1000);
	sim.calm = 0;
	for (i = 0; i < 2; i++) {
		sim_random(NULL, sim.s[i].private, KEY_LEN);
		if (noise_local_init(&l, sim.s[i].private) == -1)
			abort();
		memcpy(sim.s[i].public, l.public, KEY_LEN);
		noise_local_clear(&l);
		sim.s[i].port = (uint16_t)(1000 + i);
	}
	boot(0, 0);
	boot(1, chance(500) ? 25 : 0);
}

static void
run(uint64_t seed)
{
	int	 i;

	reset(seed);
	for (i = 0; i < 6; i++) {
		phase(1, chance(700), (unsigned int)(rnd() % 120));
		event();
		phase(0, chance(800), (unsigned int)(60 + rnd() % 140));
	}
	/* silence, until everything is forgotten */
	for (i = 0; i < 2; i++)
		wg_peer_keepalive(sim.s[i].d, sim.s[i].peer, 0, sim.now);
	phase(0, 0, 3 * 180 + 120);
	/* and nobody who says something old, to be offered a session */
	sim.calm = 1;
	phase(0, 0, 20);
	for (i = 0; i < 2; i++)
		check_zero(&sim.s[i]);
}

int
main(int argc, char *argv[])
{
	uint64_t	 n;

	sim_name = "sim_wg";
	sim_clock = clock_now;
	if (aead_init() != NULL)
		return (1);
	TAILQ_INIT(&sim.link);
	n = run_seeds(argc, argv, run);
	reset(1);
	/* a run in which nothing happened proves nothing */
	if (sim.delivered < 1000 * n || sim.sessions < 5 * n)
		fail("only %llu packets in %llu sessions",
		    (unsigned long long)sim.delivered,
		    (unsigned long long)sim.sessions);
	fprintf(stderr, "sim_wg: %llu packets, %llu initiations, %llu "
	    "sessions\n", (unsigned long long)sim.delivered,
	    (unsigned long long)sim.initiations,
	    (unsigned long long)sim.sessions);
	printf("%llu passed, 0 failed\n", (unsigned long long)n);
	return (0);
}
