/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "remotes.h"
#include "siphash.h"

#define NONE	UINT16_MAX

enum chain {
	BY_PORT,		/* address and port */
	BY_ADDR
};

/* The bucket of an address, or of one and a port, among 2 * cap. */
static uint16_t
bucket_of(const struct remotes *r, enum chain c, const struct ipaddr *a,
    uint16_t port)
{
	static struct siphash_key	 key;
	static int			 keyed;
	uint8_t				 m[20];

	if (!keyed) {
		arc4random_buf(&key, sizeof(key));
		keyed = 1;
	}
	memset(m, 0, sizeof(m));
	memcpy(m, a->a, 16);
	m[16] = a->af;
	if (c == BY_PORT)
		memcpy(m + 18, &port, sizeof(port));
	return ((uint16_t)(siphash24(&key, m, sizeof(m)) &
	    (2U * r->cap - 1)));
}

/* Where the chain begins that an entry is in. */
static uint16_t *
chain_of(struct remotes *r, enum chain c, const struct remote *e)
{
	return (&r->bucket[c][bucket_of(r, c, &e->addr, e->port)]);
}

static void
chain_in(struct remotes *r, uint16_t i)
{
	struct remote	*e = &r->v[i];
	uint16_t	*b;
	int		 c;

	for (c = 0; c < 2 && r->bucket[c] != NULL; c++) {
		b = chain_of(r, (enum chain)c, e);
		e->next[c] = *b;
		*b = i;
	}
}

static void
chain_out(struct remotes *r, uint16_t i)
{
	struct remote	*e = &r->v[i];
	uint16_t	*b;
	int		 c;

	for (c = 0; c < 2 && r->bucket[c] != NULL; c++) {
		b = chain_of(r, (enum chain)c, e);
		while (*b != i)
			b = &r->v[*b].next[c];
		*b = e->next[c];
	}
}

/* Twice the room.  -1 if there is no memory, and all is as it was. */
static int
grow(struct remotes *r)
{
	uint16_t	 cap = r->cap == 0 ? 1 : r->cap * 2, i;
	uint16_t	*b[2] = { NULL, NULL };
	struct remote	*v;
	size_t		 size = 2U * cap * sizeof(*b[0]);

	if (cap > FEW_REMOTES && ((b[0] = malloc(size)) == NULL ||
	    (b[1] = malloc(size)) == NULL)) {
		free(b[0]);
		return (-1);
	}
	if ((v = recallocarray(r->v, r->cap, cap, sizeof(*v))) == NULL) {
		free(b[0]);
		free(b[1]);
		return (-1);
	}
	r->v = v;
	r->cap = cap;
	free(r->bucket[0]);
	free(r->bucket[1]);
	r->bucket[0] = b[0];
	r->bucket[1] = b[1];
	if (b[0] != NULL) {
		memset(b[0], 0xff, size);
		memset(b[1], 0xff, size);
		for (i = 0; i < r->n; i++)
			chain_in(r, i);
	}
	return (0);
}

struct remote *
remotes_find(struct remotes *r, const struct ipaddr *a, uint16_t port)
{
	uint16_t	 i;

	if (r->n == 0)
		return (NULL);
	i = r->hot;
	if (r->v[i].port == port && ipaddr_cmp(&r->v[i].addr, a) == 0)
		return (&r->v[i]);
	if (r->bucket[BY_PORT] != NULL)
		i = r->bucket[BY_PORT][bucket_of(r, BY_PORT, a, port)];
	else
		i = 0;
	while (i != NONE && i < r->n) {
		if (r->v[i].port == port &&
		    ipaddr_cmp(&r->v[i].addr, a) == 0) {
			r->hot = i;
			return (&r->v[i]);
		}
		i = r->bucket[BY_PORT] != NULL ? r->v[i].next[BY_PORT] :
		    i + 1;
	}
	return (NULL);
}

static void
unlink_age(struct remotes *r, const struct remote *e)
{
	if (e->older != NONE)
		r->v[e->older].newer = e->newer;
	else
		r->oldest = e->newer;
	if (e->newer != NONE)
		r->v[e->newer].older = e->older;
	else
		r->newest = e->older;
}

static void
link_newest(struct remotes *r, struct remote *e)
{
	uint16_t	 i = (uint16_t)(e - r->v);

	e->older = r->newest;
	e->newer = NONE;
	if (r->newest != NONE)
		r->v[r->newest].newer = i;
	else
		r->oldest = i;
	r->newest = i;
}

struct remote *
remotes_note(struct remotes *r, const struct ipaddr *a, uint16_t port,
    uint32_t *used)
{
	struct remote	*e;

	if ((e = remotes_find(r, a, port)) != NULL) {
		if (e->newer != NONE) {
			unlink_age(r, e);
			link_newest(r, e);
		}
		return (e);
	}
	if (r->n == 0)
		r->oldest = r->newest = NONE;
	if (r->n == r->cap && r->cap < MAX_REMOTES &&
	    (r->n == 0 || *used < MAX_PEER_REMOTES) && grow(r) == -1 &&
	    r->n == 0)
		return (NULL);
	if (r->n < r->cap) {
		e = &r->v[r->n++];
		(*used)++;
	} else {
		e = &r->v[r->oldest];
		unlink_age(r, e);
		chain_out(r, (uint16_t)(e - r->v));
	}
	memset(e, 0, sizeof(*e));
	e->addr = *a;
	e->port = port;
	chain_in(r, (uint16_t)(e - r->v));
	link_newest(r, e);
	r->hot = (uint16_t)(e - r->v);
	return (e);
}

struct remote *
remotes_at(struct remotes *r, const struct ipaddr *a, const struct remote *e)
{
	const uint16_t	*b = r->bucket[BY_ADDR];
	uint16_t	 i;

	if (b != NULL)
		i = e == NULL ? b[bucket_of(r, BY_ADDR, a, 0)] :
		    e->next[BY_ADDR];
	else
		i = e == NULL ? 0 : (uint16_t)(e - r->v) + 1;
	while (i != NONE && i < r->n) {
		if (ipaddr_cmp(&r->v[i].addr, a) == 0)
			return (&r->v[i]);
		i = b != NULL ? r->v[i].next[BY_ADDR] : i + 1;
	}
	return (NULL);
}

void
remotes_free(struct remotes *r, uint32_t *used)
{
	*used -= r->n;
	free(r->v);
	free(r->bucket[0]);
	free(r->bucket[1]);
	memset(r, 0, sizeof(*r));
}
