/* SPDX-License-Identifier: ISC */

/*
 * The host's own names: of peers' endpoints, and of what the proxies are
 * asked for.  Both families are asked for at once, along the search list of
 * resolv.conf(5); hosts(5) comes first.  A peer's name that does not resolve
 * is tried again, ever more seldom.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "log.h"
#include "lookup.h"
#include "proc.h"
#include "resolvconf.h"
#include "upstream.h"

#define RETRY_MIN	2	/* seconds */
#define RETRY_MAX	60
#define REFRESH		300
#define LOST_INTERVAL	MONO_SEC(10)
#define OTHER_FAMILY	500000	/* microseconds that it is waited for */

/*
 * A name that is being resolved.  It is freed when neither somebody waits for
 * it, nor a question of it is under way.
 */
struct lookup {
	char			 host[HOST_NAME_LEN];
	enum upstream_set	 set;
	lookup_fn		*fn;		/* NULL: nobody waits */
	void			*arg;
	struct event		*timer;
	int			 suffix;	/* of the search list, so far */
	int			 waiting;	/* questions under way */
	int			 asking;
	int			 full;		/* there was no room to ask */
	int			 failed;	/* a resolver failed us */
	size_t			 n;
	struct ipaddr		 addrs[LOOKUP_ADDRS];
	struct dns_question	 q[2];
};

/* A peer's endpoint that is a name. */
struct endpoint_name {
	TAILQ_ENTRY(endpoint_name)	 entry;
	struct resolve_msg		 m;
	struct event			*timer;
	struct lookup			*lookup;
	int				 retry;		/* seconds */
	mono_t				 asked;		/* after a loss */
};

static struct resolvconf	 conf;
static lookup_result_fn		*result;
static lookup_relay_fn		*relay_result;
static TAILQ_HEAD(, endpoint_name)	 names = TAILQ_HEAD_INITIALIZER(names);

static const char		 no_room[] = "too many questions at once";

static void	 lookup_next(struct lookup *);
static void	 endpoint_ask(struct endpoint_name *);

void
lookup_init(struct slirp *s)
{
	resolvconf_read(&conf, RESOLV_CONF);
	hosts_read(HOSTS);
	upstream_init(s, conf.servers, conf.nservers);
}

static void
lookup_release(struct lookup *x)
{
	if (x->fn != NULL || x->waiting > 0 || x->asking)
		return;
	event_free(x->timer);
	free(x);
}

/* Tell who waits, IPv4 first; x may be gone then. */
static void
lookup_done(struct lookup *x, const char *error)
{
	struct ipaddr	 a[LOOKUP_ADDRS];
	lookup_fn	*fn = x->fn;
	void		*arg = x->arg;
	size_t		 i, n = 0;

	for (i = 0; i < x->n; i++)
		if (x->addrs[i].af == 4)
			a[n++] = x->addrs[i];
	for (i = 0; i < x->n; i++)
		if (x->addrs[i].af == 6)
			a[n++] = x->addrs[i];
	event_del(x->timer);
	x->fn = NULL;
	lookup_release(x);
	if (fn != NULL)
		fn(arg, a, n, error);
}

/* The other family's answer has not come in time. */
static void
lookup_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	lookup_done(arg, NULL);
}

/* One family's answer, or that there is none. */
static void
lookup_answer(struct lookup *x, const struct dns_question *q,
    const uint8_t *msg, size_t len)
{
	struct timeval	 tv = { 0, OTHER_FAMILY };
	int		 n;

	x->waiting--;
	if (x->fn == NULL) {
		lookup_release(x);
		return;
	}
	n = dnsmsg_addresses(msg, len, q, &x->addrs[x->n],
	    x->n < LOOKUP_ADDRS / 2 ? LOOKUP_ADDRS / 2 : LOOKUP_ADDRS - x->n);
	if (n > 0)
		x->n += (size_t)n;
	else if (n == -1 && (len < DNS_HDR || (msg[3] & 15) != DNS_NXDOMAIN))
		x->failed = 1;
	if (x->waiting == 0)
		lookup_next(x);
	else if (x->n > 0)
		event_add(x->timer, &tv);
}

static void
answer4(void *arg, uint8_t *msg, size_t len)
{
	struct lookup	*x = arg;

	lookup_answer(x, &x->q[0], msg, len);
}

static void
answer6(void *arg, uint8_t *msg, size_t len)
{
	struct lookup	*x = arg;

	lookup_answer(x, &x->q[1], msg, len);
}

/*
 * Ask for the next name of the search list, unless there are addresses
 * already.  A resolver that failed may know the name: a shorter one of
 * somebody else would not be it.
 */
static void
lookup_next(struct lookup *x)
{
	char	 name[HOST_NAME_LEN];
	int	 r;

	x->asking = 1;
	while (x->n == 0 && !x->failed && !x->full && x->waiting == 0 &&
	    (r = resolvconf_name(&conf, x->host, x->suffix++, name,
	    sizeof(name))) != -1) {
		if (r == 1 || dnsmsg_question(name, DNS_TYPE_A, &x->q[0]) ==
		    -1 || dnsmsg_question(name, DNS_TYPE_AAAA, &x->q[1]) ==
		    -1)
			continue;
		if (upstream_ask(x->set, NULL, &x->q[0], 0, answer4,
		    x) == -1)
			x->full = 1;
		else if (x->waiting++, upstream_ask(x->set, NULL, &x->q[1], 0,
		    answer6, x) == -1)
			x->full = 1;
		else
			x->waiting++;
	}
	x->asking = 0;
	if (x->waiting == 0)
		lookup_done(x, x->n > 0 ? NULL : x->full ? no_room :
		    x->failed ? "no answer from a resolver" :
		    "no such name, or no address");
}

