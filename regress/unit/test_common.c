/* SPDX-License-Identifier: ISC */

/* imsg, packet queue, timer wheel, addresses, keys, hashes. */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <imsg.h>

#include "addr.h"
#include "key.h"
#include "log.h"
#include "pktq.h"
#include "shm.h"
#include "siphash.h"
#include "unit.h"
#include "wheel.h"
#include "zone.h"

static void
pair(struct imsgbuf *a, struct imsgbuf *b)
{
	int	 fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	assert_int_equal(imsgbuf_init(a, fds[0]), 0);
	assert_int_equal(imsgbuf_init(b, fds[1]), 0);
}

static void
unpair(struct imsgbuf *a, struct imsgbuf *b)
{
	close(a->fd);
	close(b->fd);
	imsgbuf_clear(a);
	imsgbuf_clear(b);
}

static void
imsg_framing(void **state)
{
	struct imsgbuf	 a, b;
	struct imsg	 m;
	char		 data[1000], got[1000];
	uint8_t		*raw;
	size_t		 i, n, len;

	(void)state;
	pair(&a, &b);
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)i;
	for (i = 1; i <= 3; i++)
		assert_int_equal(imsg_compose(&a, (uint32_t)i, 7, 0, -1,
		    data, i * 300), 1);
	/* feed it byte by byte: a message is seen when it is whole */
	assert_int_equal(imsgbuf_flush(&a), 0);
	len = 300 + 600 + 900 + 3 * IMSG_HEADER_SIZE;
	assert_non_null(raw = malloc(len));
	assert_int_equal(read(b.fd, raw, len), len);
	for (i = 0, n = 0; i < len; i++) {
		assert_int_equal(write(a.fd, raw + i, 1), 1);
		assert_int_equal(imsgbuf_read(&b), 1);
		if (imsgbuf_get(&b, &m) == 0)
			continue;
		n++;
		assert_int_equal(imsg_get_type(&m), n);
		assert_int_equal(imsg_get_id(&m), 7);
		assert_int_equal(imsg_get_len(&m), n * 300);
		/* another length is refused, and takes nothing */
		assert_int_equal(imsg_get_data(&m, got, n * 300 - 1), -1);
		assert_int_equal(imsg_get_data(&m, got, n * 300), 0);
		assert_memory_equal(got, data, n * 300);
		imsg_free(&m);
	}
	assert_int_equal(n, 3);
	free(raw);
	unpair(&a, &b);
}

static void
imsg_hostile(void **state)
{
	struct imsgbuf	 a, b;
	struct imsg_hdr	 h;
	struct imsg	 m;
	uint32_t	 bad[] = { 0, 1, 15, MAX_IMSGSIZE + 1, 0x7fffffff,
			    0xffffffff };
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pair(&a, &b);
		memset(&h, 0, sizeof(h));
		h.len = bad[i];
		assert_int_equal(write(a.fd, &h, sizeof(h)), sizeof(h));
		assert_int_equal(imsgbuf_read(&b), 1);
		assert_int_equal(imsgbuf_get(&b, &m), -1);
		unpair(&a, &b);
	}
	/* a descriptor that was promised and did not come */
	pair(&a, &b);
	imsgbuf_allow_fdpass(&b);
	memset(&h, 0, sizeof(h));
	h.len = sizeof(h) | IMSG_FD_MARK;
	assert_int_equal(write(a.fd, &h, sizeof(h)), sizeof(h));
	assert_int_equal(imsgbuf_read(&b), 1);
	assert_int_equal(imsgbuf_get(&b, &m), -1);
	unpair(&a, &b);
	/* the end */
	pair(&a, &b);
	shutdown(a.fd, SHUT_WR);
	assert_int_equal(imsgbuf_read(&b), 0);
	unpair(&a, &b);
}

