/* SPDX-License-Identifier: ISC */

/*
 * The crypto engine: owns the UDP sockets and every key, sees ciphertext
 * on one side and the packet queue on the other.
 *
 * One round of its loop takes a batch of UDP buffers, opens what is in
 * them straight into packet slots, takes a batch of packets from the
 * slirp engine and seals them into trains: datagrams of one size to one
 * endpoint, which go out with one system call.  Shared indices move and
 * doorbells ring once a round.
 */

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "across.h"
#include "change.h"
#include "clock.h"
#include "config.h"
#include "endpoint.h"
#include "links.h"
#include "log.h"
#include "nap.h"
#include "queue.h"
#include "relay.h"
#include "shm.h"
#include "show.h"
#include "sockets.h"
#include "state.h"
#include "steer.h"
#include "trim.h"
#include "udpio.h"
#include "wg/limit.h"

#define HS_BATCH	8	/* handshake messages a round, */
#define HS_BUSY		4	/* and if there was data in it */

static int		 bell[2];	/* mine, theirs */
static int		 queue_fd[2];
static uint32_t		 queue_slots[2];
static struct event	*bell_ev;
static struct event	*timer;		/* of the wheel */
static struct nap	 nap;

static void
bell_rang(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	bell_drain(fd);
}

/* One round of work; returns whether there is more to do at once. */
static int
work(void)
{
	static uint64_t	 before;
	mono_t		 now = mono_now();
	size_t		 had = train_len();
	uint64_t	 data;
	int		 more = 0, open;

	if (!sockets_blocked() && queue_take(now))
		more = 1;
	/* what comes next may belong to the same train, if it grows */
	open = more && train_len() != had;
	if (!open)
		train_send();
	data = ce.dev->count.wg_rx_packets + ce.dev->count.wg_tx_packets;
	if (wg_run_handshakes(ce.dev, data == before ? HS_BATCH : HS_BUSY,
	    now) > 0)
		more = 1;
	before = data;
	wheel_run(&ce.dev->wheel, now);
	if (ce.dev->over)
		wg_cut_peers(ce.dev);
	steer_run(now);
	if (!open)
		train_send();
	across_flush();
	pktq_return_flush(&ce.out);
	pktq_flush(&ce.in);
	trim_note();
	return (more);
}

