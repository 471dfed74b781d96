/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache.h"

#define CACHE_ENTRIES	4096
#define CACHE_BYTES	(2 * 1024 * 1024)

RB_HEAD(cache, dns_cached);

static struct cache		 cache = RB_INITIALIZER(&cache);
static TAILQ_HEAD(, dns_cached)	 lru = TAILQ_HEAD_INITIALIZER(lru);
static size_t			 cache_n, cache_bytes;

static int
cached_cmp(const struct dns_cached *a, const struct dns_cached *b)
{
	size_t	 i;
	int	 d;

#define CMP(f)	if (a->q.f != b->q.f) return (a->q.f < b->q.f ? -1 : 1)
	CMP(where);
	CMP(type);
	CMP(class);
	CMP(rd);
	CMP(cd);
	CMP(ad);
	CMP(dnssec);
	CMP(namelen);
#undef CMP
	for (i = 0; i < a->q.namelen; i++)
		if ((d = tolower(a->q.name[i]) - tolower(b->q.name[i])) != 0)
			return (d);
	return (0);
}

#define UNUSED_STATIC	static __attribute__((__unused__))
RB_PROTOTYPE_INTERNAL(cache, dns_cached, entry, cached_cmp, UNUSED_STATIC)
RB_GENERATE_INTERNAL(cache, dns_cached, entry, cached_cmp, UNUSED_STATIC)

static void
cached_free(struct dns_cached *c)
{
	RB_REMOVE(cache, &cache, c);
	TAILQ_REMOVE(&lru, c, lru);
	cache_n--;
	cache_bytes -= sizeof(*c) + c->len;
	free(c);
}

void
dnscache_clear(void)
{
	struct dns_cached	*c;

	while ((c = TAILQ_FIRST(&lru)) != NULL)
		cached_free(c);
}

static struct dns_cached *
find(const struct dns_question *q, mono_t now)
{
	struct dns_cached	 key, *c;

	key.q = *q;
	if ((c = RB_FIND(cache, &cache, &key)) == NULL)
		return (NULL);
	if (c->until <= now) {
		cached_free(c);
		return (NULL);
	}
	TAILQ_REMOVE(&lru, c, lru);
	TAILQ_INSERT_TAIL(&lru, c, lru);
	return (c);
}

const struct dns_cached *
dnscache_find(const struct dns_question *q, mono_t now)
{
	return (find(q, now));
}

void
dnscache_add(const struct dns_question *q, const uint8_t *msg, size_t len,
    uint32_t ttl, mono_t now)
{
	struct dns_cached	*c;

	if (ttl == 0)
		return;
	if ((c = find(q, now)) != NULL)
		cached_free(c);
	if ((c = malloc(sizeof(*c) + len)) == NULL)
		return;
	c->q = *q;
	c->at = now;
	c->until = now + MONO_SEC(ttl);
	c->len = len;
	memcpy(c->msg, msg, len);
	RB_INSERT(cache, &cache, c);
	TAILQ_INSERT_TAIL(&lru, c, lru);
	cache_n++;
	cache_bytes += sizeof(*c) + len;
	while (cache_n > CACHE_ENTRIES || cache_bytes > CACHE_BYTES)
		cached_free(TAILQ_FIRST(&lru));
}
