/* SPDX-License-Identifier: ISC */

#ifndef LOCALADDRS_H
#define LOCALADDRS_H

#include "addr.h"

/*
 * Which addresses are this host's own: what it delivers to itself or answers
 * for, as its kernel says.  Platform.
 *
 * localaddrs_open:	a socket that becomes readable when they may have
 *			changed, or -1: they have to be looked at from time to
 *			time; before the sandbox
 * localaddrs_drain:	take what it has to read
 * localaddrs_list:	fn gets each prefix; -1 if they could not be had, and
 *			then what it got is to be forgotten
 * localaddrs_scope:	the number of the interface that an entry of
 *			getifaddrs(3) with this address is about, or 0
 */
typedef void	localaddrs_fn(void *, const struct ipprefix *);

int	 localaddrs_open(void);
void	 localaddrs_drain(int);
int	 localaddrs_list(localaddrs_fn *, void *);
uint32_t localaddrs_scope(const struct sockaddr *);

#endif
