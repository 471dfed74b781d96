/* SPDX-License-Identifier: ISC */

/*
 * Addresses for a peer that nobody has: not the gateway, no peer, and none who
 * is disabled.
 */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "peerdir_addr.h"
#include "peerdir_file.h"

static void
add_one(struct ipaddr *a)
{
	int	 i;

	for (i = a->af == 4 ? 3 : 15; i >= 0; i--)
		if (++a->a[i] != 0)
			break;
}

/* Addresses that somebody has, from lo to hi. */
struct range {
	struct ipaddr	 lo;
	struct ipaddr	 hi;	/* once sorted: the highest up to here */
};
struct used {
	struct range	*v;
	size_t		 n;
	size_t		 cap;
};

static void
use(struct peerdir *p, struct used *u, const struct ipprefix *prefix)
{
	struct ipprefix	 net = *prefix;
	struct range	*r;
	int		 i;

	u->v = pd_grow(p, u->v, u->n, &u->cap, sizeof(*u->v));
	if (p->nomem)
		return;
	ipprefix_mask(&net);
	r = &u->v[u->n++];
	r->lo = r->hi = net.addr;
	for (i = net.len; i < ipaddr_bits(&net.addr); i++)
		r->hi.a[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static int
cmp_range(const void *a, const void *b)
{
	return (ipaddr_cmp(&((const struct range *)a)->lo,
	    &((const struct range *)b)->lo));
}

/* In order of their beginnings, each with the highest end so far. */
static void
sort_used(struct used *u)
{
	size_t	 i;

	if (u->n == 0)
		return;
	qsort(u->v, u->n, sizeof(*u->v), cmp_range);
	for (i = 1; i < u->n; i++)
		if (u->v[i].lo.af == u->v[i - 1].lo.af &&
		    ipaddr_cmp(&u->v[i].hi, &u->v[i - 1].hi) < 0)
			u->v[i].hi = u->v[i - 1].hi;
}

/* Up to which address somebody has this one; NULL: nobody. */
static const struct ipaddr *
in_use(const struct used *u, const struct ipaddr *a)
{
	size_t	 lo = 0, hi = u->n, mid;

	/* the last that begins at the address or before it */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ipaddr_cmp(&u->v[mid].lo, a) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || u->v[lo - 1].lo.af != a->af ||
	    ipaddr_cmp(&u->v[lo - 1].hi, a) < 0)
		return (NULL);
	return (&u->v[lo - 1].hi);
}

/* The next address that nobody has, of the gateway's network. */
static int
free_address(const struct ipprefix *net, const struct used *u,
    struct ipaddr *out)
{
	struct ipprefix		 all = *net, end = *net;
	const struct ipaddr	*hi;
	struct ipaddr		 a;
	size_t			 i;

	ipprefix_mask(&all);
	a = all.addr;
	/* each turn is past one range that is in use */
	for (i = 0; i <= u->n; i++) {
		add_one(&a);
		if (!ipprefix_match(&all, &a))
			return (-1);
		/* the last one of a network is everybody's */
		end.addr = a;
		if (net->addr.af == 4 && net->len < 31) {
			add_one(&end.addr);
			if (!ipprefix_match(&all, &end.addr))
				return (-1);
		}
		if ((hi = in_use(u, &a)) == NULL) {
			*out = a;
			return (0);
		}
		a = *hi;
	}
	return (-1);
}

/* Whatever is a prefix in the file of one who is disabled is in use. */
static int
use_disabled(struct peerdir *p, const char *name, void *arg)
{
	struct ipprefix	 prefix;
	char		 file[FILE_LEN], *text, *next, *word;

	if (!pd_name_ok(name))
		return (0);		/* nor can it be enabled */
	pd_file_of(file, name, ".conf.off");
	if ((text = pd_read_file(p, file)) == NULL) {
		p->d.warn(p->d.arg, p->err);
		return (0);
	}
	for (next = text; (word = strsep(&next, " \t\n,{}\"")) != NULL; )
		if (ipprefix_parse(&prefix, word) == 0 && prefix.len >= 8)
			use(p, arg, &prefix);
	freezero(text, MAX_FILE + 1);
	return (p->nomem ? pd_fail(p, "out of memory") : 0);
}

/* A prefix that is another peer's would be taken away from it. */
static int
check_free(struct peerdir *p, const struct ipprefix *want)
{
	const struct ipprefix	*q;
	char			 buf[ADDR_STRLEN];
	size_t			 i, k;

	for (i = 0; i < p->npeers; i++)
		for (k = 0; k < p->peer[i].naips; k++) {
			q = &p->peer[i].aip[k];
			if (q->len == want->len && ipaddr_cmp(&q->addr,
			    &want->addr) == 0)
				return (pd_fail(p, "%s is peer \"%s\"'s",
				    ipprefix_str(want, buf, sizeof(buf)),
				    p->peer[i].name));
		}
	return (0);
}

/* All addresses that somebody has. */
static int
all_used(struct peerdir *p, struct used *u)
{
	struct ipprefix	 own;
	size_t		 i, k;

	for (i = 0; i < p->setup.naddrs; i++) {
		own = p->setup.addr[i];
		own.len = (uint8_t)ipaddr_bits(&own.addr);
		use(p, u, &own);
	}
	for (i = 0; i < p->npeers; i++)
		for (k = 0; k < p->peer[i].naips; k++)
			/* a default route is not a place */
			if (p->peer[i].aip[k].len >= 8)
				use(p, u, &p->peer[i].aip[k]);
	if (pd_each_file(p, ".conf.off", use_disabled, u) == -1)
		return (-1);
	if (p->nomem)
		return (pd_fail(p, "out of memory"));
	sort_used(u);
	return (0);
}

int
pd_choose_addresses(struct peerdir *p, struct peer_wish *w)
{
	struct ipaddr	 a;
	struct used	 u = { NULL, 0, 0 };
	int		 i, r, have[2] = { 0, 0 };

	for (i = 0; i < w->naips; i++)
		if (check_free(p, &w->aip[i]) == -1)
			return (-1);
	if (w->naips > 0)
		return (0);
	r = all_used(p, &u);
	for (i = 0; r == 0 && i < p->setup.naddrs; i++) {
		if (have[p->setup.addr[i].addr.af == 6]++ ||
		    free_address(&p->setup.addr[i], &u, &a) == -1)
			continue;
		w->aip[w->naips].addr = a;
		w->aip[w->naips++].len = a.af == 4 ? 32 : 128;
	}
	if (r == 0 && w->naips == 0)
		r = pd_fail(p, "no free address: name one by \"allowed ips\"");
	free(u.v);
	return (r);
}
