/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "log.h"
#include "mono.h"
#include "peers.h"
#include "proc.h"
#include "question.h"

#define LOOKED_AT	2		/* seconds between pictures */
#define ALONE		10
#define MOST		60
#define WANTED_TIME	MONO_SEC(15)	/* after the last who looked */
#define COST		50		/* times what it took, at least */
#define PATIENCE	60		/* seconds for a picture */
#define ONLINE		180		/* seconds since a handshake */

struct picture {
	struct web_peer		*peer;
	size_t			 n;
	size_t			 cap;
	struct ctl_peerflows	*flows;		/* by id */
	size_t			 nflows;
	size_t			 capflows;
	struct ctl_summary	 summary;
	struct ctl_setup	 setup;
	mono_t			 at;
	double			 rx_rate;
	double			 tx_rate;
	uint32_t		 online;
};

/* Names in the folder, sorted. */
struct file {
	char	 name[CTL_NAME_LEN];
	int	 on;
};

/* What is asked for, in this order. */
static const uint32_t	 parts[] = { CTL_SHOW_SETUP, CTL_SHOW_SUMMARY,
			    CTL_SHOW_FILES, CTL_SHOW_PEERS };
#define NPARTS		(sizeof(parts) / sizeof(parts[0]))

static struct picture	 shown, taken;
static struct file	*files, *new_files;
static size_t		 nfiles, nnew_files, capnew;
static uint32_t		*byname;	/* of those shown, in this order */
static struct series	*total;
static struct event	*timer, *patience;
static uint32_t		 asked;		/* the question, or 0 */
static int		 files_failed;
static mono_t		 begun, wanted_until;
static size_t		 under_way;	/* parts that were asked for */
static int		 failed, again;
static void		(*changed_fn)(int);

static void	 step(void);

double
peers_clock(void)
{
	return ((double)mono_now() / 1e9);
}

/* ---- taking a picture: one question after the other */

static void *
grow(void *v, size_t n, size_t *cap, size_t size)
{
	size_t	 more = *cap == 0 ? 64 : 2 * *cap;
	void	*w;

	if (n < *cap)
		return (v);
	if ((w = recallocarray(v, *cap, more, size)) == NULL) {
		failed = 1;
		return (v);
	}
	*cap = more;
	return (w);
}

static void
take_peer(const struct ctl_peer *c)
{
	struct web_peer	*p;

	taken.peer = grow(taken.peer, taken.n, &taken.cap, sizeof(*p));
	if (failed)
		return;
	p = &taken.peer[taken.n++];
	memset(p, 0, sizeof(*p));
	p->c = *c;
	p->c.name[sizeof(p->c.name) - 1] = '\0';
}

static void
take_aip(const struct ctl_aip *a)
{
	struct web_peer	*p;

	if (taken.n == 0)
		return;
	p = &taken.peer[taken.n - 1];
	if (p->naips < CTL_ADDRESSES)
		p->aip[p->naips] = a->prefix;
	p->naips++;
}

static void
take_file(const struct ctl_entry *e)
{
	struct file	*f;

	new_files = grow(new_files, nnew_files, &capnew, sizeof(*new_files));
	if (failed)
		return;
	f = &new_files[nnew_files++];
	memset(f, 0, sizeof(*f));
	memcpy(f->name, e->name, sizeof(f->name) - 1);
	f->on = strncmp(e->kind, "on", sizeof(e->kind)) == 0;
}

/* Lengths were checked by their types. */
static void
record(void *arg, uint32_t type, const void *data, size_t len)
{
	(void)arg;
	(void)len;
	switch (type) {
	case CTL_SUMMARY:
		memcpy(&taken.summary, data, sizeof(taken.summary));
		break;
	case CTL_SETUP:
		memcpy(&taken.setup, data, sizeof(taken.setup));
		taken.setup.public_host[CTL_TEXT_LEN - 1] = '\0';
		taken.setup.config[CTL_PATH_LEN - 1] = '\0';
		break;
	case CTL_PEERFLOWS:
		taken.flows = grow(taken.flows, taken.nflows,
		    &taken.capflows, sizeof(*taken.flows));
		if (!failed)
			memcpy(&taken.flows[taken.nflows++], data,
			    sizeof(*taken.flows));
		break;
	case CTL_PEER:
		take_peer(data);
		break;
	case CTL_AIP:
		take_aip(data);
		break;
	case CTL_ENTRY:
		take_file(data);
		break;
	case CTL_FAIL:
		/* without the folder it is a picture, too */
		if (parts[under_way - 1] == CTL_SHOW_FILES)
			files_failed = 1;
		else
			failed = 1;
		/* FALLTHROUGH */
	case CTL_END:
		asked = 0;
		step();
		break;
	}
}

