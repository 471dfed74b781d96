/* SPDX-License-Identifier: ISC */

/*
 * The relays together.  A key is answered by the relay where it was heard last;
 * who was never heard, or whose relay is gone, is sought at the best one, and
 * where that says that he is not there, at the next.
 */

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "log.h"
#include "pem.h"
#include "relays.h"
#include "routes.h"
#include "state.h"

#define RTT_UNKNOWN	MONO_SEC(1)

_Static_assert(MAX_RELAYS <= 32, "a bit for each in struct route");

/* A relay of a configuration, and whom it trusts. */
struct staged {
	struct conf_relay	 conf;
	char			*pem;
	size_t			 len;
};

/* Keys that may come, in ascending order. */
struct keys {
	uint8_t			(*v)[KEY_LEN];
	size_t			 n;
	size_t			 cap;
};

static struct staged	 staged[MAX_RELAYS], current[MAX_RELAYS];
static size_t		 nstaged, ncurrent;
static struct relay	*relay[MAX_RELAYS];
static struct relay	*best;
static struct keys	 coming, may;
static uint8_t		 last_key[KEY_LEN];	/* that was admitted */
static int		 last_valid;
static uint32_t		 waiting;	/* relays with something queued */
static struct event	*chooser;
static relays_fn	*input;
static relays_over_fn	*over;

static int
cmp_key(const void *a, const void *b)
{
	return (memcmp(a, b, KEY_LEN));
}

static int
admitted(const struct relay *r, const uint8_t key[KEY_LEN])
{
	if (r->conf.any)
		return (1);
	if (last_valid && memcmp(last_key, key, KEY_LEN) == 0)
		return (1);
	if (may.n == 0 || bsearch(key, may.v, may.n, KEY_LEN, cmp_key) ==
	    NULL)
		return (0);
	memcpy(last_key, key, KEY_LEN);
	last_valid = 1;
	return (1);
}

/*
 * Where a key was heard is only a relay's word for it: another one takes its
 * place when the first is down, or has not said so for a while.
 */
static void
heard(const struct relay *r, const uint8_t key[KEY_LEN], mono_t now)
{
	struct route	*t = route_find(key, now, 1);
	struct relay	*before = t->relay < ncurrent ? relay[t->relay] :
			    NULL;

	if (t->relay != r->number && before != NULL &&
	    before->state == RELAY_UP &&
	    (now < t->heard || now - t->heard < ROUTE_HOLD))
		return;
	route_heard(t, r->number, now);
}

static void
from_relay(struct relay *r, const uint8_t key[KEY_LEN], const uint8_t *data,
    size_t len)
{
	static struct log_limit	 limit;
	char			 name[NODE_STRLEN];
	mono_t			 now = r->heard;

	if (!admitted(r, key)) {
		de.count.relay_drop_unknown++;
		if (log_allow(&limit, now)) {
			key_to_node(name, NODE_PUBLIC, key);
			log_info("relay %s: %s is no peer's; \"endpoint "
			    "derp\" of a peer admits it", r->conf.url, name);
		}
		return;
	}
	if (len == 0 || len > OUTQ_SLOT) {
		de.count.relay_drop_malformed++;
		return;
	}
	de.count.relay_rx_datagrams++;
	de.count.relay_rx_bytes += len;
	heard(r, key, now);
	input(key, r->number, data, len);
}

static void
batch_over(struct relay *r)
{
	(void)r;
	over();
}

static void
key_gone(struct relay *r, const uint8_t key[KEY_LEN])
{
	route_gone(key, r->number, mono_now());
}

/* How far away it is; one that is to restart is far. */
static mono_t
distance(const struct relay *r)
{
	return ((r->rtt != 0 ? r->rtt : RTT_UNKNOWN) +
	    (r->restarting != 0 ? 2 * RTT_UNKNOWN : 0));
}

/* Is a relay better than the one before by enough to change? */
static void
choose(evutil_socket_t fd, short what, void *arg)
{
	struct relay	*b = NULL;
	size_t		 i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; i < ncurrent; i++)
		if (relay[i] != NULL && relay[i]->state == RELAY_UP &&
		    (b == NULL || distance(relay[i]) < distance(b)))
			b = relay[i];
	if (b == best || (b != NULL && best != NULL &&
	    best->state == RELAY_UP &&
	    distance(b) + distance(best) / 5 > distance(best)))
		return;
	best = b;
	if (b != NULL)
		log_debug("relay %s: preferred", b->conf.url);
	for (i = 0; i < ncurrent; i++)
		if (relay[i] != NULL)
			relay_prefer(relay[i], relay[i] == b);
}

