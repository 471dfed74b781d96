/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <endian.h>
#include <string.h>
#include <time.h>

#include "around.h"
#include "links.h"
#include "log.h"
#include "sockets.h"
#include "state.h"
#include "tell.h"
#include "wg/aead.h"
#include "wg/output.h"
#include "wg/overlay.h"

#define EVERY		50000		/* microseconds between two looks */
#define KEEPALIVE	10		/* seconds */
#define SILENT		MONO_SEC(35)	/* then it is gone */
#define LATELY		MONO_SEC(10)	/* who was heard then is here */
#define PORTION		64		/* peers that are told of in a look */
#define HS_BATCH	16
#define SAYS_HERE	1		/* the first byte of what is no packet */
#define SAYS_LATER	2

struct link {
	uint8_t			 gateway;
	struct sockaddr_storage	 ss;
	struct wg_peer		*peer;
	mono_t			 session;	/* whose begin was seen */
	uint32_t		 next;		/* id of who is told of next */
	int			 up;		/* it was heard of lately */
};

/*
 * "This peer is here", since a time that is greater than all that was heard of
 * it; or, in answer to that, "I had heard of a greater one".
 */
struct here {
	uint8_t		 type;
	uint8_t		 zero[7];
	uint64_t	 when;			/* nanoseconds, big-endian */
	uint8_t		 public[KEY_LEN];
};

static int			 links_number;
static struct wg_device		*dev;
static struct link		 links[MAX_GATEWAYS];
static struct conf_links	 conf;
static uint8_t			 self;
static uint8_t			 public[KEY_LEN];	/* that it is made from */
static struct event		*timer;
static const struct timeval	 every = { 0, EVERY };
static uint8_t			 in[2048];

/*
 * Workers that have missed something, the id of who is next to be told of, and
 * whether some of those before it are to be told of once more.
 */
static struct {
	int		 any;
	int		 again;
	uint32_t	 next;
}				 owed[MAX_WORKERS];

const struct wg_device *
links_device(void)
{
	return (dev);
}

/* ---- what a device needs */

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	(void)arg;
	return (len <= sizeof(in) ? in : NULL);
}

/*
 * What another worker has to know of a peer: the first, that it is here; the
 * others, where it is.
 */
static void
say_worker(uint32_t w, const struct wg_peer *p)
{
	struct here_msg	 m;
	int		 here = ce.dev->worker != 0;

	memset(&m, 0, sizeof(m));
	m.when = here ? p->here : p->elsewhere;
	m.id = p->id;
	m.away = p->away;
	m.gateway = p->gateway;
	(void)imsgev_send(&ce.crypto[w], here ? IMSG_HERE : IMSG_AWAY, 0, -1,
	    &m, sizeof(m));
}

/* Now; or, if that one has too much to do, with everybody else's by and by. */
static void
tell_worker(uint32_t w, const struct wg_peer *p)
{
	if (imsgbuf_queuelen(&ce.crypto[w].ibuf) < PROC_BACKLOG) {
		say_worker(w, p);
		return;
	}
	if (!owed[w].any)
		owed[w].next = 0;
	else if (p->id < owed[w].next)
		owed[w].again = 1;
	owed[w].any = 1;
	/* one that waits already would begin to wait anew */
	if (!event_pending(timer, EV_TIMEOUT, NULL))
		event_add(timer, &every);
}

static void
tell_workers(const struct wg_peer *p)
{
	uint32_t	 w;

	for (w = 1; w < ce.dev->workers; w++)
		tell_worker(w, p);
}

static void
catch_up(uint32_t w)
{
	struct wg_peer	*p;
	int		 n = 0;

	for (; owed[w].next < ce.dev->nbyid; owed[w].next++) {
		if (n == PORTION || imsgbuf_queuelen(&ce.crypto[w].ibuf) >=
		    PROC_BACKLOG / 2)
			return;
		p = ce.dev->byid[owed[w].next];
		if (p == NULL || (ce.dev->worker == 0 ? p->elsewhere == 0 :
		    p->away || !wg_is_here(ce.dev, p) || p->current == NULL))
			continue;
		say_worker(w, p);
		n++;
	}
	owed[w].any = owed[w].again;
	owed[w].again = 0;
	owed[w].next = 0;
}

