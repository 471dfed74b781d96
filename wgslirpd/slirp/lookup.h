/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_DNS_H
#define SLIRP_DNS_H

#include <event2/util.h>

#include "conf.h"
#include "mono.h"

typedef void	dns_result_fn(const struct endpoint_msg *);
typedef void	dns_lookup_fn(int, struct evutil_addrinfo *, void *);

int	 dns_init(void);
struct dns_request;
void	 dns_lookup(const char *, dns_lookup_fn *, void *,
	    struct dns_request **);
void	 dns_lookup_cancel(struct dns_request *);
int	 dns_nameservers(struct upstream *, int);
void	 dns_start(dns_result_fn *);
void	 dns_clear(void);
void	 dns_refresh(void);
void	 dns_lost(uint32_t, mono_t);
void	 dns_add(const struct resolve_msg *);

#endif