/* What a relay says of itself is thought about when it has said all. */
static void
choose_soon(struct relay *unused)
{
	static const struct timeval	 soon = { 0, 0 };

	(void)unused;
	event_add(chooser, &soon);
}

/* Its name may stand for other addresses by now. */
static void
seek(struct relay *r)
{
	uint32_t	 id = RESOLVE_RELAY | r->number;

	if (imsgbuf_queuelen(&de.slirp[0].ibuf) < PROC_BACKLOG)
		(void)imsgev_send(&de.slirp[0], IMSG_LOST, 0, -1, &id,
		    sizeof(id));
}

static const struct relay_ops	 ops = {
	.input = from_relay,
	.ended = batch_over,
	.gone = key_gone,
	.changed = choose_soon,
	.lost = seek
};

void
relays_init(relays_fn *fn, relays_over_fn *over_fn)
{
	input = fn;
	over = over_fn;
	if ((chooser = evtimer_new(evbase, choose, NULL)) == NULL)
		fatalx("event_new failed");
	routes_init();
}

static void
stage_ca(int fd)
{
	struct staged	*s;

	if (nstaged == 0 || staged[nstaged - 1].pem != NULL)
		bad_imsg("parent", IMSG_CONF_RELAY_CA);
	s = &staged[nstaged - 1];
	pem_read(fd, &s->pem, &s->len);
}

/* Somebody whose datagrams pass, from the commit on. */
void
relays_admit(const uint8_t key[KEY_LEN])
{
	void	*v;
	size_t	 cap;

	if (coming.n == coming.cap) {
		cap = coming.cap == 0 ? 64 : 2 * coming.cap;
		if ((v = reallocarray(coming.v, cap, KEY_LEN)) == NULL)
			fatal(NULL);
		coming.v = v;
		coming.cap = cap;
	}
	memcpy(coming.v[coming.n++], key, KEY_LEN);
}

static void
end_strings(struct conf_relay *c)
{
	c->url[sizeof(c->url) - 1] = '\0';
	c->host[sizeof(c->host) - 1] = '\0';
	c->path[sizeof(c->path) - 1] = '\0';
	c->via[sizeof(c->via) - 1] = '\0';
	c->proxy_auth[sizeof(c->proxy_auth) - 1] = '\0';
}

void
relays_stage(struct imsg *imsg)
{
	uint8_t	 key[KEY_LEN];

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_RELAY:
		if (nstaged == MAX_RELAYS)
			fatalx("too many relays");
		memset(&staged[nstaged], 0, sizeof(staged[nstaged]));
		imsg_is(imsg, &staged[nstaged].conf,
		    sizeof(staged[nstaged].conf));
		end_strings(&staged[nstaged++].conf);
		break;
	case IMSG_CONF_RELAY_CA:
		stage_ca(imsg_take_fd(imsg));
		break;
	case IMSG_CONF_RELAY_PEER:
		imsg_is(imsg, key, sizeof(key));
		relays_admit(key);
		break;
	}
}

static void
wipe(struct staged *s)
{
	free(s->pem);
	explicit_bzero(s, sizeof(*s));
}

/* Is it the same in both configurations? */
static int
same(const struct staged *a, const struct staged *b)
{
	return (memcmp(&a->conf, &b->conf, sizeof(a->conf)) == 0 &&
	    a->len == b->len && (a->len == 0 || memcmp(a->pem, b->pem,
	    a->len) == 0));
}

/* Numbers are places in the file: a relay that moves is another one. */
static void
replace(size_t i)
{
	const char	*why;

	if (relay[i] != NULL && i < nstaged && same(&staged[i], &current[i])) {
		wipe(&staged[i]);
		return;
	}
	if (relay[i] != NULL) {
		if (best == relay[i])
			best = NULL;
		relay_free(relay[i]);
		relay[i] = NULL;
	}
	wipe(&current[i]);
	if (i >= nstaged)
		return;
	current[i] = staged[i];
	memset(&staged[i], 0, sizeof(staged[i]));
	relay[i] = relay_new(&current[i].conf, (uint32_t)i, current[i].pem,
	    current[i].len, &ops, &why);
	if (relay[i] == NULL)
		log_warnx("relay %s: %s", current[i].conf.url, why);
	else
		relay_start(relay[i]);
}

