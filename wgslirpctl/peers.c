/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <err.h>
#include <stdint.h>
#include <stdlib.h>

#include "peers.h"

/* One, and where its allowed IPs begin. */
struct one {
	struct ctl_peer	 peer;
	size_t		 aip;
	size_t		 naips;
};

static struct one		*all;
static size_t			 nall, capall;
static struct ipprefix		*aips;
static size_t			 naips, capaips;
static struct ctl_peerflows	*flows;
static size_t			 nflows, capflows;

void *
grow(void *p, size_t n, size_t *cap, size_t size)
{
	size_t	 nc = *cap == 0 ? 16 : *cap * 2;

	if (n < *cap)
		return (p);
	if ((p = recallocarray(p, *cap, nc, size)) == NULL)
		err(1, NULL);
	*cap = nc;
	return (p);
}

void
peers_peer(const struct ctl_peer *p)
{
	all = grow(all, nall, &capall, sizeof(*all));
	all[nall].peer = *p;
	all[nall].aip = naips;
	all[nall++].naips = 0;
}

void
peers_aip(const struct ipprefix *aip)
{
	if (nall == 0)
		errx(1, "the daemon is of another version");
	aips = grow(aips, naips, &capaips, sizeof(*aips));
	aips[naips++] = *aip;
	all[nall - 1].naips++;
}

void
peers_flows(const struct ctl_peerflows *f)
{
	flows = grow(flows, nflows, &capflows, sizeof(*flows));
	flows[nflows++] = *f;
}

static int
cmp_flows(const void *a, const void *b)
{
	const struct ctl_peerflows	*fa = a, *fb = b;

	return (fa->id < fb->id ? -1 : fa->id > fb->id);
}

static int
cmp_peers(const void *a, const void *b)
{
	const struct one	*oa = a, *ob = b;

	return (oa->peer.id < ob->peer.id ? -1 : oa->peer.id > ob->peer.id);
}

void
peers_show(const struct output *out)
{
	struct ctl_peerflows	 none, *f;
	size_t			 i;

	if (nall > 1)
		qsort(all, nall, sizeof(*all), cmp_peers);
	if (nflows > 1)
		qsort(flows, nflows, sizeof(*flows), cmp_flows);
	for (i = 0; i < nall; i++) {
		none = (struct ctl_peerflows){ .id = all[i].peer.id };
		f = nflows == 0 ? NULL : bsearch(&none, flows, nflows,
		    sizeof(*f), cmp_flows);
		out->peer(&all[i].peer, f != NULL ? f : &none,
		    all[i].naips == 0 ? NULL : aips + all[i].aip,
		    all[i].naips);
	}
	nall = naips = nflows = 0;
}
