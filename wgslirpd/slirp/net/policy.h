/* SPDX-License-Identifier: ISC */

#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#include "addr.h"
#include "peer.h"

/* What the policy says about a flow. */
enum verdict {
	VERDICT_PASS,
	VERDICT_BLOCK,		/* and tell so by ICMP */
	VERDICT_RETURN,		/* by a reset, if it is TCP */
	VERDICT_DROP		/* not at all */
};

int		 policy_nowhere(const struct slirp *, const struct ipaddr *);
int		 policy_builtin(const struct slirp *, const struct ipaddr *);
struct addr_table;
struct addr_table	*policy_set_new(void);
int		 policy_set_add(struct addr_table *,
		    const struct ipprefix *);
void		 policy_set_sort(struct addr_table *);
int		 policy_set_same(const struct addr_table *,
		    const struct addr_table *);
int		 policy_set_reserve(struct addr_table *, size_t);
void		 policy_set_clear(struct addr_table *);
void		 policy_set_free(struct addr_table *);
int		 policy_table_new(struct slirp_conf *);
int		 policy_table_add(struct slirp_conf *,
		    const struct ipprefix *);
void		 policy_tables_sort(struct slirp_conf *);
void		 policy_conf_free(struct slirp_conf *);
enum verdict	 policy_check(struct slirp *, const struct slirp_peer *,
		    const struct ipaddr *, const struct ipaddr *, uint8_t,
		    uint16_t, const struct rule **);
const struct ipaddr	*policy_loopback(uint8_t);
int		 policy_is_loopback(const struct ipaddr *);
int		 policy_would_pass(const struct slirp *,
		    const struct slirp_peer *, const struct ipaddr *,
		    const struct ipaddr *, uint8_t, uint16_t, int);
int		 policy_would_pass_by(const struct slirp *,
		    const struct slirp_peer *, const struct ipaddr *,
		    const struct ipaddr *, uint8_t, uint16_t,
		    const struct rule **);
int		 policy_hairpin(const struct slirp *,
		    const struct slirp_peer *, const struct ipaddr *,
		    const struct ipaddr *, uint16_t);
int		 policy_check_local(struct slirp *, const struct slirp_peer *,
		    const struct ipaddr *, uint8_t, uint16_t);

#endif