/* What a peer had here is over: its session, and its flows. */
static void
leave(struct wg_peer *p)
{
	wg_stage_purge(ce.dev, p);
	if (p->current == NULL && p->previous == NULL && p->next == NULL)
		return;
	wg_peer_zero(ce.dev, p);
	/* its flows have nobody to talk to */
	if (imsgbuf_queuelen(&ce.slirp.ibuf) < PROC_BACKLOG)
		imsgev_send(&ce.slirp, IMSG_CUT, 0, -1, &p->id,
		    sizeof(p->id));
}

/* -1: there is no room for it now. */
static int
say(struct link *l, uint8_t type, const struct wg_peer *p, uint64_t when,
    mono_t now)
{
	struct here	 h;

	memset(&h, 0, sizeof(h));
	h.type = type;
	h.when = htobe64(when);
	memcpy(h.public, p->noise.public, KEY_LEN);
	return (wg_output(dev, l->peer, (const uint8_t *)&h, sizeof(h), 0,
	    now));
}

/* Whether a peer has a session here, and was heard in so long. */
static int
in_session(const struct wg_peer *p, mono_t now, mono_t within)
{
	return (!p->away && p->heard != 0 && now - p->heard < within &&
	    (!wg_is_here(ce.dev, p) || p->current != NULL));
}

/*
 * A peer is elsewhere: what it had here is over.  Who is here by a later
 * handshake stays, and the other one hears of that.  It may have begun anew
 * since then, and a clock have been put back: then its time is a smaller one
 * though it is the last, and it is told of the greater one.
 */
static void
somewhere(struct link *l, const struct here *h, mono_t now)
{
	struct wg_peer	*p = wg_peer_by_key(ce.dev, h->public);
	uint64_t	 when = be64toh(h->when);
	int		 first;

	if (p == NULL || when > WG_LAST_TIME)
		return;
	/* of two at the same time it is at the greater gateway's */
	first = p->here > when || (p->here == when && self > l->gateway);
	if (first && in_session(p, now, LATELY)) {
		(void)say(l, SAYS_HERE, p, p->here, now);
		return;
	}
	if (first || p->elsewhere > when) {
		/* what it says again need not be greater */
		if (!p->away || p->gateway != l->gateway)
			(void)say(l, SAYS_LATER, p, p->here > p->elsewhere ?
			    p->here : p->elsewhere, now);
		return;
	}
	/* the other one of the two hears of that from the greater */
	if (p->away && p->elsewhere == when && p->gateway > l->gateway)
		return;
	p->elsewhere = when;
	if (!p->away || p->gateway != l->gateway)
		tell("elsewhere", p->name, "gateway %u", l->gateway);
	p->away = 1;
	p->gateway = l->gateway;
	tell_workers(p);
	leave(p);
}

/*
 * Another gateway had heard of a later time of a peer.  If the peer is here, as
 * data says that came a moment ago, then since a time that is greater still.
 */
static void
late(const struct here *h, mono_t now)
{
	struct wg_peer	*p = wg_peer_by_key(ce.dev, h->public);
	uint64_t	 when = be64toh(h->when);

	if (p == NULL || when >= WG_LAST_TIME || when < p->here ||
	    !in_session(p, now, LATELY))
		return;
	p->here = when + 1;
	links_here(p, now);
}

void
links_away(struct wg_peer *p, int away, uint8_t gateway, uint64_t when)
{
	/* it has come here since then */
	if (away && p->here > when)
		return;
	p->away = (uint8_t)away;
	p->gateway = gateway;
	p->elsewhere = when;
	if (away)
		leave(p);
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t now)
{
	struct link	*l = &links[p->id];
	struct here	 h;

	(void)arg;
	if ((in[0] == SAYS_HERE || in[0] == SAYS_LATER) && len >= sizeof(h)) {
		memcpy(&h, in, sizeof(h));
		if (h.type == SAYS_HERE)
			somewhere(l, &h, now);
		else
			late(&h, now);
	} else if (wg_overlay_far(ce.dev, in, len, l->gateway, now) == -1)
		ce.dev->count.wg_drop_link++;
}