/* ---- making sense of it */

static int
cmp_flows(const void *a, const void *b)
{
	const struct ctl_peerflows	*x = a, *y = b;

	return (x->id < y->id ? -1 : x->id > y->id);
}

static int
cmp_file(const void *a, const void *b)
{
	return (strcmp(((const struct file *)a)->name,
	    ((const struct file *)b)->name));
}

static int
cmp_key(const void *a, const void *b)
{
	const struct web_peer *const	*x = a, *const *y = b;

	return (memcmp((*x)->c.public_key, (*y)->c.public_key, KEY_LEN));
}

static int
cmp_index(const void *a, const void *b)
{
	const uint32_t	*x = a, *y = b;

	return (strcmp(shown.peer[*x].c.name, shown.peer[*y].c.name));
}

/* Those of the picture before, by key, so that they are found again. */
static struct web_peer **
sort_keys(struct picture *p)
{
	struct web_peer	**v;
	size_t		  i;

	if ((v = calloc(p->n + 1, sizeof(*v))) == NULL)
		return (NULL);
	for (i = 0; i < p->n; i++)
		v[i] = &p->peer[i];
	qsort(v, p->n, sizeof(*v), cmp_key);
	return (v);
}

static enum peer_state
state_of(const struct web_peer *p)
{
	if (p->c.cut)
		return (PEER_CUT);
	if (p->c.latest_handshake == 0)
		return (PEER_NEVER);
	/* the clock may have been put back since then */
	return (llabs((long long)time(NULL) -
	    (long long)p->c.latest_handshake) < ONLINE ? PEER_ONLINE :
	    PEER_OFFLINE);
}

static double
more(uint64_t before, uint64_t after)
{
	return (after > before ? (double)(after - before) : 0);
}

/* What the peer of before has done meanwhile; its series goes over. */
static void
compare(struct web_peer *p, struct web_peer *old, double from, double to)
{
	double	 rx = more(old->c.rx_bytes, p->c.rx_bytes);
	double	 tx = more(old->c.tx_bytes, p->c.tx_bytes);

	p->series = old->series;
	old->series = NULL;
	if (rx + tx > 0 && p->series == NULL)
		p->series = series_new();
	if (rx + tx > 0 && p->series != NULL)
		series_add(p->series, from, to, rx, tx);
	else if (p->series != NULL && series_empty(p->series, to)) {
		series_free(p->series);
		p->series = NULL;
	}
	p->rx_rate = to > from ? rx / (to - from) : 0;
	p->tx_rate = to > from ? tx / (to - from) : 0;
	p->moved = rx + tx > 0 || old->rx_rate + old->tx_rate > 0 ||
	    old->state != p->state || old->flows != p->flows ||
	    old->c.latest_handshake != p->c.latest_handshake ||
	    old->c.endpoint_port != p->c.endpoint_port ||
	    ipaddr_cmp(&old->c.endpoint, &p->c.endpoint) != 0 ||
	    old->c.quota != p->c.quota || old->c.expires != p->c.expires;
}

static void
fill_in(struct web_peer *p)
{
	struct ctl_peerflows	 k, *f;
	struct file		 name;

	memset(&k, 0, sizeof(k));
	k.id = p->c.id;
	f = taken.nflows == 0 ? NULL : bsearch(&k, taken.flows, taken.nflows,
	    sizeof(k), cmp_flows);
	if (f != NULL) {
		p->flows = f->flows;
		p->rtt_us = f->rtt_us;
	}
	strlcpy(name.name, p->c.name, sizeof(name.name));
	p->managed = nfiles > 0 && bsearch(&name, files, nfiles,
	    sizeof(*files), cmp_file) != NULL;
	p->state = state_of(p);
}

/* Peers of whom there is only a file, behind the others. */
static void
add_disabled(void)
{
	struct ctl_peer	 c;
	size_t		 i;

	for (i = 0; i < nfiles; i++) {
		if (files[i].on)
			continue;
		memset(&c, 0, sizeof(c));
		strlcpy(c.name, files[i].name, sizeof(c.name));
		take_peer(&c);
		if (failed)
			return;
		taken.peer[taken.n - 1].state = PEER_DISABLED;
		taken.peer[taken.n - 1].managed = 1;
	}
}

