/* SPDX-License-Identifier: ISC */

/*
 * The packet queue, with a process on the other side that writes into the
 * shared memory whatever it likes while it is read: whatever comes out of it
 * is a slot that is there, and a packet that lies within it; and what is
 * given out twice is never the producer's own.
 */

#include <sys/types.h>
#include <sys/mman.h>

#include <unistd.h>

#include "fuzz.h"
#include "pktq.h"
#include "shm.h"

#define SLOTS	64

static struct pktq	 p, c;
static uint8_t		*area;
static size_t		 size, ctl;
static int		 fd = -1;

static void
begin(void)
{
	/* once: a process behind its filter is given one, and makes none */
	if (fd == -1)
		MUST((fd = pktq_area_create(SLOTS)) != -1);
	MUST(pktq_attach_producer(&p, fd, SLOTS, -1) == 0);
	MUST(pktq_attach_consumer(&c, fd, SLOTS, -1) == 0);
	size = pktq_area_size(SLOTS);
	ctl = size - (size_t)SLOTS * PKTQ_SLOT_SIZE;
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(area != MAP_FAILED);
	memset(area, 0, ctl);
}

static void
end(void)
{
	pktq_detach(&p);
	pktq_detach(&c);
	munmap(area, size);
}

static void
consume(struct input *in)
{
	struct pktq_desc	 d[8];
	int			 i, n;

	n = pktq_fetch(&c, d, 1 + in8(in) % 8);
	MUST(n >= -1 && n <= 8);
	for (i = 0; i < n; i++) {
		MUST(d[i].slot < SLOTS);
		MUST((size_t)d[i].off + d[i].len <= PKTQ_SLOT_SIZE);
		MUST(pktq_slot(&c, d[i].slot) >= c.pool &&
		    pktq_slot(&c, d[i].slot) + d[i].off + d[i].len <=
		    c.pool + c.pool_size);
	}
	if (in8(in) & 1)
		for (i = 0; i < n; i++)
			(void)pktq_return(&c, d[i].slot);
	pktq_return_flush(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input		 in = { data, len };
	struct pktq_desc	 d;
	uint8_t			 mine[SLOTS] = { 0 };
	uint32_t		 slot, v;
	size_t			 at;
	int			 i;

	begin();
	while (in.n > 0) {
		switch (in8(&in) % 10) {
		case 0:
		case 1:		/* the one on the other side writes */
			at = in16(&in) % (ctl - 4);
			v = in32(&in);
			memcpy(area + at, &v, 4);
			break;
		case 2:		/* where the counters are */
			at = in8(&in) * 4U % (ctl - 4);
			v = in8(&in);
			memcpy(area + at, &v, 4);
			break;
		case 3:
			slot = pktq_alloc(&p);
			MUST(slot == PKTQ_NOSLOT || slot < SLOTS);
			if (slot == PKTQ_NOSLOT)
				break;
			MUST(!mine[slot]);
			mine[slot] = 1;
			break;
		case 4:		/* publish one */
			for (i = in8(&in) % SLOTS; i < SLOTS && !mine[i]; i++)
				continue;
			if (i == SLOTS)
				break;
			memset(&d, 0, sizeof(d));
			d.slot = (uint32_t)i;
			d.len = 100;
			(void)pktq_publish(&p, &d, in8(&in) & 1 ? PKTQ_EXPRESS :
			    PKTQ_BULK);
			pktq_release(&p, d.slot);
			mine[i] = 0;
			break;
		case 5:
			pktq_flush(&p);
			break;
		case 6:
			(void)pktq_reclaim(&p);
			MUST(p.nfree <= SLOTS);
			break;
		case 7:
			consume(&in);
			break;
		case 8:
			(void)pktq_return(&c, in32(&in));
			break;
		case 9:
			(void)pktq_waiting(&c);
			(void)pktq_trim(&p);
			break;
		}
	}
	end();
	return (0);
}
