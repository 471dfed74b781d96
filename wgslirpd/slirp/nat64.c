/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <string.h>

#include "judge.h"
#include "log.h"
#include "lookup.h"
#include "nat64.h"
#include "nat64map.h"
#include "net/policy.h"
#include "net/table.h"
#include "proc.h"

#define KNOWN_NAME	"ipv4only.arpa"	/* RFC 7050 */
#define AGAIN_FOUND	3600		/* seconds until the next look */
#define AGAIN_MISSING	30

static struct slirp	*engine;
static struct ipprefix	 prefix;	/* len 0: none */
static int		 wanted;	/* it is to be found */
static struct event	*timer;
static struct lookup	*question;

int
nat64_on(void)
{
	return (prefix.len != 0);
}

void
nat64_to(struct ipaddr *out, const struct ipaddr *v4)
{
	nat64map_to(&prefix, out, v4);
}

int
nat64_from(struct ipaddr *out, const struct ipaddr *v6)
{
	return (nat64map_from(&prefix, out, v6));
}

void
nat64_error(struct host_error *e)
{
	nat64map_error(&prefix, e);
}

/*
 * There is another prefix: flows by the one before would go where nobody has
 * sent them.
 */
static void
use(const struct ipprefix *p)
{
	struct flow	*f;
	uint64_t	 at = 0;
	int		 other = memcmp(p, &prefix, sizeof(prefix)) != 0;

	prefix = *p;
	engine->conf.translator = prefix;
	if (!other)
		return;
	while ((f = table_next(engine, &at)) != NULL)
		if (f->via64)
			flow_kill(engine, f);
	/* whom guests may not reach, they may not reach by it either */
	judge_closed(engine);
}

/*
 * May what a resolver says be a translator's?  Within the network that all
 * have, or in the world.
 */
static int
plausible(const struct ipprefix *p)
{
	static const uint8_t	 known[4] = { 0, 0x64, 0xff, 0x9b };

	return ((p->addr.a[0] & 0xe0) == 0x20 ||
	    memcmp(p->addr.a, known, sizeof(known)) == 0);
}

/* Is it an address of this host, or one that nobody may reach? */
int
nat64_closed(const struct ipaddr *v6)
{
	static const uint8_t	 local[6] = { 0, 0x64, 0xff, 0x9b, 0, 1 };

	/* RFC 8215: closed to guests, but not to who was told of it */
	if (memcmp(prefix.addr.a, local, sizeof(local)) == 0)
		return (0);
	return (policy_builtin(engine, v6));
}

static void
answer(void *arg, const struct ipaddr *a, size_t n, const char *error)
{
	struct timeval	 tv = { AGAIN_MISSING, 0 };
	struct ipprefix	 p;
	char		 buf[ADDR_STRLEN];
	size_t		 i;

	(void)arg;
	(void)error;
	question = NULL;
	if (!wanted)
		return;
	for (i = 0; i < n; i++)
		if (a[i].af == 6 && nat64map_find(&a[i], &p) == 0 &&
		    plausible(&p))
			break;
	if (i < n) {
		tv.tv_sec = AGAIN_FOUND;
		if (memcmp(&p, &prefix, sizeof(p)) != 0)
			log_info("egress nat64: the network's prefix is %s",
			    ipprefix_str(&p, buf, sizeof(buf)));
		use(&p);
	}
	event_add(timer, &tv);
}

static void
ask(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (wanted && question == NULL)
		lookup_name(KNOWN_NAME, answer, NULL, &question);
}

void
nat64_commit(struct slirp *s, const struct conf_global *g)
{
	engine = s;
	if (timer == NULL && (timer = evtimer_new(evbase, ask, NULL)) == NULL)
		fatalx("event_new failed");
	/* what was found is good until something else is */
	use(g->nat64_find && wanted ? &prefix : &g->nat64);
	wanted = g->nat64_find;
	if (wanted) {
		ask(-1, 0, NULL);
		return;
	}
	event_del(timer);
	if (question != NULL)
		lookup_cancel(question);
	question = NULL;
}
