/* SPDX-License-Identifier: ISC */

#ifndef RELAYS_H
#define RELAYS_H

#include "proc.h"
#include "relay.h"

/*
 * All relays of the configuration: which of them is the best, by which one each
 * key was heard, and which keys may come.
 *
 * relays_init:		who gets datagrams from a key that may come, with the
 *			number of the relay, and hears when a batch is over
 * relays_stage:	a message of a configuration
 * relays_commit:	it is in force; relays that are the same stay connected
 * relays_input:	addresses of one, by the slirp engine
 * relays_send:		datagrams to a key, by a relay if it is up, or LINK_ANY:
 *			bytes, their length, that of each but the last; they go
 *			with...
 * relays_flush:	... what else was sent by then
 * relays_show:		the n-th one, for who asks; -1: there is none
 */
typedef void	 relays_fn(const uint8_t [KEY_LEN], unsigned int,
		    const uint8_t *, size_t);
typedef void	 relays_over_fn(void);

void	 relays_init(relays_fn *, relays_over_fn *);
void	 relays_stage(struct imsg *);
void	 relays_admit(const uint8_t [KEY_LEN]);
void	 relays_commit(void);
void	 relays_input(struct imsg *);
void	 relays_send(const uint8_t [KEY_LEN], unsigned int,
	    const uint8_t *, size_t, size_t);
void	 relays_flush(void);
int	 relays_show(uint64_t, struct ctl_entry *);

#endif