void
relays_commit(void)
{
	size_t	 i;

	routes_clear();
	last_valid = 0;
	for (i = 0; i < MAX_RELAYS; i++)
		replace(i);
	ncurrent = nstaged;
	nstaged = 0;
	free(may.v);
	may = coming;
	memset(&coming, 0, sizeof(coming));
	if (may.n > 0)
		qsort(may.v, may.n, KEY_LEN, cmp_key);
	choose_soon(NULL);
}

void
relays_input(struct imsg *imsg)
{
	struct relay_addrs	 m;
	uint32_t		 i;

	imsg_is(imsg, &m, sizeof(m));
	i = m.id & ~RESOLVE_RELAY;
	if (m.n > MAX_RELAY_ADDRS)
		bad_imsg("slirp", IMSG_RELAY_ADDRS);
	m.host[sizeof(m.host) - 1] = '\0';
	/* a name of the configuration before may be answered after it */
	if (i < ncurrent && relay[i] != NULL &&
	    strcmp(m.host, relay[i]->conf.via) == 0)
		relay_addresses(relay[i], &m);
}

/*
 * By which relay a key is reached, NULL: by none now.  Who knows better, from
 * what was authentic, says which (LINK_ANY: nobody does).
 */
static struct relay *
route_to(const uint8_t key[KEY_LEN], unsigned int via, mono_t now)
{
	struct route	*t;
	struct relay	*r, *found = NULL;
	size_t		 i;

	t = route_find(key, now, 1);
	if (via < ncurrent && (r = relay[via]) != NULL &&
	    r->state == RELAY_UP && !route_absent(t, via, now))
		return (r);
	if (t->relay < ncurrent && (r = relay[t->relay]) != NULL &&
	    r->state == RELAY_UP)
		return (r);
	if (best != NULL && !route_absent(t, best->number, now))
		return (best);
	for (i = 0; i < ncurrent; i++) {
		r = relay[i];
		if (r == NULL || r->state != RELAY_UP || route_absent(t,
		    r->number, now))
			continue;
		if (found == NULL || distance(r) < distance(found))
			found = r;
	}
	if (found == NULL)
		t->absent = 0;	/* once more from the first */
	return (found != NULL ? found : best);
}

void
relays_send(const uint8_t key[KEY_LEN], unsigned int via,
    const uint8_t *data, size_t len, size_t segment)
{
	mono_t		 now = mono_now();
	struct relay	*r;
	size_t		 n;

	if (segment == 0)
		return;
	r = route_to(key, via, now);
	for (; len > 0; data += n, len -= n) {
		n = len < segment ? len : segment;
		if (r == NULL)
			de.count.relay_drop_down++;
		else
			relay_send(r, key, data, n, now);
	}
	if (r != NULL)
		waiting |= 1U << r->number;
}

void
relays_flush(void)
{
	size_t	 i;

	for (i = 0; i < ncurrent; i++)
		if (waiting & 1U << i && relay[i] != NULL)
			relay_flush(relay[i]);
	waiting = 0;
}

int
relays_show(uint64_t i, struct ctl_entry *e)
{
	const struct relay	*r;
	char			 key[NODE_STRLEN];

	memset(e, 0, sizeof(*e));
	if (i >= ncurrent)
		return (-1);
	strlcpy(e->name, current[i].conf.url, sizeof(e->name));
	if ((r = relay[i]) == NULL) {
		strlcpy(e->kind, "unusable", sizeof(e->kind));
		return (0);
	}
	strlcpy(e->kind, relay_state_name(r), sizeof(e->kind));
	key_to_node(key, NODE_PUBLIC, r->public);
	if (r->state == RELAY_UP)
		snprintf(e->value, sizeof(e->value), "%s, %s%llu.%llu ms, "
		    "%llu datagrams from it, %llu to it", key, r == best ?
		    "preferred, " : "", (unsigned long long)(r->rtt /
		    MONO_MS(1)), (unsigned long long)(r->rtt / MONO_US(100) %
		    10), (unsigned long long)r->rx,
		    (unsigned long long)r->tx);
	else
		snprintf(e->value, sizeof(e->value), "%s%s%s", key,
		    r->error[0] != '\0' ? ", " : "", r->error);
	return (0);
}
