/* SPDX-License-Identifier: ISC */

/*
 * Theory of operation
 *
 * A node holds a prefix and, if it was configured, the peer that owns it;
 * nodes without an owner only join two subtrees.  A child's prefix is
 * longer than its parent's and starts with it; which of the two children
 * an address belongs to is told by the first bit after the parent's
 * prefix.  Depth is bounded by the address length, so a lookup is at most
 * 33 or 129 comparisons whatever was configured.
 *
 * Joining nodes with fewer than two children and no owner are removed, so
 * the number of nodes is less than twice the number of prefixes.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "allowedips.h"

struct aip_node {
	uint64_t		 hi;	/* prefix, host order, masked */
	uint64_t		 lo;
	struct aip_node		*child[2];
	struct aip_node		*parent;
	void			*owner;
	struct aip_list		*list;
	TAILQ_ENTRY(aip_node)	 entry;
	uint8_t			 len;
	uint8_t			 af;
};

struct aip_key {
	uint64_t	 hi;
	uint64_t	 lo;
};

/* IPv4 addresses sit in the top 32 bits of hi. */
static struct aip_key
aip_key(int af, const uint8_t *a)
{
	struct aip_key	 k = { 0, 0 };
	uint32_t	 v4;

	if (af == 4) {
		memcpy(&v4, a, 4);
		k.hi = (uint64_t)be32toh(v4) << 32;
	} else {
		memcpy(&k.hi, a, 8);
		memcpy(&k.lo, a + 8, 8);
		k.hi = be64toh(k.hi);
		k.lo = be64toh(k.lo);
	}
	return (k);
}

static struct aip_key
aip_mask(struct aip_key k, int len)
{
	if (len == 0)
		k.hi = 0;
	else if (len < 64)
		k.hi &= ~0ULL << (64 - len);
	if (len <= 64)
		k.lo = 0;
	else if (len < 128)
		k.lo &= ~0ULL << (128 - len);
	return (k);
}

/* Does the address start with the node's prefix? */
static int
aip_covers(const struct aip_node *n, struct aip_key k)
{
	if (n->len == 0)
		return (1);
	if (n->len <= 64)
		return (((n->hi ^ k.hi) >> (64 - n->len)) == 0);
	return (n->hi == k.hi && ((n->lo ^ k.lo) >> (128 - n->len)) == 0);
}

static int
aip_bit(struct aip_key k, int pos)
{
	return (pos < 64 ? (k.hi >> (63 - pos)) & 1 :
	    (k.lo >> (127 - pos)) & 1);
}

/* Length of the prefix that two keys share. */
static int
aip_common(struct aip_key a, struct aip_key b)
{
	if (a.hi != b.hi)
		return (__builtin_clzll(a.hi ^ b.hi));
	if (a.lo != b.lo)
		return (64 + __builtin_clzll(a.lo ^ b.lo));
	return (128);
}

void
aip_init(struct aip_trie *t)
{
	memset(t, 0, sizeof(*t));
}

static struct aip_node **
aip_root(struct aip_trie *t, int af)
{
	return (af == 4 ? &t->root4 : &t->root6);
}

static void *
aip_lookup(const struct aip_node *n, struct aip_key k, int bits, int min)
{
	void	*best = NULL;

	while (n != NULL && aip_covers(n, k)) {
		if (n->owner != NULL && n->len >= min)
			best = n->owner;
		if (n->len == bits)
			break;
		n = n->child[aip_bit(k, n->len)];
	}
	return (best);
}

/* Owner of the longest prefix that covers the address, or NULL. */
void *
aip_lookup4(const struct aip_trie *t, const uint8_t a[4])
{
	return (aip_lookup(t->root4, aip_key(4, a), 32, 0));
}

void *
aip_lookup6(const struct aip_trie *t, const uint8_t a[16])
{
	return (aip_lookup(t->root6, aip_key(6, a), 128, 0));
}

/* The same for an inner destination, whose default routes do not count. */
void *
aip_route4(const struct aip_trie *t, const uint8_t a[4])
{
	return (aip_lookup(t->root4, aip_key(4, a), 32, 1));
}

void *
aip_route6(const struct aip_trie *t, const uint8_t a[16])
{
	return (aip_lookup(t->root6, aip_key(6, a), 128, 1));
}

/* The owner of exactly this address. */
void *
aip_host4(const struct aip_trie *t, const uint8_t a[4])
{
	return (aip_lookup(t->root4, aip_key(4, a), 32, 32));
}

void *
aip_host6(const struct aip_trie *t, const uint8_t a[16])
{
	return (aip_lookup(t->root6, aip_key(6, a), 128, 128));
}

static void
aip_own(struct aip_trie *t, struct aip_node *n, void *owner,
    struct aip_list *list)
{
	if (n->owner != NULL)
		TAILQ_REMOVE(n->list, n, entry);
	else
		t->count++;
	t->changes++;
	n->owner = owner;
	n->list = list;
	TAILQ_INSERT_TAIL(list, n, entry);
}

