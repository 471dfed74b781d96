/* SPDX-License-Identifier: ISC */

/*
 * Gateways with one key, of which some die: how long until the clients that
 * they had are served by others, and with how many handshakes.
 *
 * usage: sim_fail [clients [peers [idle]]]
 *
 * One gateway that goes on is looked at, with so many clients that come to it
 * at the same moment and so many peers that it knows.  Of 100 gateways with
 * 100,000 clients, of which ten die, each of the others gets 111: that is the
 * first default, and 100,000 the second.  The clients send a packet a second;
 * with "idle" a keepalive every 25 seconds and nothing else.
 *
 * What has to hold:
 * - every client is served, an active one within 2 s and what the budget of
 *   500 offers a second makes it wait, an idle one with its next keepalive;
 * - the gateway sends no more than its budget of initiations in any second,
 *   and nobody more than four within 5 s: one for each peer that the index may
 *   mean;
 * - all clients together send no more initiations than there are of them:
 *   there is no storm;
 * - every endpoint is the client's own.
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
#include "crypto/wg/output.h"

#define MAX_MSG		256
#define TICK		MONO_MS(10)
#define DELAY		MONO_MS(20)
#define AWAY		MONO_MS(700)	/* until the balancer has noticed */
#define SECONDS		120
#define OFFERS		500		/* of a gateway, in a second */
#define MAX_CLIENTS	20000
#define NAMESAKES	4		/* peers that an index may mean */

struct flight {
	TAILQ_ENTRY(flight)	 entry;
	mono_t			 when;
	int			 to;		/* client, or GATEWAY */
	int			 from;
	size_t			 len;
	uint8_t			 b[MAX_MSG];
};
#define GATEWAY		(-1)

struct client {
	struct wg_device	*d;
	struct wg_peer		*peer;
	mono_t			 next;		/* when it sends */
	mono_t			 served;	/* by the new one, 0: not yet */
	mono_t			 offered;	/* initiations, since then */
	int			 offers;
	uint8_t			 public[KEY_LEN];
};

static struct {
	mono_t			 now;
	mono_t			 died;
	struct wg_device	*gateway;
	int			 alive;
	struct client		*client;
	int			 n;
	int			 idle;
	int			 talking;
	int			 sender;	/* whose device is at work */
	int			 out_to;
	struct flight		*out;
	uint8_t			 rx[2048];
	TAILQ_HEAD(, flight)	 link;
	uint32_t		 offers[SECONDS + 1];	/* by second */
	uint64_t		 initiations;	/* of clients, since */
} sim;

static uint8_t	 private[KEY_LEN], public[KEY_LEN];

static mono_t
clock_now(void)
{
	return (sim.now);
}

static void
address(struct wg_endpoint *ep, int host)
{
	memset(ep, 0, sizeof(*ep));
	ep->remote.sin.sin_family = AF_INET;
	ep->remote.sin.sin_addr.s_addr = htonl(0x0a000002U + (uint32_t)host);
	ep->remote.sin.sin_port = htons(51820);
	ep->sock = WG_ANY_SOCK;
}

/* ---- what a device needs */

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	(void)arg;
	return (len <= sizeof(sim.rx) ? sim.rx : NULL);
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	(void)arg;
	(void)p;
	(void)len;
	(void)now;
}

static uint8_t *
op_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	(void)arg;
	(void)tos;
	if (len > MAX_MSG)
		fail("message of %zu bytes", len);
	free(sim.out);
	if ((sim.out = calloc(1, sizeof(*sim.out))) == NULL)
		abort();
	sim.out_to = (int)(ntohl(ep->remote.sin.sin_addr.s_addr) -
	    0x0a000002U);
	return (sim.out->b);
}

static void
op_tx_done(void *arg, size_t len)
{
	struct flight	*f = sim.out;
	struct client	*c;
	mono_t		 since = sim.now - sim.died;

	(void)arg;
	sim.out = NULL;
	f->len = len;
	f->from = sim.sender;
	f->to = sim.sender == GATEWAY ? sim.out_to : GATEWAY;
	f->when = sim.now + DELAY;
	TAILQ_INSERT_TAIL(&sim.link, f, entry);
	if (f->b[0] != WG_MSG_INITIATION || sim.died == 0)
		return;
	if (sim.sender != GATEWAY) {
		sim.initiations++;
		return;
	}
	if (f->to < 0 || f->to >= sim.n)
		fail("an initiation to nobody");
	c = &sim.client[f->to];
	if (c->offered == 0 || sim.now - c->offered >= MONO_SEC(5)) {
		c->offered = sim.now;
		c->offers = 0;
	}
	if (++c->offers > NAMESAKES)
		fail("client %d: %d initiations within 5 s", f->to, c->offers);
	if (since / MONO_SEC(1) < SECONDS)
		sim.offers[since / MONO_SEC(1)]++;
}