static void
imsg_fds(void **state)
{
	struct imsgbuf	 a, b;
	struct imsg	 m;
	struct stat	 st1, st2;
	int		 i, p[2], fd;

	(void)state;
	pair(&a, &b);
	imsgbuf_allow_fdpass(&b);
	assert_int_equal(pipe(p), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(imsg_compose(&a, 1, 0, 0, -1, "x", 1), 1);
		assert_int_equal(imsg_compose(&a, 2, 0, 0, dup(p[i & 1]),
		    "y", 1), 1);
	}
	assert_int_equal(imsgbuf_flush(&a), 0);
	for (i = 0; i < 6;) {
		assert_int_equal(imsgbuf_read(&b), 1);
		while (imsgbuf_get(&b, &m) == 1) {
			assert_int_equal(imsg_get_type(&m), 1 + (i & 1));
			fd = imsg_get_fd(&m);
			if (i & 1) {
				assert_true(fd >= 0);
				assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
				fstat(fd, &st1);
				fstat(p[i / 2 & 1], &st2);
				assert_int_equal(st1.st_ino, st2.st_ino);
				close(fd);
				/* it is given once */
				assert_int_equal(imsg_get_fd(&m), -1);
			} else
				assert_int_equal(fd, -1);
			imsg_free(&m);
			i++;
		}
	}
	unpair(&a, &b);
	/* unasked for: refused */
	pair(&a, &b);
	assert_int_equal(imsg_compose(&a, 1, 0, 0, dup(p[0]), "x", 1), 1);
	assert_int_equal(imsgbuf_flush(&a), 0);
	if (imsgbuf_read(&b) == 1)
		assert_int_equal(imsgbuf_get(&b, &m), -1);
	unpair(&a, &b);
	close(p[0]);
	close(p[1]);
}

