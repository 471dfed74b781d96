/* SPDX-License-Identifier: ISC */

/*
 * Theory of operation
 *
 * One shared area holds two rings of descriptors, a return ring and a pool
 * of 2 KiB packet slots.  The producer owns the pool: it takes a slot
 * (pktq_alloc), fills it, publishes a descriptor for it and gets the slot
 * back through the return ring.  It may keep a slot after publishing it,
 * as the TCP engine does with its retransmission buffer: pktq_release()
 * gives up the producer's interest, and the slot becomes free once the
 * consumer has returned it too.
 *
 * The express ring is for the few packets of those who send little: they
 * pass what waits in the bulk ring, of which a consumer that is offered
 * both still takes a quarter, and never one that was published behind an
 * express one that it has not taken.  A producer that wants the order kept
 * asks whether what it sent in bulk has come back (pktq_bulk_done).
 *
 * Indices run freely over 32 bits; the bulk and the return ring have as
 * many entries as there are slots, and a slot is published at most once at
 * a time, so neither can overflow; what exceeds the express ring goes in
 * bulk.  Publishing and returning are batched: the shared index moves in
 * pktq_flush() and pktq_return_flush(), and only then may the doorbell ring,
 * and only if the other side said that it sleeps (consumer; or naps, and
 * something is urgent) or waits for slots (producer).
 *
 * Hostile sibling
 *
 * Everything in the shared area may change at any time.  Indices are
 * kept privately and only copied out; what the other side wrote is read
 * once, checked, and used from the copy.  A consumer maps the pool
 * read-only, against its own mistakes; it checks that slot, offset and
 * length lie inside the pool, and must not decide twice from the same
 * shared byte, which a hostile side can write to at any time.  A
 * producer checks that a returned slot is one that it has published.  A
 * violation is reported as -1 and is the end of the process that sees it,
 * never more.
 * A sibling that lies about sleeping can stall the queue or cause idle
 * wakeups, which it could do anyway by not working.
 */

#include <sys/types.h>
#include <sys/mman.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pktq.h"
#include "shm.h"

#define CACHELINE	64
#define MIN_SLOTS	64
#define MAX_SLOTS	(1U << 20)
#define EXPRESS_SIZE	256
#define KEEP_SLOTS	64	/* with memory, for what comes next */

/* Producer's view of a slot. */
#define SLOT_OWNED	0x01	/* taken by the producer */
#define SLOT_BUSY	0x02	/* published and not yet returned */
#define SLOT_EXPRESS	0x04	/* in the express ring */
#define SLOT_SHOWN	0x08	/* was published since it was taken */
#define SLOT_TOUCHED	0x10	/* may take memory */
#define SLOT_COLD	0x20	/* pktq_trim(): was not needed */

/* What a consumer without work does. */
#define AWAKE		0
#define ASLEEP		1	/* rings for anything */
#define NAPPING		2	/* rings for what is urgent */

struct pktq_shared {
	/* written by the producer */
	_Alignas(CACHELINE) _Atomic uint32_t	 head[PKTQ_CLASSES];
	_Atomic uint32_t			 want_slots;
	/* written by the consumer */
	_Alignas(CACHELINE) _Atomic uint32_t	 rhead;
	_Atomic uint32_t			 asleep;
};

static size_t
round_page(size_t n)
{
	size_t	 page = sysconf(_SC_PAGESIZE);

	return ((n + page - 1) / page * page);
}

static size_t
ctl_size(uint32_t nslots)
{
	return (round_page(sizeof(struct pktq_shared) +
	    EXPRESS_SIZE * sizeof(struct pktq_desc) +
	    nslots * (sizeof(struct pktq_desc) + sizeof(uint32_t))));
}

/* Bytes that an area with so many slots takes. */
size_t
pktq_area_size(uint32_t nslots)
{
	return (ctl_size(nslots) + (size_t)nslots * PKTQ_SLOT_SIZE);
}

/*
 * Create the shared area; nslots must be a power of two.  Returns a
 * descriptor, sealed against resizing, or -1.
 */
int
pktq_area_create(uint32_t nslots)
{
	if (nslots < MIN_SLOTS || nslots > MAX_SLOTS ||
	    (nslots & (nslots - 1)) != 0) {
		errno = EINVAL;
		return (-1);
	}
	return (shm_area(pktq_area_size(nslots)));
}

