/* SPDX-License-Identifier: ISC */

#ifndef OMETRIC_H
#define OMETRIC_H

#include <stdio.h>

#include "ctl.h"

/*
 * Figures as OpenMetrics, or in the text format before it, where counters
 * have their suffix everywhere: for "wgslirpctl show metrics" and the control
 * engine's HTTP.  Peers are collected, in any order with their flows, and
 * written together; then come counters, which are collected as well, because
 * those of one family stand together; then rules, processes, the summary, and
 * the end.  Functions that return int return -1 if there is no memory.
 */
#define OMETRIC_COUNTERS	160

struct ometric {
	FILE			*out;
	int			 plain;	/* Prometheus' older text format */
	struct ctl_peer		*peers;
	size_t			 npeers;
	size_t			 cappeers;
	struct ctl_peerflows	*flows;
	size_t			 nflows;
	size_t			 capflows;
	struct {
		const char		*name;
		const char		*help;
		uint64_t		 v;
	}			 counter[OMETRIC_COUNTERS];
	size_t			 ncounters;
	int			 rules;		/* there was one */
	int			 processes;
};

void	 ometric_begin(struct ometric *, FILE *);
int	 ometric_peer(struct ometric *, const struct ctl_peer *);
int	 ometric_flows(struct ometric *, const struct ctl_peerflows *);
void	 ometric_peers(struct ometric *);
void	 ometric_counter(struct ometric *, const char *, const char *,
	    uint64_t);
void	 ometric_crypto(struct ometric *, const struct crypto_counters *);
void	 ometric_slirp(struct ometric *, const struct slirp_counters *);
void	 ometric_derp(struct ometric *, const struct derp_counters *);
void	 ometric_counters(struct ometric *);
void	 ometric_rule(struct ometric *, const struct ctl_rule *);
void	 ometric_process(struct ometric *, const struct ctl_process *);
void	 ometric_summary(struct ometric *, const struct ctl_summary *);
void	 ometric_end(struct ometric *);
void	 ometric_free(struct ometric *);

#endif
