/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <string.h>

#include "log.h"
#include "lookup.h"
#include "nat64.h"
#include "nat64map.h"
#include "proc.h"

#define KNOWN_NAME	"ipv4only.arpa"	/* RFC 7050 */
#define AGAIN_FOUND	3600		/* seconds until it is looked for again */
#define AGAIN_MISSING	30

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
	for (i = 0; i < n; i++)
		if (a[i].af == 6 && nat64map_find(&a[i], &p) == 0)
			break;
	if (i < n) {
		tv.tv_sec = AGAIN_FOUND;
		if (memcmp(&p, &prefix, sizeof(p)) != 0)
			log_info("egress nat64: the network's prefix is %s",
			    ipprefix_str(&p, buf, sizeof(buf)));
		prefix = p;
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
nat64_commit(const struct conf_global *g)
{
	if (timer == NULL && (timer = evtimer_new(evbase, ask, NULL)) == NULL)
		fatalx("event_new failed");
	if (!g->nat64_find || !wanted)
		prefix = g->nat64;
	wanted = g->nat64_find;
	if (wanted)
		ask(-1, 0, NULL);
	else
		event_del(timer);
}
