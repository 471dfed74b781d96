/* SPDX-License-Identifier: ISC */

#ifndef PKTQ_H
#define PKTQ_H

#include <sys/types.h>

#include <stdint.h>

#include "mono.h"

/*
 * Packet queue between two processes that do not trust each other; one
 * for each direction.  See the theory of operation in pktq.c.
 */

#define PKTQ_SLOT_SIZE	2048
#define PKTQ_NOSLOT	UINT32_MAX

/* A packet in the ring.  Fixed layout: it is shared. */
struct pktq_desc {
	uint64_t	 time;		/* receive time, mono_t */
	uint32_t	 slot;
	uint32_t	 peer;		/* the producer's word for it */
	uint16_t	 off;		/* of the packet in its slot */
	uint16_t	 len;
	uint32_t	 flags;		/* none yet */
};

/* Rings: what is in the first is fetched before what is in the other. */
enum pktq_class {
	PKTQ_EXPRESS,
	PKTQ_BULK,
	PKTQ_CLASSES
};

struct pktq_shared;

struct pktq {
	struct pktq_shared	*sh;
	struct pktq_desc	*ring[PKTQ_CLASSES];
	uint32_t		*ret;
	uint8_t			*pool;
	size_t			 pool_size;
	size_t			 ctl_size;
	uint32_t		 nslots;	/* power of two */
	uint32_t		 size[PKTQ_CLASSES];	/* powers of two */
	uint32_t		 head[PKTQ_CLASSES];	/* producer */
	uint32_t		 tail[PKTQ_CLASSES];	/* consumer */
	uint32_t		 rhead;		/* consumer: returns */
	uint32_t		 rtail;		/* producer: returns */
	/* producer */
	uint32_t		*free;		/* LIFO: keeps pages warm */
	uint32_t		 nfree;
	uint32_t		 nout[PKTQ_CLASSES];	/* not returned yet */
	int			 urgent;	/* not shown yet */
	uint32_t		 came_back;	/* slots, ever */
	uint32_t		 low;		/* of nfree since pktq_trim() */
	uint32_t		 ntouched;	/* slots that take memory */
	uint32_t		 taken;		/* slots, ever */
	uint8_t			*state;
	/* consumer */
	uint8_t			*held;
	uint32_t		 seen[PKTQ_CLASSES];	/* at one look */
	uint32_t		 may_take;	/* of bulk, up to there */
	int			 bell;		/* rings the other side */
	int			 violated;
	uint64_t		 rings;
};

/* For the producer and the consumer. */
size_t	 pktq_area_size(uint32_t);
int	 pktq_area_create(uint32_t);
void	 pktq_detach(struct pktq *);

/* Producer. */
int	 pktq_attach_producer(struct pktq *, int, uint32_t, int);
uint32_t pktq_alloc(struct pktq *);
void	 pktq_release(struct pktq *, uint32_t);
int	 pktq_busy(const struct pktq *, uint32_t);
int	 pktq_publish(struct pktq *, const struct pktq_desc *,
	    enum pktq_class);
void	 pktq_urgent(struct pktq *);
void	 pktq_flush(struct pktq *);
int	 pktq_reclaim(struct pktq *);
void	 pktq_want_slots(struct pktq *);
int	 pktq_trim(struct pktq *);

/* Consumer. */
int	 pktq_attach_consumer(struct pktq *, int, uint32_t, int);
int	 pktq_fetch(struct pktq *, struct pktq_desc *, int);
int	 pktq_waiting(const struct pktq *);
int	 pktq_return(struct pktq *, uint32_t);
void	 pktq_return_flush(struct pktq *);
int	 pktq_sleep(struct pktq *);
int	 pktq_nap(struct pktq *);
void	 pktq_awake(struct pktq *);

/* Producer: is there room in the express ring? */
static inline int
pktq_express_room(const struct pktq *q)
{
	return (q->nout[PKTQ_EXPRESS] < q->size[PKTQ_EXPRESS]);
}

/* Producer: what was published in bulk, as a number that only grows... */
static inline uint32_t
pktq_bulk_mark(const struct pktq *q)
{
	return (q->head[PKTQ_BULK]);
}

/* ... how much of it has come back ... */
static inline uint32_t
pktq_bulk_back(const struct pktq *q)
{
	return (q->head[PKTQ_BULK] - q->nout[PKTQ_BULK]);
}

/* ... and whether all up to a mark has. */
static inline int
pktq_bulk_done(const struct pktq *q, uint32_t mark)
{
	return ((int32_t)(pktq_bulk_back(q) - mark) >= 0);
}

static inline uint8_t *
pktq_slot(const struct pktq *q, uint32_t slot)
{
	return (q->pool + (size_t)slot * PKTQ_SLOT_SIZE);
}

#endif