static void
ibuf_bounds(void **state)
{
	struct ibuf	*b;
	uint32_t	 v32;
	uint8_t		 v8;
	char		 s[4];

	(void)state;
	assert_non_null(b = ibuf_dynamic(2, 8));
	assert_int_equal(ibuf_add_n32(b, 0x01020304), 0);
	assert_int_equal(ibuf_add_n8(b, 300), -1);
	assert_int_equal(ibuf_add_n32(b, 5), 0);
	assert_int_equal(ibuf_add(b, "x", 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_get_n32(b, &v32), 0);
	assert_int_equal(v32, 0x01020304);
	assert_null(ibuf_seek(b, 1, 4));
	assert_null(ibuf_seek(b, SIZE_MAX, 2));
	assert_int_equal(ibuf_skip(b, 3), 0);
	assert_int_equal(ibuf_get_n8(b, &v8), 0);
	assert_int_equal(v8, 5);
	assert_int_equal(ibuf_get_n8(b, &v8), -1);
	ibuf_free(b);
	/* a string field without its end */
	assert_non_null(b = ibuf_dynamic(4, 4));
	assert_int_equal(ibuf_add(b, "abcd", 4), 0);
	assert_int_equal(ibuf_get_strbuf(b, s, sizeof(s)), -1);
	assert_int_equal(s[3], '\0');
	ibuf_free(b);
}

struct qpair {
	struct pktq	 p;
	struct pktq	 c;
	int		 bell[2][2];
	int		 fd;
};

#define NSLOTS	512	/* more than are express */

static void
q_open(struct qpair *q)
{
	assert_int_equal(bell_create(q->bell[0]), 0);
	assert_int_equal(bell_create(q->bell[1]), 0);
	assert_true((q->fd = pktq_area_create(NSLOTS)) >= 0);
	assert_int_equal(pktq_attach_producer(&q->p, q->fd, NSLOTS,
	    q->bell[0][1]), 0);
	assert_int_equal(pktq_attach_consumer(&q->c, q->fd, NSLOTS,
	    q->bell[1][1]), 0);
}

static void
q_close(struct qpair *q)
{
	int	 i;

	pktq_detach(&q->p);
	pktq_detach(&q->c);
	close(q->fd);
	for (i = 0; i < 4; i++)
		close(q->bell[i / 2][i % 2]);
}

static int
rang(int fd)
{
	uint64_t	 v;

	return (read(fd, &v, sizeof(v)) == sizeof(v));
}

static void
queue_passes(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 d, got[NSLOTS];
	uint32_t		 sent = 0, recvd = 0, slot;
	int			 i, n, round;

	(void)state;
	q_open(&q);
	for (round = 0; round < 5000; round++) {
		n = (int)arc4random_uniform(NSLOTS + 8);
		for (i = 0; i < n; i++) {
			if ((slot = pktq_alloc(&q.p)) == PKTQ_NOSLOT)
				break;
			memset(pktq_slot(&q.p, slot), (int)(sent & 0xff), 32);
			memset(&d, 0, sizeof(d));
			d.slot = slot;
			d.peer = sent++;
			d.len = 32;
			assert_int_equal(pktq_publish(&q.p, &d, PKTQ_BULK), 0);
			assert_int_equal(pktq_busy(&q.p, slot), 1);
			pktq_release(&q.p, slot);
		}
		/* nothing is seen before the flush */
		if (q.p.head[PKTQ_BULK] == (uint32_t)n)
			assert_int_equal(pktq_fetch(&q.c, got, NSLOTS), 0);
		pktq_flush(&q.p);
		n = pktq_fetch(&q.c, got,
		    1 + (int)arc4random_uniform(NSLOTS));
		assert_true(n >= 0);
		for (i = 0; i < n; i++) {
			assert_int_equal(got[i].peer, recvd);
			assert_int_equal(*pktq_slot(&q.c, got[i].slot),
			    recvd & 0xff);
			recvd++;
			assert_int_equal(pktq_return(&q.c, got[i].slot), 0);
			assert_int_equal(pktq_return(&q.c, got[i].slot), -1);
		}
		pktq_return_flush(&q.c);
		assert_true(pktq_reclaim(&q.p) >= 0);
	}
	assert_true(recvd > 1000);
	q_close(&q);
}

static long
blocks(int fd)
{
	struct stat	 st;

	assert_int_equal(fstat(fd, &st), 0);
	return ((long)st.st_blocks * 512);
}

/* What a burst took is given back, but not what somebody still has. */
static void
queue_trims(void **state)
{
	enum { MANY = 4096 };
	static uint32_t	 slot[MANY];
	struct pktq	 q;
	int		 fd, i, k;

	(void)state;
	/* an emulator does not pass MADV_REMOVE on */
	if (getenv("EMULATED") != NULL)
		skip();
	fd = pktq_area_create(MANY);
	assert_int_equal(pktq_attach_producer(&q, fd, MANY, -1), 0);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < MANY; i++) {
			slot[i] = pktq_alloc(&q);
			assert_int_not_equal(slot[i], PKTQ_NOSLOT);
			memset(pktq_slot(&q, slot[i]), i & 0xff,
			    PKTQ_SLOT_SIZE);
		}
		assert_int_equal(q.ntouched, MANY);
		assert_true(blocks(fd) >= MANY * PKTQ_SLOT_SIZE);
		/* one of a hundred stays */
		for (i = 0; i < MANY; i++)
			if (i % 100 != 0)
				pktq_release(&q, slot[i]);
		assert_int_equal(pktq_trim(&q), 1);
		/* they were needed until now */
		assert_int_equal(q.ntouched, MANY);
		assert_int_equal(pktq_trim(&q), 0);
		assert_true(q.ntouched < 256);
		assert_true(blocks(fd) < 512 * PKTQ_SLOT_SIZE);
		for (i = 0; i < MANY; i += 100) {
			assert_int_equal(*pktq_slot(&q, slot[i]), i & 0xff);
			assert_int_equal(pktq_slot(&q, slot[i])
			    [PKTQ_SLOT_SIZE - 1], i & 0xff);
			pktq_release(&q, slot[i]);
		}
	}
	/* and what is used all the time is kept */
	slot[0] = pktq_alloc(&q);
	*pktq_slot(&q, slot[0]) = 7;
	pktq_release(&q, slot[0]);
	(void)pktq_trim(&q);
	assert_int_equal(*pktq_slot(&q, slot[0]), 7);
	pktq_detach(&q);
	close(fd);
}

/* A kept slot comes back only after both sides have let go. */
static void
queue_keeps(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 d, got[4];
	uint32_t		 slot;

	(void)state;
	q_open(&q);
	slot = pktq_alloc(&q.p);
	memset(&d, 0, sizeof(d));
	d.slot = slot;
	assert_int_equal(pktq_publish(&q.p, &d, PKTQ_BULK), 0);
	/* still busy */
	assert_int_equal(pktq_publish(&q.p, &d, PKTQ_BULK), -1);
	pktq_flush(&q.p);
	assert_int_equal(pktq_fetch(&q.c, got, 4), 1);
	assert_int_equal(pktq_return(&q.c, slot), 0);
	pktq_return_flush(&q.c);
	assert_int_equal(pktq_reclaim(&q.p), 1);
	assert_int_equal(pktq_busy(&q.p, slot), 0);
	assert_int_equal(q.p.nfree, NSLOTS - 1);
	assert_int_equal(pktq_publish(&q.p, &d, PKTQ_BULK), 0);	/* once more */
	pktq_release(&q.p, slot);
	assert_int_equal(q.p.nfree, NSLOTS - 1);
	pktq_flush(&q.p);
	assert_int_equal(pktq_fetch(&q.c, got, 4), 1);
	assert_int_equal(pktq_return(&q.c, slot), 0);
	pktq_return_flush(&q.c);
	assert_int_equal(pktq_reclaim(&q.p), 1);
	assert_int_equal(q.p.nfree, NSLOTS);
	q_close(&q);
}

