/* SPDX-License-Identifier: ISC */

#ifndef ROUTES_H
#define ROUTES_H

#include <stdint.h>

#include "key.h"
#include "mono.h"

/*
 * By which relay each key was heard last, and at which it was not found, in a
 * table that does not grow: of keys that were made up, the oldest go.
 */
#define ROUTE_BUCKETS	512
#define ROUTE_WAYS	8
#define ROUTE_NONE	UINT32_MAX
#define ROUTE_HOLD	MONO_SEC(3)	/* so long it is there */
#define ROUTE_ABSENT	MONO_SEC(30)	/* so long it is not tried again */

struct route {
	uint8_t		 key[KEY_LEN];
	mono_t		 used;		/* 0: free */
	uint32_t	 relay;		/* where it was heard; ROUTE_NONE */
	mono_t		 heard;
	uint32_t	 absent;	/* a bit for each where it is not, */
	mono_t		 absent_at;	/* since then */
};

void		 routes_init(void);
struct route	*route_find(const uint8_t [KEY_LEN], mono_t, int);
void		 route_heard(struct route *, uint32_t, mono_t);
void		 route_gone(const uint8_t [KEY_LEN], uint32_t, mono_t);
int		 route_absent(struct route *, uint32_t, mono_t);
void		 routes_clear(void);

#endif