/* Sleep until something happens, or only look if there is more to do. */
static void
wait_events(int more, uint64_t packets)
{
	struct timeval	 tv;
	mono_t		 now, next;

	/* no nap over a full receive buffer: it is small for single ones */
	if (sockets_more() || (!more && !sockets_blocked() &&
	    pktq_sleep(&ce.out)))
		more = 1;
	if (more) {
		event_base_loop(evbase, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		return;
	}
	if (!sockets_blocked() && nap_wanted(&nap, packets)) {
		if (!pktq_nap(&ce.out))
			nap_take(&nap, bell[0]);
		pktq_awake(&ce.out);
		return;
	}
	if ((next = wheel_next(&ce.dev->wheel)) != 0) {
		now = mono_now();
		next = next > now ? next - now : 0;
		tv.tv_sec = (time_t)MONO_TO_SEC(next);
		tv.tv_usec = (suseconds_t)(MONO_TO_US(next) % 1000000);
		event_add(timer, &tv);
	} else
		event_del(timer);
	event_base_loop(evbase, EVLOOP_ONCE);
	pktq_awake(&ce.out);
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
start(void)
{
	struct timespec	 ts;

	if (pktq_attach_producer(&ce.in, queue_fd[1], queue_slots[1],
	    bell[1]) == -1 || pktq_attach_consumer(&ce.out,
	    queue_fd[0], queue_slots[0], bell[1]) == -1)
		fatal("packet queue");
	close(queue_fd[0]);
	close(queue_fd[1]);
	bell_ev = event_new(evbase, bell[0], EV_READ | EV_PERSIST,
	    bell_rang, NULL);
	if (bell_ev == NULL || event_add(bell_ev, NULL) == -1)
		fatalx("doorbell");
	clock_gettime(CLOCK_REALTIME, &ts);
	ce.start_time = (uint64_t)ts.tv_sec;
	/* locked memory is not given back; keys are elsewhere */
	(void)munlock(ce.in.pool, ce.in.pool_size);
	trim_init(&ce.in);
	sockets_start();
	across_start();
	relay_listen();
	ce.started = 1;
}

static const struct sibling	 siblings[] = {
	{ PROC_CONTROL, 0, &ce.control, crypto_show_request, PROC_BACKLOG },
	{ PROC_SLIRP, 0, &ce.slirp, endpoint_input, PROC_BACKLOG },
	{ PROC_CRYPTO, 1, ce.crypto, across_input, 0 }
};

static void
take_queue(struct imsg *imsg)
{
	struct queue_msg	 m;
	int			 dir;

	imsg_is(imsg, &m, sizeof(m));
	dir = m.guest_to_host != 0;
	if (ce.started || queue_fd[dir] != -1)
		bad_imsg("parent", IMSG_QUEUE);
	queue_fd[dir] = imsg_take_fd(imsg);
	queue_slots[dir] = m.nslots;
}

static void
take_bell(struct imsg *imsg)
{
	struct bell_msg	 m;

	imsg_is(imsg, &m, sizeof(m));
	bell[m.mine ? 0 : 1] = imsg_take_fd(imsg);
}

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	uint32_t	 type;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (type = imsg_get_type(imsg)) {
	case IMSG_PIPE:
		child_pipe(imsg, siblings, sizeof(siblings) /
		    sizeof(siblings[0]));
		break;
	case IMSG_QUEUE:
		take_queue(imsg);
		break;
	case IMSG_BELL:
		take_bell(imsg);
		break;
	case IMSG_LINK:
		relay_link(imsg_take_fd(imsg));
		break;
	case IMSG_ACROSS:
		if (ce.started)
			bad_imsg("parent", type);
		across_link(imsg);
		break;
	case IMSG_CONF_BEGIN:
		if (ce.staging || ce.setting)
			bad_imsg("parent", type);
		imsg_is(imsg, &ce.global, sizeof(ce.global));
		ce.staging = 1;
		break;
	case IMSG_CONF_KEY:
	case IMSG_CONF_PEER:
	case IMSG_CONF_AIP:
	case IMSG_CONF_EXCLUDE:
	case IMSG_CONF_END:
		if (!ce.staging)
			bad_imsg("parent", type);
		crypto_config_stage(imsg);
		break;
	case IMSG_SOCKET:
	case IMSG_SIDE:
		if (!ce.staging && !ce.setting)
			bad_imsg("parent", type);
		crypto_config_stage(imsg);
		break;
	case IMSG_SET_BEGIN:
	case IMSG_SET_PEER:
	case IMSG_SET_AIP:
	case IMSG_SET_END:
		change_input(imsg);
		break;
	case IMSG_CONF_COMMIT:
		if (!ce.staging)
			bad_imsg("parent", type);
		crypto_config_commit();
		imsgev_must(&ce.parent, IMSG_COMMITTED, 0, -1, NULL, 0);
		break;
	case IMSG_START:
		if (ce.started)
			bad_imsg("parent", type);
		start();
		break;
	default:
		child_common(iev, imsg);
	}
}

void
crypto_main(int foreground)
{
	const char	*reason;
	uint64_t	 seen, before = 0;
	int		 more = 0;

	queue_fd[0] = queue_fd[1] = -1;
	child_init(PROC_CRYPTO, foreground, &ce.parent, parent_msg);
	sandbox_lock_memory();
	child_drop(foreground);
	if ((reason = aead_init()) != NULL)
		fatalx("%s", reason);
	if (udpio_init() == -1)
		fatal(NULL);
	ce.dev = wg_device_new(&queue_ops, NULL, mono_now());
	timer = evtimer_new(evbase, tick, NULL);
	if (ce.dev == NULL || timer == NULL ||
	    clock_init() == -1 || links_init() == -1)
		fatal(NULL);
	child_ready(&ce.parent, SANDBOX_CRYPTO);
	while (!ce.started)
		event_base_loop(evbase, EVLOOP_ONCE);
	for (;;) {
		more = work();
		seen = ce.dev->count.wg_rx_datagrams +
		    ce.dev->count.wg_tx_packets;
		wait_events(more, seen - before);
		before = seen;
	}
}