static const struct wg_ops	 sim_ops = { op_rx_buf, op_rx_done,
	op_tx_buf, op_tx_done, sim_wall, sim_random, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL };

/* ---- who is there */

static void
derive(uint8_t pub[KEY_LEN], const uint8_t priv[KEY_LEN])
{
	struct noise_local	 l;

	memset(&l, 0, sizeof(l));
	if (noise_local_init(&l, priv) == -1)
		abort();
	memcpy(pub, l.public, KEY_LEN);
	noise_local_clear(&l);
}

/* A gateway that knows its clients and everybody else's. */
static struct wg_device *
make_gateway(int id, int peers)
{
	struct wg_device	*d;
	struct wg_peer		*p;
	struct ipprefix		 a;
	uint8_t			 key[KEY_LEN];
	char			 text[32];
	int			 i;

	d = wg_device_new(&sim_ops, NULL, sim.now);
	if (d == NULL || wg_device_set_key(d, private) == -1)
		abort();
	d->mtu = 1420;
	d->many = 1;
	d->names.gateway = (uint8_t)id;
	for (i = 0; i < peers; i++) {
		/* a point of the curve for who comes, anything for others */
		if (i >= sim.n)
			sim_random(NULL, key, sizeof(key));
		p = wg_peer_add(d, (uint32_t)i + 1, i < sim.n ?
		    sim.client[i].public : key, NULL);
		snprintf(text, sizeof(text), "10.%d.%d.%d/32", i >> 16 & 255,
		    i >> 8 & 255, i & 255);
		if (p == NULL || ipprefix_parse(&a, text) == -1 ||
		    aip_insert(&d->aips, &a, p, &p->aips) == -1)
			abort();
	}
	return (d);
}

static void
make_client(struct client *c)
{
	struct wg_endpoint	 ep;
	struct ipprefix		 all;
	uint8_t			 key[KEY_LEN];

	sim_random(NULL, key, sizeof(key));
	derive(c->public, key);
	c->d = wg_device_new(&sim_ops, NULL, sim.now);
	if (c->d == NULL || wg_device_set_key(c->d, key) == -1)
		abort();
	c->d->mtu = 1420;
	c->peer = wg_peer_add(c->d, 1, public, NULL);
	(void)ipprefix_parse(&all, "0.0.0.0/0");
	if (c->peer == NULL ||
	    aip_insert(&c->d->aips, &all, c->peer, &c->peer->aips) == -1)
		abort();
	address(&ep, -1);
	wg_peer_set_endpoint(c->peer, &ep.remote.sa);
	c->next = sim.now + rnd() % MONO_SEC(1);
}

/* ---- what happens */

static void
talk(int i)
{
	struct client	*c = &sim.client[i];
	uint8_t		 b[64];

	memset(b, 0, sizeof(b));
	b[0] = 0x45;
	b[3] = sizeof(b);
	b[12] = 10;
	b[13] = (uint8_t)(i >> 16);
	b[14] = (uint8_t)(i >> 8);
	b[15] = (uint8_t)i;
	b[16] = 10;
	b[17] = 255;
	sim.sender = i;
	if (wg_output(c->d, c->peer, b, sizeof(b), 0, sim.now) == -1)
		fail("nothing is taken");
}

/* What shows that one is served: its data, or its session if it has none. */
static uint64_t
heard(const struct wg_device *d)
{
	return (d->count.wg_rx_packets + d->count.wg_rx_keepalives +
	    (sim.idle ? d->count.wg_rx_responses : 0));
}

static void
deliver(struct flight *f)
{
	struct wg_endpoint	 from;
	struct wg_device	*d = sim.gateway;
	struct wg_peer		*p;
	struct client		*c;
	uint64_t		 before;

	address(&from, f->from);
	sim.sender = f->to;
	if (f->to != GATEWAY) {
		c = &sim.client[f->to];
		wg_input(c->d, f->b, f->len, &from, 0, sim.now);
		wg_run_handshakes(c->d, 16, sim.now);
		return;
	}
	if (!sim.alive)
		return;
	before = heard(d);
	wg_input(d, f->b, f->len, &from, 0, sim.now);
	wg_run_handshakes(d, 16, sim.now);
	c = &sim.client[f->from];
	if (heard(d) == before || c->served != 0)
		return;
	c->served = sim.now;
	p = wg_peer_by_key(d, c->public);
	if (p == NULL || p->ep.remote.sin.sin_addr.s_addr !=
	    from.remote.sin.sin_addr.s_addr)
		fail("client %d: another endpoint", f->from);
}

