/* SPDX-License-Identifier: ISC */

#ifndef SOCKETS_H
#define SOCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "wg/peer.h"

void		 train_send(void);
uint8_t		*train_room(const struct wg_endpoint *, size_t, int);
void		 train_add(size_t);
size_t		 train_len(void);
void		 sockets_open(void);
void		 sockets_stage(int, int);
uint32_t	 sockets_count(void);
int		 sockets_steered(void);
void		 sockets_stage_side(uint32_t, int);
int		 sockets_staged(void);
void		 sockets_start(void);
int		 sockets_blocked(void);
int		 sockets_more(void);
uint16_t	 sockets_port(void);
uint64_t	 sockets_drops(void);
uint32_t	 sockets_opened(void);
void		 sockets_crowd(int);

/*
 * Who sees each datagram before the device does, or NULL: bytes, length, from
 * where, the outer header's ECN field, and when.  1: it is done with.
 */
typedef int	 sockets_fn(uint8_t *, size_t, const struct wg_endpoint *, int,
		    mono_t);
void		 sockets_first(sockets_fn *);

/*
 * Datagrams that have come another way: so many bytes, each of them segment
 * long but the last.  And who sends what goes that way: a train, or -1.
 */
typedef int	 sockets_relay_fn(const struct wg_endpoint *, uint8_t *,
		    size_t, size_t);
void		 sockets_take(uint8_t *, size_t, size_t,
		    const struct wg_endpoint *, mono_t);
void		 sockets_relay(sockets_relay_fn *);

#endif
