/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "slirp.h"

struct slirp_peer *
peer_get(const struct slirp *s, uint32_t id)
{
	return (id < s->npeers ? s->peers[id] : NULL);
}

struct slirp_peer *
peer_set(struct slirp *s, uint32_t id, const char *name)
{
	struct slirp_peer	**v, *p;
	uint32_t		 n;

	if (id >= s->npeers) {
		for (n = s->npeers == 0 ? 64 : s->npeers; n <= id; n *= 2)
			continue;
		v = recallocarray(s->peers, s->npeers, n, sizeof(*v));
		if (v == NULL)
			return (NULL);
		s->peers = v;
		s->npeers = n;
	}
	if ((p = s->peers[id]) == NULL) {
		if ((p = calloc(1, sizeof(*p))) == NULL)
			return (NULL);
		p->id = id;
		p->ip_id = (uint16_t)arc4random();
		p->frag_id = arc4random();
		TAILQ_INIT(&p->frags);
		TAILQ_INIT(&p->flows);
		TAILQ_INIT(&p->ended[0]);
		TAILQ_INIT(&p->ended[1]);
		TAILQ_INIT(&p->turns[TURN_READY].flows);
		TAILQ_INIT(&p->turns[TURN_WAITING].flows);
		s->peers[id] = p;
	}
	strlcpy(p->name, name, sizeof(p->name));
	return (p);
}

void
peer_free(struct slirp *s, struct slirp_peer *p)
{
	s->peers[p->id] = NULL;
	free(p);
}