static void
step(void)
{
	struct flight	*f;
	struct client	*c;
	int		 i;

	sim.now += TICK;
	while ((f = TAILQ_FIRST(&sim.link)) != NULL && f->when <= sim.now) {
		TAILQ_REMOVE(&sim.link, f, entry);
		deliver(f);
		free(f);
	}
	if (sim.alive) {
		sim.sender = GATEWAY;
		wg_run_handshakes(sim.gateway, 64, sim.now);
		wheel_run(&sim.gateway->wheel, sim.now);
	}
	for (i = 0; i < sim.n; i++) {
		c = &sim.client[i];
		sim.sender = i;
		wheel_run(&c->d->wheel, sim.now);
		if (sim.now >= c->next && sim.talking) {
			talk(i);
			c->next += MONO_SEC(1);
		}
	}
}

static int
all_served(void)
{
	int	 i;

	for (i = 0; i < sim.n; i++)
		if (sim.client[i].served == 0)
			return (0);
	return (1);
}

static int
cmp_time(const void *a, const void *b)
{
	mono_t	 x = *(const mono_t *)a, y = *(const mono_t *)b;

	return (x < y ? -1 : x > y);
}

static void
judge(int peers)
{
	mono_t		*t, limit;
	uint32_t	 most = 0;
	uint64_t	 offers = 0;
	int		 i;

	if ((t = calloc((size_t)sim.n, sizeof(*t))) == NULL)
		abort();
	for (i = 0; i < sim.n; i++) {
		if (sim.client[i].served == 0)
			fail("client %d is not served", i);
		t[i] = sim.client[i].served - sim.died;
	}
	qsort(t, (size_t)sim.n, sizeof(*t), cmp_time);
	for (i = 0; i < SECONDS; i++) {
		offers += sim.offers[i];
		if (sim.offers[i] > most)
			most = sim.offers[i];
	}
	printf("%d clients%s, %d peers: half are served after %.1f s, 99 %% "
	    "after %.1f, all after %.1f; the gateway sends %llu initiations, "
	    "at most %u a second, clients %llu\n", sim.n, sim.idle ?
	    " that are idle" : "", peers, (double)t[sim.n / 2] / 1e9,
	    (double)t[sim.n * 99 / 100] / 1e9, (double)t[sim.n - 1] / 1e9,
	    (unsigned long long)offers, most,
	    (unsigned long long)sim.initiations);
	/* its next packet, and its turn; who lost one waits five seconds */
	limit = AWAY + MONO_SEC(sim.idle ? 26 : 3) + MONO_SEC(2 * sim.n /
	    OFFERS) + (sim.n > OFFERS / 2 ? MONO_SEC(5) : 0);
	if (t[sim.n - 1] > limit)
		fail("served after %.1f s, not within %.1f",
		    (double)t[sim.n - 1] / 1e9, (double)limit / 1e9);
	/* a bucket of 500 that fills within the second */
	if (most > 2 * OFFERS)
		fail("%u initiations in one second", most);
	if (sim.initiations > (uint64_t)sim.n)
		fail("%llu initiations of %d clients",
		    (unsigned long long)sim.initiations, sim.n);
	free(t);
}

int
main(int argc, char *argv[])
{
	int	 peers, i;

	sim_name = "sim_fail";
	sim_clock = clock_now;
	if (aead_init() != NULL)
		return (1);
	TAILQ_INIT(&sim.link);
	seed_with(1);
	sim.n = argc > 1 ? atoi(argv[1]) : 111;
	peers = argc > 2 ? atoi(argv[2]) : 100000;
	sim.idle = argc > 3;
	if (sim.n < 1 || sim.n > MAX_CLIENTS || peers < sim.n)
		return (1);
	sim.now = MONO_SEC(1000);
	sim_random(NULL, private, sizeof(private));
	derive(public, private);
	if ((sim.client = calloc((size_t)sim.n, sizeof(*sim.client))) == NULL)
		abort();
	for (i = 0; i < sim.n; i++)
		make_client(&sim.client[i]);
	/* all are with the one that is going to die */
	sim.gateway = make_gateway(1, sim.n);
	sim.alive = sim.talking = 1;
	for (i = 0; i < 500 || !all_served(); i++)
		step();
	for (i = 0; i < sim.n; i++) {
		sim.client[i].served = 0;
		if (sim.idle)
			wg_peer_keepalive(sim.client[i].d, sim.client[i].peer,
			    25, sim.now - rnd() % MONO_SEC(25));
	}
	sim.talking = !sim.idle;
	for (i = 0; sim.idle && i < 3000; i++)
		step();
	for (i = 0; i < sim.n; i++)
		sim.client[i].served = 0;
	/* it is gone, and a while later another one has its clients */
	sim.alive = 0;
	sim.died = sim.now;
	wg_device_free(sim.gateway);
	sim.gateway = make_gateway(2, peers);
	while (sim.now < sim.died + AWAY)
		step();
	sim.alive = 1;
	while (sim.now < sim.died + MONO_SEC(SECONDS) && !all_served())
		step();
	judge(peers);
	printf("1 passed, 0 failed\n");
	return (0);
}