static int
pktq_attach(struct pktq *q, int fd, uint32_t nslots, int bell, int prot)
{
	uint8_t	*p;

	memset(q, 0, sizeof(*q));
	if (nslots < MIN_SLOTS || nslots > MAX_SLOTS ||
	    (nslots & (nslots - 1)) != 0) {
		errno = EINVAL;
		return (-1);
	}
	if (shm_check(fd, pktq_area_size(nslots)) == -1)
		return (-1);
	q->nslots = nslots;
	q->bell = bell;
	q->ctl_size = ctl_size(nslots);
	q->pool_size = (size_t)nslots * PKTQ_SLOT_SIZE;
	p = mmap(NULL, q->ctl_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (p == MAP_FAILED)
		return (-1);
	q->sh = (struct pktq_shared *)p;
	q->size[PKTQ_EXPRESS] = EXPRESS_SIZE;
	q->size[PKTQ_BULK] = nslots;
	q->ring[PKTQ_EXPRESS] = (struct pktq_desc *)(p +
	    sizeof(struct pktq_shared));
	q->ring[PKTQ_BULK] = q->ring[PKTQ_EXPRESS] + EXPRESS_SIZE;
	q->ret = (uint32_t *)(q->ring[PKTQ_BULK] + nslots);
	q->pool = mmap(NULL, q->pool_size, prot, MAP_SHARED, fd,
	    (off_t)q->ctl_size);
	if (q->pool == MAP_FAILED) {
		q->pool = NULL;
		pktq_detach(q);
		return (-1);
	}
	return (0);
}

/* Attach to an area of nslots slots; bell (or -1) wakes the consumer. */
int
pktq_attach_producer(struct pktq *q, int fd, uint32_t nslots, int bell)
{
	uint32_t	 i;

	if (pktq_attach(q, fd, nslots, bell, PROT_READ | PROT_WRITE) == -1)
		return (-1);
	q->free = calloc(nslots, sizeof(*q->free));
	q->state = calloc(nslots, 1);
	if (q->free == NULL || q->state == NULL) {
		pktq_detach(q);
		return (-1);
	}
	for (i = 0; i < nslots; i++)
		q->free[i] = nslots - 1 - i;
	q->nfree = q->low = nslots;
	return (0);
}

/* Attach to an area of nslots slots; bell (or -1) wakes the producer. */
int
pktq_attach_consumer(struct pktq *q, int fd, uint32_t nslots, int bell)
{
	if (pktq_attach(q, fd, nslots, bell, PROT_READ) == -1)
		return (-1);
	if ((q->held = calloc(nslots, 1)) == NULL) {
		pktq_detach(q);
		return (-1);
	}
	return (0);
}

void
pktq_detach(struct pktq *q)
{
	if (q->sh != NULL)
		munmap(q->sh, q->ctl_size);
	if (q->pool != NULL)
		munmap(q->pool, q->pool_size);
	free(q->free);
	free(q->state);
	free(q->held);
	memset(q, 0, sizeof(*q));
	q->bell = -1;
}

static void
pktq_ring_bell(struct pktq *q)
{
	uint64_t	 one = 1;

	q->rings++;
	/* EAGAIN: it rings already */
	if (q->bell != -1 && write(q->bell, &one, sizeof(one)) == -1)
		return;
}

/* Producer: take a free slot, or PKTQ_NOSLOT. */
uint32_t
pktq_alloc(struct pktq *q)
{
	uint32_t	 slot;

	if (q->nfree == 0)
		return (PKTQ_NOSLOT);
	slot = q->free[--q->nfree];
	q->taken++;
	if (q->nfree < q->low)
		q->low = q->nfree;
	if (!(q->state[slot] & SLOT_TOUCHED))
		q->ntouched++;
	q->state[slot] = SLOT_OWNED | SLOT_TOUCHED;
	return (slot);
}

/* Producer: give up a slot; it is free once it was returned as well. */
void
pktq_release(struct pktq *q, uint32_t slot)
{
	q->state[slot] &= ~SLOT_OWNED;
	if (q->state[slot] & SLOT_BUSY)
		return;
	q->free[q->nfree++] = slot;
	if (q->state[slot] & SLOT_SHOWN)
		q->came_back++;
}

/* Producer: is the slot still in the consumer's hands? */
int
pktq_busy(const struct pktq *q, uint32_t slot)
{
	return ((q->state[slot] & SLOT_BUSY) != 0);
}

/*
 * Producer: queue a descriptor for an owned slot; pktq_flush() shows it
 * to the consumer.  Returns -1 if the slot is still busy.
 */
int
pktq_publish(struct pktq *q, const struct pktq_desc *d, enum pktq_class c)
{
	if ((q->state[d->slot] & (SLOT_OWNED | SLOT_BUSY)) != SLOT_OWNED)
		return (-1);
	if (c == PKTQ_EXPRESS && !pktq_express_room(q))
		c = PKTQ_BULK;
	q->ring[c][q->head[c] & (q->size[c] - 1)] = *d;
	q->state[d->slot] |= SLOT_BUSY | SLOT_SHOWN;
	if (c == PKTQ_EXPRESS) {
		q->state[d->slot] |= SLOT_EXPRESS;
		q->urgent = 1;
	}
	q->head[c]++;
	q->nout[c]++;
	return (0);
}

/* Producer: what was published last should not wait for the end of a nap. */
void
pktq_urgent(struct pktq *q)
{
	q->urgent = 1;
}

/* Show what was published in one class; returns whether there was any. */
static int
show(struct pktq *q, enum pktq_class c)
{
	if (atomic_load_explicit(&q->sh->head[c], memory_order_relaxed) ==
	    q->head[c])
		return (0);
	atomic_store_explicit(&q->sh->head[c], q->head[c],
	    memory_order_release);
	return (1);
}

/* Producer: make what was published visible, and wake a sleeper. */
void
pktq_flush(struct pktq *q)
{
	uint32_t	 asleep;
	int		 n;

	n = show(q, PKTQ_EXPRESS);
	n += show(q, PKTQ_BULK);
	if (n == 0)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	asleep = atomic_load_explicit(&q->sh->asleep, memory_order_relaxed);
	if (asleep == ASLEEP || (asleep == NAPPING && q->urgent)) {
		atomic_store_explicit(&q->sh->asleep, AWAKE,
		    memory_order_relaxed);
		pktq_ring_bell(q);
	}
	q->urgent = 0;
}

/*
 * Producer: take back returned slots.  Returns how many, or -1 if the
 * consumer returned one that it did not have.
 */
int
pktq_reclaim(struct pktq *q)
{
	uint32_t	 rhead, slot;
	int		 n = 0;

	if (q->violated)
		return (-1);
	rhead = atomic_load_explicit(&q->sh->rhead, memory_order_acquire);
	if (rhead - q->rtail > q->nout[PKTQ_EXPRESS] + q->nout[PKTQ_BULK]) {
		q->violated = 1;
		return (-1);
	}
	for (; q->rtail != rhead; q->rtail++, n++) {
		slot = *(volatile uint32_t *)
		    &q->ret[q->rtail & (q->nslots - 1)];
		if (slot >= q->nslots || !(q->state[slot] & SLOT_BUSY)) {
			q->violated = 1;
			return (-1);
		}
		q->nout[q->state[slot] & SLOT_EXPRESS ? PKTQ_EXPRESS :
		    PKTQ_BULK]--;
		q->state[slot] &= ~(SLOT_BUSY | SLOT_EXPRESS);
		q->came_back++;
		if (!(q->state[slot] & SLOT_OWNED))
			q->free[q->nfree++] = slot;
	}
	return (n);
}

/* Give back the memory of slots from to end, which are whole pages. */
static int
forget(struct pktq *q, uint32_t from, uint32_t end)
{
	uint32_t	 i;

	/* it reads as zeros then, here and there */
	if (shm_forget(pktq_slot(q, from), (size_t)(end - from) *
	    PKTQ_SLOT_SIZE) == -1)
		return (-1);
	for (i = from; i < end; i++)
		if (q->state[i] & SLOT_TOUCHED) {
			q->state[i] &= ~SLOT_TOUCHED;
			q->ntouched--;
		}
	return (0);
}

/*
 * Producer: give back the memory of slots that nobody has needed since the
 * last time, but for a few.  To be called now and then, while it returns 1:
 * some were needed, and may not be next time.
 */
int
pktq_trim(struct pktq *q)
{
	uint32_t	 per = (uint32_t)(round_page(1) / PKTQ_SLOT_SIZE);
	uint32_t	 i, k, from = 0, cold;
	uint8_t		 any, all;
	int		 run = 0, used = q->low != q->nfree;

	if (per == 0)
		per = 1;

	/* the stack's bottom is what was free all the time */
	cold = q->low > KEEP_SLOTS ? q->low - KEEP_SLOTS : 0;
	q->low = q->nfree;
	for (i = 0; i < cold; i++)
		q->state[q->free[i]] |= SLOT_COLD;
	for (i = 0; i <= q->nslots; i += per) {
		any = 0;
		all = i < q->nslots ? SLOT_COLD : 0;
		for (k = i; k < i + per && all != 0; k++) {
			any |= q->state[k];
			all &= q->state[k];
		}
		if (all != 0 && any & SLOT_TOUCHED) {
			if (!run)
				from = i;
			run = 1;
		} else if (run) {
			run = 0;
			if (forget(q, from, i) == -1)
				break;
		}
	}
	for (i = 0; i < cold; i++)
		q->state[q->free[i]] &= ~SLOT_COLD;
	return (used);
}

/* Producer: have the bell rung at the next return. */
void
pktq_want_slots(struct pktq *q)
{
	atomic_store_explicit(&q->sh->want_slots, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

/* Copy up to max descriptors of one class, as far as the index end. */
static int
fetch(struct pktq *q, struct pktq_desc *d, int max, enum pktq_class c,
    uint32_t end)
{
	int	 n;

	for (n = 0; n < max && q->tail[c] != end; n++, q->tail[c]++) {
		memcpy(&d[n], &q->ring[c][q->tail[c] & (q->size[c] - 1)],
		    sizeof(*d));
		atomic_signal_fence(memory_order_seq_cst);
		if (d[n].slot >= q->nslots || d[n].off > PKTQ_SLOT_SIZE ||
		    d[n].len > PKTQ_SLOT_SIZE - d[n].off ||
		    q->held[d[n].slot]) {
			q->violated = 1;
			return (-1);
		}
		q->held[d[n].slot] = 1;
	}
	return (n);
}

/*
 * See what there is.  The producer shows express before bulk: whoever looks
 * at bulk first has seen all express packets that came before it.
 */
static int
look(struct pktq *q)
{
	int	 c;

	for (c = PKTQ_BULK; c >= PKTQ_EXPRESS; c--) {
		q->seen[c] = atomic_load_explicit(&q->sh->head[c],
		    memory_order_acquire);
		if (q->seen[c] - q->tail[c] > q->size[c]) {
			q->violated = 1;
			return (-1);
		}
	}
	return (0);
}

/*
 * Consumer: copy up to max descriptors, express ones first, and bulk ones
 * that were published after express ones not before those.  Returns how
 * many, or -1 if the producer broke the rules; then nothing more may be
 * taken.
 */
int
pktq_fetch(struct pktq *q, struct pktq_desc *d, int max)
{
	int	 n, m;

	if (q->violated)
		return (-1);
	if (q->tail[PKTQ_EXPRESS] == q->seen[PKTQ_EXPRESS]) {
		q->may_take = q->seen[PKTQ_BULK];
		if (look(q) == -1)
			return (-1);
	}
	if ((n = fetch(q, d, max - max / 4, PKTQ_EXPRESS,
	    q->seen[PKTQ_EXPRESS])) == -1)
		return (-1);
	if (q->tail[PKTQ_EXPRESS] == q->seen[PKTQ_EXPRESS])
		q->may_take = q->seen[PKTQ_BULK];
	if ((m = fetch(q, d + n, max - n, PKTQ_BULK, q->may_take)) == -1)
		return (-1);
	return (n + m);
}

/* Consumer: queue a slot for return.  -1 if it was not held. */
int
pktq_return(struct pktq *q, uint32_t slot)
{
	if (slot >= q->nslots || !q->held[slot])
		return (-1);
	q->held[slot] = 0;
	q->ret[q->rhead & (q->nslots - 1)] = slot;
	q->rhead++;
	return (0);
}

/* Consumer: make the returns visible, and wake a waiting producer. */
void
pktq_return_flush(struct pktq *q)
{
	if (atomic_load_explicit(&q->sh->rhead, memory_order_relaxed) ==
	    q->rhead)
		return;
	atomic_store_explicit(&q->sh->rhead, q->rhead, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&q->sh->want_slots, memory_order_relaxed)) {
		atomic_store_explicit(&q->sh->want_slots, 0,
		    memory_order_relaxed);
		pktq_ring_bell(q);
	}
}

/* Consumer: is there anything to fetch? */
int
pktq_waiting(const struct pktq *q)
{
	enum pktq_class	 c;

	for (c = 0; c < PKTQ_CLASSES; c++)
		if (atomic_load_explicit(&q->sh->head[c],
		    memory_order_relaxed) != q->tail[c])
			return (1);
	return (0);
}

static int
lie_down(struct pktq *q, uint32_t how)
{
	atomic_store_explicit(&q->sh->asleep, how, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!pktq_waiting(q))
		return (0);
	pktq_awake(q);
	return (1);
}

/*
 * Consumer: announce sleep.  Returns 1 if something arrived meanwhile,
 * so that the caller has to go round again instead of sleeping.
 */
int
pktq_sleep(struct pktq *q)
{
	return (lie_down(q, ASLEEP));
}

/* The same, but the bell will ring only for what is urgent. */
int
pktq_nap(struct pktq *q)
{
	return (lie_down(q, NAPPING));
}

void
pktq_awake(struct pktq *q)
{
	atomic_store_explicit(&q->sh->asleep, AWAKE, memory_order_relaxed);
}
