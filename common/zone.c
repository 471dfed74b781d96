/* SPDX-License-Identifier: ISC */

/*
 * A slab lies at a multiple of its size, so that an object's address tells
 * where its slab begins.  Free objects of a slab are linked through their
 * first bytes; those that were never used come after "fresh".
 */

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include <stdint.h>
#include <string.h>

#include "zone.h"

#define SLAB_SIZE	((size_t)1 << 16)
#define ALIGN		16

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS	MAP_ANON
#endif

struct zone_slab {
	TAILQ_ENTRY(zone_slab)	 entry;	/* on the list if it has room */
	void			*free;
	size_t			 nused;
	size_t			 fresh;	/* objects that were ever used */
};

static size_t
round_up(size_t n)
{
	return ((n + ALIGN - 1) / ALIGN * ALIGN);
}

/* size must be that of a few hundred bytes rather than of a slab. */
void
zone_init(struct zone *z, size_t size)
{
	memset(z, 0, sizeof(*z));
	z->size = round_up(size < sizeof(void *) ? sizeof(void *) : size);
	z->per_slab = (SLAB_SIZE - round_up(sizeof(struct zone_slab))) /
	    z->size;
	TAILQ_INIT(&z->partial);
}

static struct zone_slab *
slab_new(struct zone *z)
{
	struct zone_slab	*s;
	uint8_t			*p;
	size_t			 off;

	if ((s = z->spare) != NULL) {
		z->spare = NULL;
		return (s);
	}
	p = mmap(NULL, 2 * SLAB_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return (NULL);
	off = (SLAB_SIZE - (uintptr_t)p % SLAB_SIZE) % SLAB_SIZE;
	if (off > 0)
		munmap(p, off);
	munmap(p + off + SLAB_SIZE, SLAB_SIZE - off);
	s = (struct zone_slab *)(void *)(p + off);
	s->free = NULL;
	s->nused = s->fresh = 0;
	z->nslabs++;
	return (s);
}

/* An object of zeros, or NULL. */
void *
zone_alloc(struct zone *z)
{
	struct zone_slab	*s;
	void			*p;

	if ((s = TAILQ_FIRST(&z->partial)) == NULL) {
		if ((s = slab_new(z)) == NULL)
			return (NULL);
		TAILQ_INSERT_HEAD(&z->partial, s, entry);
	}
	if ((p = s->free) != NULL)
		memcpy(&s->free, p, sizeof(s->free));
	else
		p = (uint8_t *)s + round_up(sizeof(*s)) +
		    s->fresh++ * z->size;
	if (++s->nused == z->per_slab)
		TAILQ_REMOVE(&z->partial, s, entry);
	z->nused++;
	return (memset(p, 0, z->size));
}

/* NULL is nothing. */
void
zone_free(struct zone *z, void *p)
{
	struct zone_slab	*s;

	if (p == NULL)
		return;
	s = (struct zone_slab *)((uintptr_t)p & ~(SLAB_SIZE - 1));
	if (s->nused == z->per_slab)
		TAILQ_INSERT_HEAD(&z->partial, s, entry);
	memcpy(p, &s->free, sizeof(s->free));
	s->free = p;
	z->nused--;
	if (--s->nused > 0)
		return;
	TAILQ_REMOVE(&z->partial, s, entry);
	if (z->spare == NULL)
		z->spare = s;
	else {
		munmap(s, SLAB_SIZE);
		z->nslabs--;
	}
}

/* Every object has been given back. */
void
zone_fini(struct zone *z)
{
	if (z->spare != NULL) {
		munmap(z->spare, SLAB_SIZE);
		z->nslabs--;
	}
	z->spare = NULL;
}