static void
queue_bells(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 d, got[4];

	(void)state;
	q_open(&q);
	memset(&d, 0, sizeof(d));
	/* an awake consumer is not woken */
	d.slot = pktq_alloc(&q.p);
	pktq_publish(&q.p, &d, PKTQ_BULK);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 0);
	/* there is something: no sleep */
	assert_int_equal(pktq_sleep(&q.c), 1);
	assert_int_equal(pktq_fetch(&q.c, got, 4), 1);
	assert_int_equal(pktq_sleep(&q.c), 0);
	d.slot = pktq_alloc(&q.p);
	pktq_publish(&q.p, &d, PKTQ_BULK);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 1);
	d.slot = pktq_alloc(&q.p);
	pktq_publish(&q.p, &d, PKTQ_BULK);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 0);	/* once is enough */
	/* a producer that waits for slots */
	pktq_return(&q.c, got[0].slot);
	pktq_return_flush(&q.c);
	assert_int_equal(rang(q.bell[1][0]), 0);
	pktq_want_slots(&q.p);
	assert_int_equal(pktq_fetch(&q.c, got, 4), 2);
	pktq_return(&q.c, got[0].slot);
	pktq_return_flush(&q.c);
	assert_int_equal(rang(q.bell[1][0]), 1);
	q_close(&q);
}

/* Publish so many in a class, numbered from *n. */
static void
q_publish(struct qpair *q, enum pktq_class c, int count, uint32_t *n)
{
	struct pktq_desc	 d;

	memset(&d, 0, sizeof(d));
	for (; count > 0; count--) {
		assert_int_not_equal(d.slot = pktq_alloc(&q->p),
		    PKTQ_NOSLOT);
		d.peer = (*n)++;
		assert_int_equal(pktq_publish(&q->p, &d, c), 0);
		pktq_release(&q->p, d.slot);
	}
}

/* Fetch, expect these numbers in this order, and return them. */
static void
q_take(struct qpair *q, int max, const char *want)
{
	struct pktq_desc	 d[NSLOTS];
	unsigned int		 from, to;
	int			 n, i = 0, used;

	n = pktq_fetch(&q->c, d, max);
	for (; sscanf(want, " %u-%u%n", &from, &to, &used) == 2; want += used)
		for (; from <= to; from++, i++) {
			assert_true(i < n);
			assert_int_equal(d[i].peer, from);
			assert_int_equal(pktq_return(&q->c, d[i].slot), 0);
		}
	assert_int_equal(i, n);
}

/* Express passes bulk, which still gets a quarter. */
static void
queue_express(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 got[NSLOTS];
	uint32_t		 n = 0, mark, i, seen;

	(void)state;
	q_open(&q);
	assert_true(pktq_bulk_done(&q.p, pktq_bulk_mark(&q.p)));
	q_publish(&q, PKTQ_BULK, 20, &n);
	mark = pktq_bulk_mark(&q.p);
	assert_false(pktq_bulk_done(&q.p, mark));
	pktq_flush(&q.p);
	q_take(&q, 4, "0-3");
	q_publish(&q, PKTQ_EXPRESS, 20, &n);
	pktq_flush(&q.p);
	q_take(&q, 16, "20-31 4-7");
	/* what was published behind express ones stays behind them */
	q_publish(&q, PKTQ_BULK, 20, &n);
	pktq_flush(&q.p);
	q_take(&q, 4, "32-34 8-8");
	q_take(&q, 16, "35-39 9-19");
	q_take(&q, 8, "40-47");
	q_publish(&q, PKTQ_EXPRESS, 20, &n);
	q_publish(&q, PKTQ_BULK, 1, &n);
	pktq_flush(&q.p);
	q_take(&q, 16, "60-71 48-51");
	q_take(&q, 16, "72-79 52-59");
	q_take(&q, 16, "80-80");
	q_take(&q, 16, "");
	/* also when there is none before the express ones */
	q_publish(&q, PKTQ_EXPRESS, 20, &n);
	q_publish(&q, PKTQ_BULK, 5, &n);
	pktq_flush(&q.p);
	q_take(&q, 16, "81-92");
	q_take(&q, 16, "93-100 101-105");
	/* returns count for the class that they were published in */
	pktq_return_flush(&q.c);
	assert_int_equal(pktq_reclaim(&q.p), 106);
	assert_int_equal(q.p.nout[PKTQ_EXPRESS], 0);
	assert_int_equal(q.p.nout[PKTQ_BULK], 0);
	assert_true(pktq_bulk_done(&q.p, mark));
	/* a slot that nobody saw has not come back */
	seen = q.p.came_back;
	pktq_release(&q.p, pktq_alloc(&q.p));
	assert_int_equal(q.p.came_back, seen);
	assert_int_equal(q.p.nfree, NSLOTS);
	/* what does not fit goes in bulk, and none is lost */
	n = 0;
	q_publish(&q, PKTQ_EXPRESS, NSLOTS, &n);
	assert_int_equal(q.p.nout[PKTQ_EXPRESS], 256);
	assert_int_equal(q.p.nout[PKTQ_BULK], NSLOTS - 256);
	pktq_flush(&q.p);
	for (n = 0; (i = (uint32_t)pktq_fetch(&q.c, got, 64)) > 0; n += i)
		continue;
	assert_int_equal(n, NSLOTS);
	q_close(&q);
}