/* Is it the same peers, by the same names? */
static int
same_names(const struct picture *a, const struct picture *b)
{
	size_t	 i;

	if (a->n != b->n)
		return (0);
	for (i = 0; i < a->n; i++)
		if (strcmp(a->peer[i].c.name, b->peer[i].c.name) != 0 ||
		    a->peer[i].managed != b->peer[i].managed ||
		    (a->peer[i].state == PEER_DISABLED) !=
		    (b->peer[i].state == PEER_DISABLED))
			return (0);
	return (1);
}

static void
compare_all(double from, double to)
{
	struct web_peer	**old, **o, *k;
	size_t		  i;

	if ((old = sort_keys(&shown)) == NULL) {
		failed = 1;
		return;
	}
	for (i = 0; i < taken.n; i++) {
		fill_in(&taken.peer[i]);
		taken.online += taken.peer[i].state == PEER_ONLINE;
		k = &taken.peer[i];
		o = bsearch(&k, old, shown.n, sizeof(*old), cmp_key);
		if (o != NULL && shown.at != 0)
			compare(&taken.peer[i], *o, from, to);
	}
	free(old);
}

/* The order of names, for who looks for one; v has room for all. */
static void
index_names(uint32_t *v)
{
	size_t	 i;

	free(byname);
	byname = v;
	for (i = 0; i < shown.n; i++)
		byname[i] = (uint32_t)i;
	qsort(byname, shown.n, sizeof(*byname), cmp_index);
}

static void
use_files(void)
{
	/* those that were known, if they cannot be told now */
	if (files_failed)
		return;
	free(files);
	files = new_files;
	nfiles = nnew_files;
	new_files = NULL;
	nnew_files = capnew = 0;
	if (nfiles > 0)
		qsort(files, nfiles, sizeof(*files), cmp_file);
}

/* The picture is complete: it is shown instead of the one before. */
static void
complete(void)
{
	double		 from = (double)shown.at / 1e9, to, rx, tx;
	struct picture	 old;
	uint32_t	*v;
	size_t		 i;
	int		 named;

	taken.at = mono_now();
	to = (double)taken.at / 1e9;
	use_files();
	if (taken.nflows > 0)
		qsort(taken.flows, taken.nflows, sizeof(*taken.flows),
		    cmp_flows);
	if ((v = calloc(taken.n + nfiles + 1, sizeof(*v))) == NULL) {
		failed = 1;
		return;
	}
	compare_all(from, to);
	if (failed) {
		free(v);
		return;
	}
	if (shown.at != 0) {
		rx = more(shown.summary.rx_bytes, taken.summary.rx_bytes);
		tx = more(shown.summary.tx_bytes, taken.summary.tx_bytes);
		taken.rx_rate = to > from ? rx / (to - from) : 0;
		taken.tx_rate = to > from ? tx / (to - from) : 0;
		series_add(total, from, to, rx, tx);
	}
	/* what there is no memory for is not shown; the rest is */
	add_disabled();
	failed = 0;
	named = !same_names(&shown, &taken);
	for (i = 0; i < shown.n; i++)
		series_free(shown.peer[i].series);
	old = shown;
	shown = taken;
	taken = old;
	index_names(v);
	changed_fn(named);
}

/* Which part of the picture comes next. */
static void
step(void)
{
	struct timeval	 tv = { 0, 0 };
	mono_t		 cost, wait;
	uint32_t	 type;

	while (!failed && under_way < NPARTS) {
		type = parts[under_way++];
		/* who cannot change files has none to tell of */
		if (type == CTL_SHOW_FILES && !taken.setup.files)
			continue;
		asked = question(type, 0, NULL, record, NULL);
		if (asked != 0)
			return;
		failed = 1;
	}
	event_del(patience);
	if (!failed)
		complete();
	under_way = 0;
	cost = mono_now() - begun;
	wait = mono_now() < wanted_until ? MONO_SEC(LOOKED_AT) :
	    MONO_SEC(ALONE);
	if (wait < cost * COST)
		wait = cost * COST;
	if (wait > MONO_SEC(MOST))
		wait = MONO_SEC(MOST);
	if (shown.at == 0)
		wait = MONO_SEC(1);
	if (again)
		wait = 0;
	again = 0;
	tv.tv_sec = (time_t)(wait / MONO_SEC(1));
	tv.tv_usec = (suseconds_t)(wait % MONO_SEC(1) / 1000);
	event_add(timer, &tv);
}