static const struct wg_ops	 link_ops = {
	.rx_buf = op_rx_buf,
	.rx_done = op_rx_done,
	.tx_buf = around_tx_buf,
	.tx_done = around_tx_done,
	.wall = around_wall,
	.random = around_random
};

/* ---- who is here */

static void
tell_links(struct wg_peer *p, mono_t now)
{
	int	 i, was = p->away;

	p->away = 0;
	if (was)
		tell_workers(p);
	for (i = 0; i < links_number; i++)
		(void)say(&links[i], SAYS_HERE, p, p->here, now);
}

void
links_told(struct wg_peer *p, uint64_t when)
{
	/* it has gone elsewhere since then */
	if (when <= p->elsewhere)
		return;
	p->here = when;
	p->heard = mono_now();
	tell_links(p, p->heard);
}

void
links_here(struct wg_peer *p, mono_t now)
{
	if (ce.dev->worker == 0) {
		tell_links(p, now);
		return;
	}
	p->away = 0;
	if (ce.global.links.n > 0)
		tell_worker(0, p);
}

/* Another gateway that was not there: tell it of everybody, by and by. */
static void
tell_all(struct link *l, mono_t now)
{
	const struct wg_keypair	*kp = l->peer->current;
	struct wg_peer		*p;
	int			 n = 0;

	if (kp == NULL)
		return;
	/* the other one may have begun anew, and have forgotten all of it */
	if (l->session != kp->birth)
		l->next = 0;
	l->session = kp->birth;
	for (; n < PORTION && l->next < ce.dev->nbyid; l->next++) {
		p = ce.dev->byid[l->next];
		/* one that is silent may be with somebody else by now */
		if (p == NULL || !in_session(p, now, REJECT_AFTER_TIME))
			continue;
		if (say(l, SAYS_HERE, p, p->here, now) == -1)
			break;
		n++;
	}
}

/*
 * A gateway is gone, or not asked any more: so is what it had, and its clock,
 * which may be another one when it is back.  The time that is left is smaller
 * than any, but not that of a peer that never was elsewhere, of whom a worker
 * that has missed something need not hear.
 */
static void
forget(const struct link *l)
{
	struct wg_peer	*p;

	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		if (p->away && p->gateway == l->gateway) {
			p->away = 0;
			p->elsewhere = 1;
			tell_workers(p);
		}
}

static void
look(evutil_socket_t fd, short what, void *arg)
{
	mono_t		 now = mono_now();
	uint32_t	 w;
	int		 i, up, any = 0;

	(void)fd;
	(void)what;
	(void)arg;
	for (w = 0; w < ce.dev->workers; w++)
		if (owed[w].any) {
			catch_up(w);
			any |= owed[w].any;
		}
	if (ce.dev->worker != 0) {
		if (!any)
			event_del(timer);
		return;
	}
	/* wg(8) may have changed it */
	if (memcmp(public, ce.dev->local.public, KEY_LEN) != 0)
		links_set(&conf);
	if (links_number == 0)
		return;
	(void)wg_run_handshakes(dev, HS_BATCH, now);
	wheel_run(&dev->wheel, now);
	for (i = 0; i < links_number; i++) {
		up = links[i].peer->heard != 0 &&
		    now - links[i].peer->heard < SILENT;
		if (links[i].up && !up)
			forget(&links[i]);
		links[i].up = up;
		tell_all(&links[i], now);
	}
	train_send();
}

/* A datagram; 1: it was another gateway's, and is done with. */
static int
links_input(uint8_t *msg, size_t len, const struct wg_endpoint *from, int ecn,
    mono_t now)
{
	int	 i;

	for (i = 0; i < links_number; i++)
		if (sa_equal((struct sockaddr *)&links[i].ss,
		    &from->remote.sa))
			break;
	if (i == links_number)
		return (0);
	wg_input(dev, msg, len, from, ecn, now);
	return (1);
}

/* ---- the device */