#define PAIRS	100000

/* An express and a bulk packet, again and again. */
static void *
send_pairs(void *arg)
{
	struct pktq		*p = arg;
	struct pktq_desc	 d;
	uint32_t		 i;
	int			 c;

	memset(&d, 0, sizeof(d));
	for (i = 0; i < PAIRS; i++) {
		for (c = PKTQ_EXPRESS; c <= PKTQ_BULK; c++) {
			while ((d.slot = pktq_alloc(p)) == PKTQ_NOSLOT ||
			    !pktq_express_room(p)) {
				if (d.slot != PKTQ_NOSLOT)
					pktq_release(p, d.slot);
				(void)pktq_reclaim(p);
			}
			d.peer = i;
			d.flags = (uint32_t)c;
			pktq_publish(p, &d, (enum pktq_class)c);
			pktq_release(p, d.slot);
		}
		pktq_flush(p);
	}
	return (NULL);
}

/* Whenever the other side looks, none has passed the one before it. */
static void
queue_order(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 got[64];
	pthread_t		 th;
	uint32_t		 next[PKTQ_CLASSES] = { 0, 0 };
	int			 i, n;

	(void)state;
	q_open(&q);
	assert_int_equal(pthread_create(&th, NULL, send_pairs, &q.p), 0);
	while (next[PKTQ_BULK] < PAIRS) {
		n = pktq_fetch(&q.c, got, 64);
		assert_true(n >= 0);
		for (i = 0; i < n; i++) {
			assert_int_equal(got[i].peer, next[got[i].flags]++);
			assert_true(next[PKTQ_EXPRESS] >= next[PKTQ_BULK]);
			pktq_return(&q.c, got[i].slot);
		}
		pktq_return_flush(&q.c);
	}
	assert_int_equal(pthread_join(th, NULL), 0);
	q_close(&q);
}

/* One who naps is woken by what is urgent only. */
static void
queue_naps(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 got[4];
	uint32_t		 n = 0;

	(void)state;
	q_open(&q);
	assert_int_equal(pktq_nap(&q.c), 0);
	q_publish(&q, PKTQ_BULK, 1, &n);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 0);
	q_publish(&q, PKTQ_EXPRESS, 1, &n);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 1);
	assert_int_equal(pktq_nap(&q.c), 1);	/* there is something */
	assert_int_equal(pktq_waiting(&q.c), 1);
	assert_int_equal(pktq_fetch(&q.c, got, 4), 2);
	assert_int_equal(pktq_waiting(&q.c), 0);
	assert_int_equal(pktq_nap(&q.c), 0);
	q_publish(&q, PKTQ_BULK, 1, &n);
	pktq_urgent(&q.p);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 1);
	/* it was so of that one only */
	assert_int_equal(pktq_fetch(&q.c, got, 4), 1);
	assert_int_equal(pktq_nap(&q.c), 0);
	q_publish(&q, PKTQ_BULK, 1, &n);
	pktq_flush(&q.p);
	assert_int_equal(rang(q.bell[0][0]), 0);
	q_close(&q);
}

