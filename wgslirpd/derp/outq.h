/* SPDX-License-Identifier: ISC */

#ifndef OUTQ_H
#define OUTQ_H

#include <stddef.h>
#include <stdint.h>

#include "key.h"
#include "mono.h"
#include "siphash.h"

/*
 * Datagrams that wait for a relay.  Behind it is TCP, which loses nothing and
 * waits instead, so a long queue would only make everything late: where one
 * stands, CoDel drops of it, and what does not fit, or has waited for long,
 * goes, of whoever has most.  What is small stays as long as there is something
 * large.  Receivers take turns, byte for byte; nobody's datagrams change their
 * order.
 */
#define OUTQ_SLOTS	512
#define OUTQ_SLOT	2048	/* bytes of a datagram, at most */
#define OUTQ_BUCKETS	64	/* receivers are spread over these */
#define OUTQ_BYTES	(256U << 10)
#define OUTQ_BULK	512	/* bytes: what is larger goes first */
#define OUTQ_AGE	MONO_MS(150)
#define OUTQ_TARGET	MONO_MS(15)	/* a wait that is no standing queue */
#define OUTQ_INTERVAL	MONO_MS(100)	/* so long it may be longer */

struct outq_dgram {
	uint8_t		 key[KEY_LEN];	/* to whom */
	mono_t		 when;
	uint16_t	 len;
	uint16_t	 next;		/* in its bucket; OUTQ_SLOTS: none */
	uint8_t		 data[OUTQ_SLOT];
};

struct outq_bucket {
	uint16_t	 head;
	uint16_t	 tail;
	uint16_t	 turn;		/* whose turn is next; OUTQ_BUCKETS */
	uint32_t	 bytes;
	int32_t		 deficit;
	int		 dropping;
	uint32_t	 count;		/* drops in a row, */
	mono_t		 next;		/* and when the next one is due */
	mono_t		 above;		/* the wait is too long from then */
};

struct outq {
	struct outq_dgram	*slot;
	uint16_t		 free;		/* a list of slots */
	uint16_t		 first, last;	/* buckets that take turns */
	uint32_t		 bytes;
	struct siphash_key	 hashkey;
	struct outq_bucket	 bucket[OUTQ_BUCKETS];
};

/*
 * outq_init:	make one, with a secret of 16 bytes; -1 out of memory
 * outq_put:	one datagram at its end; returns how many were dropped for that
 * outq_next:	the next one to send, NULL if there is none; *dropped: how many
 *		had waited for too long.  It stays until...
 * outq_done:	... it is sent
 * outq_clear:	forget all; returns how many
 */
int				 outq_init(struct outq *, const uint8_t [16]);
unsigned int			 outq_put(struct outq *,
				    const uint8_t [KEY_LEN], const uint8_t *,
				    size_t, mono_t);
const struct outq_dgram		*outq_next(struct outq *, mono_t,
				    unsigned int *);
void				 outq_done(struct outq *);
unsigned int			 outq_clear(struct outq *);
void				 outq_free(struct outq *);

#endif
