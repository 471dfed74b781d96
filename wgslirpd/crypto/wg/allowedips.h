/* SPDX-License-Identifier: ISC */

#ifndef WG_ALLOWEDIPS_H
#define WG_ALLOWEDIPS_H

#include <sys/queue.h>

#include "addr.h"

struct aip_node;

/* A peer's prefixes, in the order of their insertion. */
TAILQ_HEAD(aip_list, aip_node);

/*
 * Binary trie with path compression, one root for each family.  A prefix
 * belongs to one peer; the owner is whatever pointer the caller uses.
 */
struct aip_trie {
	struct aip_node	*root4;
	struct aip_node	*root6;
	size_t		 count;
	uint64_t	 changes;	/* to see whether nodes are the same */
};

void	 aip_init(struct aip_trie *);
int	 aip_insert(struct aip_trie *, const struct ipprefix *, void *,
	    struct aip_list *);
int	 aip_remove(struct aip_trie *, const struct ipprefix *, void *);
void	 aip_remove_owner(struct aip_trie *, struct aip_list *);
void	*aip_lookup4(const struct aip_trie *, const uint8_t [4]);
void	*aip_lookup6(const struct aip_trie *, const uint8_t [16]);
void	*aip_route4(const struct aip_trie *, const uint8_t [4]);
void	*aip_route6(const struct aip_trie *, const uint8_t [16]);
void	*aip_host4(const struct aip_trie *, const uint8_t [4]);
void	*aip_host6(const struct aip_trie *, const uint8_t [16]);
void	 aip_free(struct aip_trie *);
void	 aip_node_prefix(const struct aip_node *, struct ipprefix *);
struct aip_node	*aip_node_next(struct aip_node *);

#endif