static void
lookup_begin(enum upstream_set set, const char *host, lookup_fn *fn,
    void *arg, struct lookup **req)
{
	struct ipaddr	 a[LOOKUP_ADDRS];
	struct lookup	*x;
	size_t		 n;

	*req = NULL;
	if ((n = hosts_find(host, a, LOOKUP_ADDRS)) > 0) {
		fn(arg, a, n, NULL);
		return;
	}
	if (!host_name_ok(host) || (x = calloc(1, sizeof(*x))) == NULL) {
		fn(arg, NULL, 0, "not a host name");
		return;
	}
	if ((x->timer = evtimer_new(evbase, lookup_late, x)) == NULL) {
		free(x);
		fn(arg, NULL, 0, no_room);
		return;
	}
	strlcpy(x->host, host, sizeof(x->host));
	x->set = set;
	x->fn = fn;
	x->arg = arg;
	*req = x;
	lookup_next(x);
}

void
lookup_name(const char *host, lookup_fn *fn, void *arg, struct lookup **req)
{
	lookup_begin(UPSTREAM_PROXY, host, fn, arg, req);
}

void
lookup_cancel(struct lookup *x)
{
	event_del(x->timer);
	x->fn = NULL;
	lookup_release(x);
}

/*
 * Can this host reach the address, as far as its routes say (RFC 6724 5,
 * rule 1)?  Nothing is sent.
 */
static int
reachable(const struct ipaddr *a, uint16_t port)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sa_make(&ss, a, port);
	int			 fd, ok;

	if (fds_take() == -1)
		return (1);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	ok = fd != -1 && connect(fd, (struct sockaddr *)&ss, len) == 0;
	if (fd != -1)
		close(fd);
	fds_give();
	return (ok);
}

static void
endpoint_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	endpoint_ask(arg);
}

/* A relay gets all of its addresses, and tries one after the other. */
static void
relay_found(const struct endpoint_name *e, const struct ipaddr *a, size_t n)
{
	struct relay_addrs	 m;

	memset(&m, 0, sizeof(m));
	m.id = e->m.id;
	strlcpy(m.host, e->m.host, sizeof(m.host));
	for (m.n = 0; m.n < n && m.n < MAX_RELAY_ADDRS; m.n++)
		m.addr[m.n] = a[m.n];
	relay_result(&m);
}

static void
endpoint_found(void *arg, const struct ipaddr *a, size_t n, const char *error)
{
	struct endpoint_name	*e = arg;
	struct timeval		 tv = { REFRESH, 0 };
	struct endpoint_msg	 m;
	size_t			 i;

	e->lookup = NULL;
	if (n == 0) {
		tv.tv_sec = e->retry;
		event_add(e->timer, &tv);
		if (error == no_room)
			return;
		if (e->retry == RETRY_MIN)
			log_warnx("endpoint \"%s\": %s", e->m.host, error);
		e->retry = e->retry * 2 > RETRY_MAX ? RETRY_MAX :
		    e->retry * 2;
		return;
	}
	/* look again from time to time: it may move */
	e->retry = RETRY_MIN;
	event_add(e->timer, &tv);
	if (e->m.id & RESOLVE_RELAY) {
		relay_found(e, a, n);
		return;
	}
	for (i = 0; i < n && !reachable(&a[i], e->m.port); i++)
		continue;
	memset(&m, 0, sizeof(m));
	m.id = e->m.id;
	m.port = e->m.port;
	m.addr = a[i < n ? i : 0];
	result(&m);
}

static void
endpoint_ask(struct endpoint_name *e)
{
	if (e->lookup == NULL)
		lookup_begin(UPSTREAM_OWN, e->m.host, endpoint_found, e,
		    &e->lookup);
}

void
lookup_add(const struct resolve_msg *m)
{
	struct endpoint_name	*e;

	if ((e = calloc(1, sizeof(*e))) == NULL ||
	    (e->timer = evtimer_new(evbase, endpoint_again, e)) == NULL)
		fatal(NULL);
	e->m = *m;
	e->m.host[sizeof(e->m.host) - 1] = '\0';
	e->retry = RETRY_MIN;
	TAILQ_INSERT_TAIL(&names, e, entry);
}

void
lookup_start(lookup_result_fn *fn, lookup_relay_fn *relay_fn)
{
	result = fn;
	relay_result = relay_fn;
	lookup_refresh();
}

void
lookup_clear(void)
{
	struct endpoint_name	*e;

	while ((e = TAILQ_FIRST(&names)) != NULL) {
		TAILQ_REMOVE(&names, e, entry);
		if (e->lookup != NULL)
			lookup_cancel(e->lookup);
		event_free(e->timer);
		free(e);
	}
}

void
lookup_lost(uint32_t id, mono_t now)
{
	struct endpoint_name	*e;

	TAILQ_FOREACH(e, &names, entry)
		if (e->m.id == id)
			break;
	if (e == NULL || (e->asked != 0 && now - e->asked < LOST_INTERVAL))
		return;
	e->asked = now;
	endpoint_ask(e);
}

void
lookup_refresh(void)
{
	struct endpoint_name	*e;

	TAILQ_FOREACH(e, &names, entry)
		endpoint_ask(e);
}
