/* SPDX-License-Identifier: ISC */

/*
 * A queue of datagrams toward a relay: FQ-CoDel (RFC 8290), which is deficit
 * round robin (Shreedhar and Varghese, 1995) over buckets, and CoDel (RFC 8289)
 * in each; with a bound on bytes and on age.
 */

#include <stdlib.h>
#include <string.h>

#include "outq.h"

#define NONE	OUTQ_SLOTS
#define NOBODY	OUTQ_BUCKETS
#define QUANTUM	OUTQ_SLOT

int
outq_init(struct outq *q, const uint8_t secret[16])
{
	memset(q, 0, sizeof(*q));
	if ((q->slot = calloc(OUTQ_SLOTS, sizeof(*q->slot))) == NULL)
		return (-1);
	memcpy(&q->hashkey, secret, sizeof(q->hashkey));
	(void)outq_clear(q);
	return (0);
}

void
outq_free(struct outq *q)
{
	free(q->slot);
	q->slot = NULL;
}

unsigned int
outq_clear(struct outq *q)
{
	unsigned int	 n = 0;
	uint16_t	 i;

	for (i = q->first; q->bytes > 0 && i != NOBODY;
	    i = q->bucket[i].turn) {
		uint16_t	 s;

		for (s = q->bucket[i].head; s != NONE; s = q->slot[s].next)
			n++;
	}
	for (i = 0; i < OUTQ_SLOTS; i++)
		q->slot[i].next = i + 1;
	for (i = 0; i < OUTQ_BUCKETS; i++) {
		memset(&q->bucket[i], 0, sizeof(q->bucket[i]));
		q->bucket[i].head = q->bucket[i].tail = NONE;
		q->bucket[i].turn = NOBODY;
	}
	q->free = 0;
	q->first = q->last = NOBODY;
	q->bytes = 0;
	return (n);
}

/* Take a datagram out of its bucket; before is the one before it. */
static void
take(struct outq *q, struct outq_bucket *b, uint16_t before, uint16_t s)
{
	struct outq_dgram	*d = &q->slot[s];

	if (before == NONE)
		b->head = d->next;
	else
		q->slot[before].next = d->next;
	if (b->tail == s)
		b->tail = before;
	b->bytes -= d->len;
	q->bytes -= d->len;
	d->next = q->free;
	q->free = s;
}

/* The oldest large datagram of whoever has most; or his oldest. */
static void
drop_one(struct outq *q)
{
	struct outq_bucket	*b = &q->bucket[q->first];
	uint16_t		 i, s, before = NONE;

	for (i = q->first; i != NOBODY; i = q->bucket[i].turn)
		if (q->bucket[i].bytes > b->bytes)
			b = &q->bucket[i];
	for (s = b->head; s != NONE && q->slot[s].len <= OUTQ_BULK;
	    s = q->slot[s].next)
		before = s;
	if (s == NONE) {
		before = NONE;
		s = b->head;
	}
	/* an empty bucket goes when its turn comes */
	take(q, b, before, s);
}

unsigned int
outq_put(struct outq *q, const uint8_t key[KEY_LEN], const uint8_t *data,
    size_t len, mono_t now)
{
	struct outq_bucket	*b;
	struct outq_dgram	*d;
	unsigned int		 dropped = 0;
	uint16_t		 i, s;

	if (len == 0 || len > OUTQ_SLOT)
		return (1);
	while (q->free == NONE || q->bytes + len > OUTQ_BYTES) {
		drop_one(q);
		dropped++;
	}
	i = (uint16_t)(siphash24(&q->hashkey, key, KEY_LEN) % OUTQ_BUCKETS);
	b = &q->bucket[i];
	s = q->free;
	d = &q->slot[s];
	q->free = d->next;
	memcpy(d->key, key, KEY_LEN);
	memcpy(d->data, data, len);
	d->len = (uint16_t)len;
	d->when = now;
	d->next = NONE;
	if (b->tail == NONE)
		b->head = s;
	else
		q->slot[b->tail].next = s;
	b->tail = s;
	b->bytes += d->len;
	q->bytes += d->len;
	if (b->turn == NOBODY && q->last != i) {
		/* it has not been in the round */
		if (q->last == NOBODY)
			q->first = i;
		else
			q->bucket[q->last].turn = i;
		q->last = i;
		b->deficit = QUANTUM;
	}
	return (dropped);
}

/* The first bucket goes behind the others, or out of the round. */
static void
turn_over(struct outq *q, int out)
{
	uint16_t		 i = q->first;
	struct outq_bucket	*b = &q->bucket[i];

	if (out || q->last != i) {
		q->first = b->turn;
		b->turn = NOBODY;
		if (q->first == NOBODY)
			q->last = NOBODY;
	}
	if (out)
		return;
	if (q->last != i) {
		q->bucket[q->last].turn = i;
		q->last = i;
	}
	b->deficit += QUANTUM;
}

/* Whole part of a square root. */
static uint32_t
root(uint32_t n)
{
	uint32_t	 r = 1;

	while ((r + 1) * (r + 1) <= n)
		r++;
	return (r);
}

/* CoDel's law: the longer it stands, the more often one is dropped. */
static mono_t
control_law(mono_t t, uint32_t count)
{
	return (t + OUTQ_INTERVAL / root(count));
}

/* Has there been no short wait for an interval (RFC 8289 5.4)? */
static int
stands(struct outq_bucket *b, mono_t wait, mono_t now)
{
	if (wait < OUTQ_TARGET || b->bytes <= 2 * OUTQ_SLOT) {
		b->above = 0;
		return (0);
	}
	if (b->above == 0)
		b->above = now + OUTQ_INTERVAL;
	return (now >= b->above);
}

/* Is it time to drop what is at the head of a bucket (RFC 8289 5.5)? */
static int
codel(struct outq_bucket *b, mono_t wait, mono_t now)
{
	if (!stands(b, wait, now)) {
		b->dropping = 0;
		return (0);
	}
	if (!b->dropping) {
		/* soon after the last time: about where that ended */
		b->count = b->count > 2 && now < b->next + 16 *
		    OUTQ_INTERVAL ? b->count - 2 : 1;
		b->next = control_law(now, b->count);
		b->dropping = 1;
		return (1);
	}
	if (now < b->next)
		return (0);
	if (b->count < 4096)
		b->count++;
	b->next = control_law(b->next, b->count);
	return (1);
}

const struct outq_dgram *
outq_next(struct outq *q, mono_t now, unsigned int *dropped)
{
	struct outq_bucket	*b;
	struct outq_dgram	*d;

	*dropped = 0;
	while (q->first != NOBODY) {
		b = &q->bucket[q->first];
		if (b->head == NONE) {
			b->above = 0;
			b->dropping = 0;
			turn_over(q, 1);
			continue;
		}
		d = &q->slot[b->head];
		/* the last one may be what somebody waits for */
		if (d->len > OUTQ_BULK && d->next != NONE &&
		    (now - d->when > OUTQ_AGE || codel(b, now - d->when,
		    now))) {
			take(q, b, NONE, b->head);
			(*dropped)++;
			continue;
		}
		if (b->deficit < (int32_t)d->len) {
			turn_over(q, 0);
			continue;
		}
		return (d);
	}
	return (NULL);
}

void
outq_done(struct outq *q)
{
	struct outq_bucket	*b = &q->bucket[q->first];

	b->deficit -= (int32_t)q->slot[b->head].len;
	take(q, b, NONE, b->head);
}