static void
begin(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 tv = { PATIENCE, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	if (under_way)
		return;
	begun = mono_now();
	failed = 0;
	taken.n = taken.nflows = 0;
	taken.online = 0;
	taken.rx_rate = taken.tx_rate = 0;
	nnew_files = 0;
	files_failed = 0;
	event_add(patience, &tv);
	step();
}

/* It does not end: begin anew. */
static void
give_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (asked != 0)
		question_cancel(asked);
	asked = 0;
	failed = 1;
	step();
}

void
peers_again(void)
{
	static const struct timeval	 at_once = { 0, 0 };

	if (timer == NULL)
		return;		/* it has not begun */
	if (under_way)
		again = 1;
	else
		event_add(timer, &at_once);
}

void
peers_wanted(void)
{
	static const struct timeval	 soon = { 0, 100000 };
	mono_t				 t = mono_now();

	if (timer != NULL && t >= wanted_until && !under_way)
		event_add(timer, &soon);
	wanted_until = t + WANTED_TIME;
}

void
peers_init(void (*changed)(int))
{
	static const struct timeval	 at_once = { 0, 0 };

	changed_fn = changed;
	if ((total = series_new()) == NULL ||
	    (patience = evtimer_new(evbase, give_up, NULL)) == NULL ||
	    (timer = evtimer_new(evbase, begin, NULL)) == NULL ||
	    event_add(timer, &at_once) == -1)
		fatal(NULL);
}

/* ---- for who shows it */

int
peers_ready(void)
{
	return (shown.at != 0);
}

const struct ctl_summary *
peers_summary(void)
{
	return (&shown.summary);
}

const struct ctl_setup *
peers_setup(void)
{
	return (&shown.setup);
}

const struct series *
peers_total(void)
{
	return (total);
}

void
peers_rates(double *rx, double *tx)
{
	*rx = shown.rx_rate;
	*tx = shown.tx_rate;
}

uint32_t
peers_online(void)
{
	return (shown.online);
}

const struct web_peer *
peers_all(size_t *n)
{
	*n = shown.n;
	return (shown.peer);
}

const struct web_peer *
peers_find(const char *name)
{
	size_t	 lo = 0, hi = shown.n, mid;
	int	 r;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		r = strcmp(name, shown.peer[byname[mid]].c.name);
		if (r == 0)
			return (&shown.peer[byname[mid]]);
		if (r < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return (NULL);
}

static void
json_endpoint(FILE *f, const struct ctl_peer *c)
{
	char	 text[ADDR_STRLEN];

	json_key(f, "endpoint");
	json_string(f, c->at_relay ? "relay" : c->endpoint.af == 0 ? "" :
	    ipport_str(&c->endpoint, c->endpoint_port, text, sizeof(text)));
}

void
peers_json(FILE *f, const struct web_peer *p, int all)
{
	static const char *const	 states[] = {
		[PEER_ONLINE] = "online",
		[PEER_OFFLINE] = "offline",
		[PEER_NEVER] = "never",
		[PEER_CUT] = "over",
		[PEER_DISABLED] = "disabled"
	};
	char				 text[ADDR_STRLEN], key[KEY_B64LEN];
	uint32_t			 i;

	fprintf(f, "{\"name\":");
	json_string(f, p->c.name);
	fprintf(f, ",\"state\":\"%s\",\"latest_handshake\":%" PRIu64
	    ",\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64
	    ",\"rx_rate\":%.0f,\"tx_rate\":%.0f,\"flows\":%u,",
	    states[p->state], p->c.latest_handshake, p->c.rx_bytes,
	    p->c.tx_bytes, p->rx_rate, p->tx_rate, p->flows);
	json_endpoint(f, &p->c);
	fprintf(f, ",\"quota\":%" PRIu64 ",\"expires\":%" PRId64,
	    p->c.quota, p->c.expires);
	if (all) {
		key_to_base64(key, p->c.public_key);
		fprintf(f, ",\"public_key\":\"%s\",\"rtt_us\":%u,"
		    "\"managed\":%s,\"allowed_ips\":[",
		    p->state == PEER_DISABLED ? "" : key, p->rtt_us,
		    p->managed ? "true" : "false");
		for (i = 0; i < p->naips && i < CTL_ADDRESSES; i++)
			fprintf(f, "%s\"%s\"", i > 0 ? "," : "",
			    ipprefix_str(&p->aip[i], text, sizeof(text)));
		putc(']', f);
	}
	putc('}', f);
}