/* The key of a gateway's link, and with it one that all of them share. */
static void
derive(uint8_t gateway, uint8_t key[KEY_LEN], uint8_t psk[KEY_LEN])
{
	char	 label[] = "wgslirpd link  ";
	uint8_t	 unused[KEY_LEN];

	label[sizeof(label) - 2] = (char)gateway;
	if (kdf(key, NULL, NULL, ce.dev->local.private, label,
	    sizeof(label)) == -1 ||
	    kdf(unused, psk, NULL, ce.dev->local.private, "wgslirpd links",
	    14) == -1)
		fatalx("libcrypto");
	key[0] &= 248;
	key[31] = (key[31] & 127) | 64;
	explicit_bzero(unused, sizeof(unused));
}

static void
add_link(const struct conf_link *c)
{
	struct noise_local	 local;
	struct link		*l = &links[links_number];
	uint8_t			 key[KEY_LEN], psk[KEY_LEN];

	memset(l, 0, sizeof(*l));
	memset(&local, 0, sizeof(local));
	l->gateway = c->gateway;
	(void)sa_make(&l->ss, &c->addr, c->port);
	derive(c->gateway, key, psk);
	if (noise_local_init(&local, key) == -1 ||
	    (l->peer = wg_peer_add(dev, (uint32_t)links_number, local.public,
	    psk)) == NULL)
		fatalx("gateway peer");
	noise_local_clear(&local);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(psk, sizeof(psk));
	wg_peer_set_endpoint(l->peer, (struct sockaddr *)&l->ss);
	wg_peer_keepalive(dev, l->peer, KEEPALIVE, mono_now());
	links_number++;
}

void
links_set(const struct conf_links *c)
{
	struct wg_peer	*p;
	uint8_t		 key[KEY_LEN], psk[KEY_LEN];
	int		 i;

	if (c != &conf && memcmp(&conf, c, sizeof(conf)) == 0 &&
	    self == ce.global.gateway &&
	    memcmp(public, ce.dev->local.public, KEY_LEN) == 0)
		return;
	conf = *c;
	self = ce.global.gateway;
	memcpy(public, ce.dev->local.public, KEY_LEN);
	for (i = 0; i < links_number; i++)
		forget(&links[i]);
	wg_device_free(dev);
	dev = NULL;
	links_number = 0;
	sockets_first(NULL);
	if (conf.n <= 0 || conf.n > MAX_GATEWAYS) {
		/* nobody is anywhere else, and no worker tells another so */
		TAILQ_FOREACH(p, &ce.dev->peers, entry)
			p->away = 0;
		memset(owed, 0, sizeof(owed));
		event_del(timer);
		return;
	}
	/* the first worker speaks with other gateways */
	if (ce.dev->worker != 0)
		return;
	event_add(timer, &every);
	if (!ce.dev->has_key)
		return;
	if ((dev = wg_device_new(&link_ops, NULL, mono_now())) == NULL)
		fatal(NULL);
	dev->names.gateway = (uint8_t)self;
	wg_set_worker(dev, ce.dev->worker, ce.dev->workers);
	derive(self, key, psk);
	if (wg_device_set_key(dev, key) == -1)
		fatalx("gateway peer: key");
	explicit_bzero(key, sizeof(key));
	explicit_bzero(psk, sizeof(psk));
	dev->raw = 1;
	dev->mtu = ce.dev->mtu;
	for (i = 0; i < conf.n; i++)
		/* all gateways may have the same list */
		if (conf.v[i].gateway != self)
			add_link(&conf.v[i]);
	sockets_first(links_input);
}

int
links_init(void)
{
	timer = event_new(evbase, -1, EV_PERSIST, look, NULL);
	return (timer == NULL ? -1 : 0);
}

void
links_far(void *arg, struct wg_peer *p, const uint8_t *pkt, size_t len,
    mono_t now)
{
	int	 i;

	(void)arg;
	for (i = 0; i < links_number; i++)
		if (links[i].gateway == p->gateway) {
			(void)wg_output(dev, links[i].peer, pkt, len, 0, now);
			return;
		}
	ce.dev->count.wg_drop_link++;
}
