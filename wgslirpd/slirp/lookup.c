/* SPDX-License-Identifier: ISC */

/*
 * Peers' endpoints that are given by name.  The slirp engine has the
 * network, so it resolves them, without anybody waiting: with libevent's
 * resolver, which reads resolv.conf and hosts before the sandbox.  A name
 * that does not resolve is tried again, ever more seldom.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/dns.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "proc.h"
#include "lookup.h"

#define RETRY_MIN	2	/* seconds */
#define RETRY_MAX	60
#define REFRESH		300
#define LOST_INTERVAL	MONO_SEC(10)

struct dns_name {
	TAILQ_ENTRY(dns_name)		 entry;
	struct resolve_msg		 m;
	struct event			*timer;
	struct evdns_getaddrinfo_request	*req;
	int				 retry;
	mono_t				 asked;		/* after a loss */
	int				 dead;	/* freed by its callback */
};

/* A lookup for somebody else. */
struct dns_request {
	struct evdns_getaddrinfo_request	*req;
	dns_lookup_fn				*fn;
	void					*arg;
};

static struct evdns_base	*dnsbase;
static struct evdns_base	*lookupbase;	/* of dns_lookup() */
static dns_result_fn		*result;
static TAILQ_HEAD(, dns_name)	 names = TAILQ_HEAD_INITIALIZER(names);

static struct evdns_base *
new_base(void)
{
	struct evdns_base	*b;

	b = evdns_base_new(evbase, EVDNS_BASE_INITIALIZE_NAMESERVERS |
	    EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	/* a host without resolv.conf still has numeric endpoints */
	return (b != NULL ? b : evdns_base_new(evbase, 0));
}

/*
 * Read the system's resolver configuration; before the sandbox.  What
 * clients ask for does not queue before the peers' endpoints.
 */
int
dns_init(void)
{
	evutil_secure_rng_init();
	dnsbase = new_base();
	lookupbase = new_base();
	return (dnsbase == NULL || lookupbase == NULL ? -1 : 0);
}

static void
lookup_done(int error, struct evutil_addrinfo *ai, void *arg)
{
	struct dns_request	*x = arg;

	x->fn(error, ai, x->arg);
	free(x);
}

/* The system's resolvers, as they were at the start; returns how many. */
int
dns_nameservers(struct upstream *u, int max)
{
	struct sockaddr_storage	 ss;
	int			 i, n = 0, len;

	for (i = 0; i < evdns_base_count_nameservers(dnsbase) && n < max;
	    i++) {
		memset(&ss, 0, sizeof(ss));
		len = evdns_base_get_nameserver_addr(dnsbase, i,
		    (struct sockaddr *)&ss, sizeof(ss));
		if (len <= 0 || ipaddr_from_sa(&u[n].addr,
		    (struct sockaddr *)&ss) == -1)
			continue;
		u[n++].port = sa_port((struct sockaddr *)&ss);
	}
	return (n);
}

/*
 * Resolve a name for somebody else; fn may be called at once.  *req is set
 * before that, for dns_lookup_cancel(), after which fn is called, too.
 */
void
dns_lookup(const char *host, dns_lookup_fn *fn, void *arg,
    struct dns_request **req)
{
	struct evdns_getaddrinfo_request	*r;
	struct evutil_addrinfo			 hints;
	struct dns_request			*x;

	if ((x = calloc(1, sizeof(*x))) == NULL) {
		fn(EVUTIL_EAI_MEMORY, NULL, arg);
		return;
	}
	x->fn = fn;
	x->arg = arg;
	*req = x;
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	/* may call back at once, and then returns NULL */
	r = evdns_getaddrinfo(lookupbase, host, NULL, &hints, lookup_done, x);
	if (r != NULL)
		x->req = r;
}

void
dns_lookup_cancel(struct dns_request *x)
{
	evdns_getaddrinfo_cancel(x->req);
}

static void	 dns_ask(struct dns_name *);

static void
dns_free(struct dns_name *n)
{
	event_free(n->timer);
	free(n);
}

static void
dns_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dns_ask(arg);
}

static void
dns_retry(struct dns_name *n)
{
	struct timeval	 tv = { n->retry, 0 };

	event_add(n->timer, &tv);
	n->retry = n->retry * 2 > RETRY_MAX ? RETRY_MAX : n->retry * 2;
}

static void
dns_done(int error, struct evutil_addrinfo *ai, void *arg)
{
	struct dns_name		*n = arg;
	struct timeval		 again = { REFRESH, 0 };
	struct endpoint_msg	 m;
	int			 ok = 0;

	n->req = NULL;
	if (n->dead) {
		if (ai != NULL)
			evutil_freeaddrinfo(ai);
		dns_free(n);
		return;
	}
	memset(&m, 0, sizeof(m));
	m.id = n->m.id;
	m.port = n->m.port;
	if (error == 0 && ai != NULL &&
	    ipaddr_from_sa(&m.addr, ai->ai_addr) == 0)
		ok = 1;
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
	if (ok) {
		/* look again from time to time: it may move */
		n->retry = RETRY_MIN;
		event_add(n->timer, &again);
		result(&m);
		return;
	}
	if (n->retry == RETRY_MIN)
		log_warnx("endpoint \"%s\": %s", n->m.host,
		    evutil_gai_strerror(error));
	dns_retry(n);
}

static void
dns_ask(struct dns_name *n)
{
	struct evutil_addrinfo	 hints;
	char			 port[8];

	if (n->req != NULL)
		return;
	/* no AI_ADDRCONFIG: listing interfaces is not allowed here */
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_DGRAM;
	snprintf(port, sizeof(port), "%u", n->m.port);
	/* may call back at once, and then returns NULL */
	n->req = evdns_getaddrinfo(dnsbase, n->m.host, port, &hints,
	    dns_done, n);
}

/* Answers go to fn; everything that was added is asked for. */
void
dns_start(dns_result_fn *fn)
{
	struct dns_name	*n, *next;

	result = fn;
	TAILQ_FOREACH_SAFE(n, &names, entry, next)
		dns_ask(n);
}

/* Forget every name. */
void
dns_clear(void)
{
	struct dns_name	*n;

	while ((n = TAILQ_FIRST(&names)) != NULL) {
		TAILQ_REMOVE(&names, n, entry);
		event_del(n->timer);
		if (n->req != NULL) {
			n->dead = 1;
			evdns_getaddrinfo_cancel(n->req);
		} else
			dns_free(n);
	}
}

void
dns_add(const struct resolve_msg *m)
{
	struct dns_name	*n;

	if ((n = calloc(1, sizeof(*n))) == NULL ||
	    (n->timer = evtimer_new(evbase, dns_again, n)) == NULL)
		fatal(NULL);
	n->m = *m;
	n->m.host[sizeof(n->m.host) - 1] = '\0';
	n->retry = RETRY_MIN;
	TAILQ_INSERT_TAIL(&names, n, entry);
}

/* A peer does not answer: ask for its name again, not too often. */
void
dns_lost(uint32_t id, mono_t now)
{
	struct dns_name	*n;

	TAILQ_FOREACH(n, &names, entry)
		if (n->m.id == id)
			break;
	if (n == NULL || (n->asked != 0 && now - n->asked < LOST_INTERVAL))
		return;
	n->asked = now;
	dns_ask(n);
}

/* Ask again for every name, now. */
void
dns_refresh(void)
{
	struct dns_name	*n, *next;

	TAILQ_FOREACH_SAFE(n, &names, entry, next)
		dns_ask(n);
}