static struct aip_node *
aip_node_new(int af, struct aip_key k, int len)
{
	struct aip_node	*n;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return (NULL);
	k = aip_mask(k, len);
	n->hi = k.hi;
	n->lo = k.lo;
	n->len = (uint8_t)len;
	n->af = (uint8_t)af;
	return (n);
}

static void
aip_link(struct aip_node **slot, struct aip_node *parent,
    struct aip_node *n)
{
	*slot = n;
	n->parent = parent;
}

/*
 * Give a prefix to an owner, who keeps the list of its own prefixes; host
 * bits are ignored.  A prefix that another owner has moves.  Returns -1
 * if there is no memory.
 */
int
aip_insert(struct aip_trie *t, const struct ipprefix *p, void *owner,
    struct aip_list *list)
{
	struct aip_node	**slot = aip_root(t, p->addr.af), *parent = NULL;
	struct aip_node	*n, *new, *join;
	struct aip_key	 k, nk;
	int		 common;

	k = aip_mask(aip_key(p->addr.af, p->addr.a), p->len);
	while ((n = *slot) != NULL && n->len <= p->len && aip_covers(n, k)) {
		if (n->len == p->len) {
			aip_own(t, n, owner, list);
			return (0);
		}
		parent = n;
		slot = &n->child[aip_bit(k, n->len)];
	}
	if ((new = aip_node_new(p->addr.af, k, p->len)) == NULL)
		return (-1);
	if (n == NULL) {
		aip_link(slot, parent, new);
		aip_own(t, new, owner, list);
		return (0);
	}
	nk.hi = n->hi;
	nk.lo = n->lo;
	common = aip_common(k, nk);
	if (common >= p->len) {
		/* the new prefix covers the node */
		aip_link(slot, parent, new);
		aip_link(&new->child[aip_bit(nk, p->len)], new, n);
	} else {
		join = aip_node_new(p->addr.af, k, common);
		if (join == NULL) {
			free(new);
			return (-1);
		}
		aip_link(slot, parent, join);
		aip_link(&join->child[aip_bit(nk, common)], join, n);
		aip_link(&join->child[aip_bit(k, common)], join, new);
	}
	aip_own(t, new, owner, list);
	return (0);
}

/* Take a node's owner away, and the nodes that nothing needs then. */
static void
aip_disown(struct aip_trie *t, struct aip_node *n)
{
	struct aip_node	**slot, *parent, *child;

	TAILQ_REMOVE(n->list, n, entry);
	n->owner = NULL;
	n->list = NULL;
	t->count--;
	t->changes++;
	while (n != NULL && n->owner == NULL &&
	    (n->child[0] == NULL || n->child[1] == NULL)) {
		parent = n->parent;
		child = n->child[0] != NULL ? n->child[0] : n->child[1];
		if (parent == NULL)
			slot = aip_root(t, n->af);
		else
			slot = &parent->child[parent->child[1] == n];
		*slot = child;
		if (child != NULL)
			child->parent = parent;
		free(n);
		n = parent;
	}
}

/* Returns -1 if the owner does not have exactly this prefix. */
int
aip_remove(struct aip_trie *t, const struct ipprefix *p, void *owner)
{
	struct aip_node	*n = *aip_root(t, p->addr.af);
	struct aip_key	 k;

	k = aip_mask(aip_key(p->addr.af, p->addr.a), p->len);
	while (n != NULL && n->len < p->len && aip_covers(n, k))
		n = n->child[aip_bit(k, n->len)];
	if (n == NULL || n->len != p->len || !aip_covers(n, k) ||
	    n->owner != owner || owner == NULL)
		return (-1);
	aip_disown(t, n);
	return (0);
}

void
aip_remove_owner(struct aip_trie *t, struct aip_list *list)
{
	struct aip_node	*n;

	while ((n = TAILQ_FIRST(list)) != NULL)
		aip_disown(t, n);
}

static void
aip_free_node(struct aip_node *n)
{
	if (n == NULL)
		return;
	aip_free_node(n->child[0]);
	aip_free_node(n->child[1]);
	free(n);
}

/* Owners' lists are stale afterwards. */
void
aip_free(struct aip_trie *t)
{
	aip_free_node(t->root4);
	aip_free_node(t->root6);
	aip_init(t);
}

void
aip_node_prefix(const struct aip_node *n, struct ipprefix *p)
{
	uint64_t	 hi = htobe64(n->hi), lo = htobe64(n->lo);

	memset(p, 0, sizeof(*p));
	p->addr.af = n->af;
	p->len = n->len;
	memcpy(p->addr.a, &hi, n->af == 4 ? 4 : 8);
	if (n->af == 6)
		memcpy(p->addr.a + 8, &lo, 8);
}

struct aip_node *
aip_node_next(struct aip_node *n)
{
	return (TAILQ_NEXT(n, entry));
}