/* One thing that a hostile producer may write. */
static void
spoil(struct pktq *p, enum pktq_class c, int what)
{
	struct pktq_desc	*ring = p->ring[c];

	switch (what) {
	case 0:		/* slot outside the pool */
		ring[0].slot = NSLOTS;
		break;
	case 1:		/* packet outside the slot */
		ring[0].off = 2000;
		ring[0].len = 100;
		break;
	case 2:		/* more descriptors than slots */
		p->head[c] += NSLOTS;
		break;
	case 3:		/* the same slot twice */
		ring[1] = ring[0];
		p->head[c]++;
		break;
	case 4:		/* an index that goes back */
		p->head[c] = (uint32_t)-5;
		break;
	case 5:
		ring[0].off = PKTQ_SLOT_SIZE + 1;
		ring[0].len = 0;
		break;
	case 6:		/* in both rings at once */
		p->ring[!c][0] = ring[0];
		p->head[!c]++;
		break;
	}
}

/* What a hostile sibling writes is found out. */
static void
queue_hostile(void **state)
{
	struct qpair		 q;
	struct pktq_desc	 d, got[NSLOTS];
	enum pktq_class		 c;
	int			 i;

	(void)state;
	for (i = 0; i < 14; i++) {
		c = i % 2 ? PKTQ_BULK : PKTQ_EXPRESS;
		q_open(&q);
		memset(&d, 0, sizeof(d));
		d.slot = pktq_alloc(&q.p);
		pktq_publish(&q.p, &d, c);
		spoil(&q.p, c, i / 2);
		pktq_flush(&q.p);
		assert_int_equal(pktq_fetch(&q.c, got, NSLOTS), -1);
		assert_int_equal(pktq_fetch(&q.c, got, NSLOTS), -1);
		q_close(&q);
	}
	for (i = 0; i < 3; i++) {
		q_open(&q);
		memset(&d, 0, sizeof(d));
		d.slot = pktq_alloc(&q.p);
		pktq_publish(&q.p, &d, PKTQ_BULK);
		pktq_flush(&q.p);
		assert_int_equal(pktq_fetch(&q.c, got, 1), 1);
		switch (i) {
		case 0:		/* a slot that was not published */
			q.c.ret[0] = (d.slot + 1) % NSLOTS;
			q.c.rhead = 1;
			break;
		case 1:		/* no slot at all */
			q.c.ret[0] = 0xfffffff0;
			q.c.rhead = 1;
			break;
		case 2:		/* more than there are */
			q.c.rhead = 2;
			break;
		}
		pktq_return_flush(&q.c);
		assert_int_equal(pktq_reclaim(&q.p), -1);
		q_close(&q);
	}
}

/* Objects come and go at random; when all have gone, so has the memory. */
static void
zones(void **state)
{
	static uint8_t	*v[5000];
	struct zone	 z;
	size_t		 most, k, size;
	uint32_t	 i, r;

	(void)state;
	for (size = 1; size <= 1000; size += 333) {
		zone_init(&z, size);
		memset(v, 0, sizeof(v));
		for (r = most = 0; r < 100000; r++) {
			i = arc4random_uniform(5000);
			if (v[i] == NULL) {
				assert_non_null(v[i] = zone_alloc(&z));
				assert_int_equal((uintptr_t)v[i] % 16, 0);
				for (k = 0; k < size; k++)
					assert_int_equal(v[i][k], 0);
				memset(v[i], (int)(i | 1), size);
			} else {
				for (k = 0; k < size; k++)
					assert_int_equal(v[i][k],
					    (i | 1) & 0xff);
				zone_free(&z, v[i]);
				v[i] = NULL;
			}
			if (z.nslabs > most)
				most = z.nslabs;
		}
		/* so much, and no more than that */
		assert_true(most <= 5000 / z.per_slab + 2);
		for (i = 0; i < 5000; i++)
			zone_free(&z, v[i]);
		assert_int_equal(z.nused, 0);
		assert_int_equal(z.nslabs, 1);
		zone_fini(&z);
		assert_int_equal(z.nslabs, 0);
	}
}

/* An area of another size, or one that can shrink, is not attached. */
static void
queue_area(void **state)
{
	struct pktq	 q;
	FILE		*f;
	int		 fd;

	(void)state;
	assert_int_equal(pktq_area_create(100), -1);
	assert_int_equal(pktq_area_create(0), -1);
	fd = pktq_area_create(NSLOTS);
	assert_int_equal(pktq_attach_consumer(&q, fd, NSLOTS * 2, -1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
	assert_non_null(f = tmpfile());
	assert_int_equal(ftruncate(fileno(f), (off_t)pktq_area_size(NSLOTS)),
	    0);
	assert_int_equal(pktq_attach_producer(&q, fileno(f), NSLOTS, -1),
	    -1);
	fclose(f);
}

struct wt {
	struct wheel_timer	 t;
	mono_t			 want;
	int			 fired;
};

static mono_t	 wheel_prev;

static void
wheel_fire(void *arg, struct wheel_timer *t, mono_t now)
{
	struct wt	*w = (struct wt *)t;
	mono_t		*late = arg;

	assert_true(now >= w->want);
	/* not later than the first run at or after its tick */
	if (w->want + MONO_MS(1) < wheel_prev)
		(*late)++;
	w->fired++;
}

/* Random timers against what each of them wants. */
static void
wheel_oracle(void **state)
{
	static struct wt	 w[500];
	struct wheel		*wh;
	mono_t			 now = MONO_SEC(1234), late = 0, next, min;
	uint32_t		 span[] = { 3, 300, 70000, 20000000 };
	int			 i, round, fired = 0;

	(void)state;
	assert_non_null(wh = malloc(sizeof(*wh)));
	wheel_init(wh, now, wheel_fire, &late);
	memset(w, 0, sizeof(w));
	for (round = 0; round < 3000; round++) {
		for (i = 0; i < 20; i++) {
			struct wt	*x = &w[arc4random_uniform(500)];

			if (arc4random_uniform(4) == 0) {
				wheel_del(wh, &x->t);
				continue;
			}
			x->want = now + MONO_US(arc4random_uniform(1000)) +
			    MONO_MS(arc4random_uniform(
			    span[arc4random_uniform(4)]));
			wheel_add(wh, &x->t, x->want);
		}
		min = 0;
		for (i = 0; i < 500; i++)
			if (w[i].t.when != 0 &&
			    (min == 0 || w[i].want < min))
				min = w[i].want;
		next = wheel_next(wh);
		assert_true((min == 0) == (next == 0));
		/* waking at next is never too late by more than a tick */
		if (min != 0)
			assert_true(next <= min + MONO_MS(1) ||
			    next <= now + MONO_MS(1));
		wheel_prev = now;
		now += arc4random_uniform(3) == 0 ?
		    MONO_MS(arc4random_uniform(100000)) :
		    MONO_US(arc4random_uniform(3000));
		wheel_run(wh, now);
		for (i = 0; i < 500; i++) {
			fired += w[i].fired;
			w[i].fired = 0;
			/* what is due has fired */
			if (w[i].t.when != 0)
				assert_true(w[i].want + MONO_MS(1) > now);
		}
	}
	assert_true(fired > 1000);
	assert_int_equal(late, 0);
	free(wh);
}

static void
siphash_vectors(void **state)
{
	/* from the reference implementation: key 00..0f, data 00..n-1 */
	static const struct {
		size_t		 len;
		uint64_t	 want;
	}			 v[] = {
		{ 0, 0x726fdb47dd0e0e31ULL }, { 1, 0x74f839c593dc67fdULL },
		{ 7, 0xab0200f58b01d137ULL }, { 8, 0x93f5f5799a932462ULL },
		{ 15, 0xa129ca6149be45e5ULL }, { 63, 0x958a324ceb064572ULL }
	};
	struct siphash_key	 k = { 0x0706050403020100ULL,
				    0x0f0e0d0c0b0a0908ULL };
	uint8_t			 data[64];
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_int_equal(siphash24(&k, data, v[i].len), v[i].want);
}

static void
keys(void **state)
{
	uint8_t		 k[KEY_LEN], k2[KEY_LEN];
	char		 s[KEY_B64LEN], hex[65];
	const char	*reason;
	FILE		*f;
	int		 i, j;

	(void)state;
	for (i = 0; i < 2000; i++) {
		arc4random_buf(k, sizeof(k));
		key_to_base64(s, k);
		assert_int_equal(strlen(s), 44);
		assert_int_equal(key_from_base64(k2, s), 0);
		assert_memory_equal(k, k2, sizeof(k));
		for (j = 0; j < KEY_LEN; j++)
			snprintf(hex + j * 2, 3, "%02X", k[j]);
		assert_int_equal(key_from_text(k2, hex), 0);
		assert_memory_equal(k, k2, sizeof(k));
	}
	/* bits that do not fit, a bad character, a bad length */
	assert_int_equal(key_from_base64(k,
	    "AKeZaHwBxjiKLFnkY2unvEdOTtg4AL+M9dQXfopFVFm="), -1);
	assert_int_equal(key_from_base64(k,
	    "AKeZaHwBxjiKLFnkY2unvEdOTtg4AL-M9dQXfopFVFk="), -1);
	assert_int_equal(key_from_base64(k, ""), -1);
	assert_int_equal(key_from_text(k, "zz"), -1);
	/* a file that others can read is refused */
	assert_non_null(f = tmpfile());
	fputs("AKeZaHwBxjiKLFnkY2unvEdOTtg4AL+M9dQXfopFVFk=\n", f);
	fflush(f);
	assert_int_equal(fchmod(fileno(f), 0640), 0);
	rewind(f);
	assert_int_equal(key_read_file(k, fileno(f), 0, &reason), -1);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	rewind(f);
	assert_int_equal(key_read_file(k, fileno(f), 0, &reason), 0);
	fclose(f);
}

static void
addresses(void **state)
{
	struct ipprefix	 p;
	struct ipaddr	 a;
	char		 buf[ADDR_STRLEN];
	const char	*bad[] = { "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/",
			    "::1/129", "10.0.0/8", "x", "", "10.0.0.1/1x",
			    "10.0.0.1/+8" };
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ipprefix_parse(&p, bad[i]), -1);
	assert_int_equal(ipprefix_parse(&p, "10.77.3.9/21"), 0);
	ipprefix_mask(&p);
	assert_string_equal(ipprefix_str(&p, buf, sizeof(buf)),
	    "10.77.0.0/21");
	ipaddr_parse(&a, "10.77.7.255");
	assert_true(ipprefix_match(&p, &a));
	ipaddr_parse(&a, "10.77.8.0");
	assert_false(ipprefix_match(&p, &a));
	ipaddr_parse(&a, "::ffff:10.77.0.0");
	assert_false(ipprefix_match(&p, &a));
	assert_int_equal(ipprefix_parse(&p, "fd77::1"), 0);
	assert_int_equal(p.len, 128);
	assert_string_equal(ipport_str(&p.addr, 53, buf, sizeof(buf)),
	    "[fd77::1]:53");
}

static void
log_limits(void **state)
{
	struct log_limit	 l;
	mono_t			 now = MONO_SEC(5);
	int			 i, n = 0;

	(void)state;
	memset(&l, 0, sizeof(l));
	for (i = 0; i < 1000; i++)
		n += log_allow(&l, now);
	assert_int_equal(n, 10);
	assert_int_equal(l.suppressed, 990);
	now += MONO_SEC(3);
	for (i = 0, n = 0; i < 1000; i++)
		n += log_allow(&l, now);
	assert_int_equal(n, 3);
}

/* A line of somebody else's stays one line, and steers no terminal. */
static void
log_lines(void **state)
{
	char	 a[] = "peer \"x\"\n\033[2Jroot: all is well\r\x7f\t";
	char	 b[] = "caf\xc3\xa9 \xe2\x82\xac \xc3\x80 \xc2\x9b \x9b";

	(void)state;
	log_clean(a);
	assert_string_equal(a, "peer \"x\"??[2Jroot: all is well???");
	log_clean(b);
	assert_string_equal(b,
	    "caf\xc3\xa9 \xe2\x82\xac \xc3\x80 \xc2? ?");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(imsg_framing),
		cmocka_unit_test(imsg_hostile),
		cmocka_unit_test(imsg_fds),
		cmocka_unit_test(ibuf_bounds),
		cmocka_unit_test(queue_passes),
		cmocka_unit_test(queue_keeps),
		cmocka_unit_test(queue_trims),
		cmocka_unit_test(queue_bells),
		cmocka_unit_test(queue_express),
		cmocka_unit_test(queue_order),
		cmocka_unit_test(queue_naps),
		cmocka_unit_test(queue_hostile),
		cmocka_unit_test(queue_area),
		cmocka_unit_test(zones),
		cmocka_unit_test(wheel_oracle),
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(keys),
		cmocka_unit_test(addresses),
		cmocka_unit_test(log_lines),
		cmocka_unit_test(log_limits)
	};

	return (RUN(tests));
}
