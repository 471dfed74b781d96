/* SPDX-License-Identifier: ISC */

/*
 * The control engine as a process: it serves the control socket, wg(8) and
 * the metrics.  It keeps no state of its own; a request goes to the process
 * that knows, and the answer goes back.
 */

#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "ask.h"
#include "capture.h"
#include "client.h"
#include "conf.h"
#include "http.h"
#include "log.h"
#include "report.h"
#include "set.h"
#include "sibling.h"
#include "uapi.h"

static struct {
	struct imsgev		 pipe[PROC_SLOTS];	/* parent, engines */
	int			 fd;
	int			 uapi_fd;
	int			 started;
	struct conf_global	 staged;
} co;

/* To that engine of each worker; a pipe that is not there takes nothing. */
static void
tell_all(enum proc_id who, uint32_t type, uint32_t v)
{
	uint32_t	 w;

	for (w = 0; w < MAX_WORKERS; w++)
		(void)imsgev_send(&co.pipe[proc_slot(who, w)], type, 0, -1, &v,
		    sizeof(v));
}

/* Have the engines tell what happens, or not. */
static void
watch(enum client_wish what, int on)
{
	uint32_t	 v = (uint32_t)on;

	if (what == CLIENT_PACKETS) {
		tell_all(PROC_SLIRP, IMSG_TAP, v | (uint32_t)capture_wants());
		return;
	}
	tell_all(PROC_CRYPTO, IMSG_WATCH, v);
	tell_all(PROC_SLIRP, IMSG_WATCH, v);
	(void)imsgev_send(&co.pipe[PROC_DERP], IMSG_WATCH, 0, -1, &v,
	    sizeof(v));
}

static void
engine_msg(struct imsgev *iev, struct imsg *imsg)
{
	static struct ctl_packet	 packet;
	struct ctl_event		 e;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	if (imsg_get_type(imsg) == CTL_EVENT) {
		imsg_is(imsg, &e, sizeof(e));
		client_event_all(&e);
		sibling_event(&co.pipe[PROC_WEB], &e);
		return;
	}
	if (imsg_get_type(imsg) == CTL_PACKET) {
		imsg_is(imsg, &packet, sizeof(packet));
		client_packet_all(&packet);
		capture_packet(&packet);
		return;
	}
	/* what the files engine is asked, and what it asks */
	if (iev->peer == PROC_WEB || (iev->peer == PROC_FILES &&
	    imsg_get_type(imsg) < CTL_REQUEST_MAX)) {
		sibling_msg(iev, imsg);
		return;
	}
	ask_answer(iev, imsg);
}

static void
take_pipe(struct imsg *imsg)
{
	uint32_t	 who;
	int		 fd;

	imsg_is(imsg, &who, sizeof(who));
	fd = imsg_take_fd(imsg);
	/* to everybody but the parent and itself */
	if (who == PROC_PARENT || who == PROC_CONTROL || who >= PROC_SLOTS ||
	    co.pipe[who].ev != NULL || imsgev_init(&co.pipe[who], fd,
	    (int)who, engine_msg, NULL) == -1)
		fatalx("bad pipe");
	/* who does not read what it asked for is not read either */
	if (who == PROC_WEB || who == PROC_FILES)
		imsgev_bound(&co.pipe[who], PROC_BACKLOG);
}

static void
start(void)
{
	client_start(co.fd);
	if (co.uapi_fd != -1)
		uapi_start(co.uapi_fd, &co.pipe[PROC_PARENT]);
	if (co.pipe[PROC_WEB].ev != NULL)
		client_keep_watching();
	co.started = 1;
}

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_process	 process;
	struct service		 service;
	struct set_done		 done;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (imsg_get_type(imsg)) {
	case IMSG_PIPE:
		take_pipe(imsg);
		break;
	case IMSG_PROCESS:
		imsg_is(imsg, &process, sizeof(process));
		client_process(&process);
		break;
	case IMSG_SOCKET:
		if (co.fd != -1)
			bad_imsg("parent", IMSG_SOCKET);
		co.fd = imsg_take_fd(imsg);
		break;
	case IMSG_UAPI_SOCKET:
		if (co.uapi_fd != -1 || co.started)
			bad_imsg("parent", IMSG_UAPI_SOCKET);
		co.uapi_fd = imsg_take_fd(imsg);
		break;
	case IMSG_PCAP:
		if (co.started)
			bad_imsg("parent", IMSG_PCAP);
		if (capture_file(imsg_take_fd(imsg)) == -1)
			bad_imsg("parent", IMSG_PCAP);
		break;
	case IMSG_SET_DONE:
		imsg_is(imsg, &done, sizeof(done));
		uapi_set_done(done.error);
		break;
	case IMSG_CONF_BEGIN:
		imsg_is(imsg, &co.staged, sizeof(co.staged));
		break;
	case IMSG_CONF_SERVICE:
		imsg_is(imsg, &service, sizeof(service));
		if (service.kind != SERVICE_METRICS)
			bad_imsg("parent", IMSG_CONF_SERVICE);
		http_stage(imsg_take_fd(imsg));
		break;
	case IMSG_CONF_COMMIT:
		http_commit();
		report_set(co.staged.report, co.staged.report_json);
		co.staged.pcap_peer[sizeof(co.staged.pcap_peer) - 1] = '\0';
		capture_set(co.staged.pcap_peer, co.staged.pcap_max,
		    co.staged.pcap_snaplen);
		imsgev_must(iev, IMSG_COMMITTED, 0, -1, NULL, 0);
		break;
	case IMSG_START:
		if (co.started || co.fd == -1)
			bad_imsg("parent", IMSG_START);
		start();
		capture_start();
		if (capture_wants())
			watch(CLIENT_PACKETS, 1);
		break;
	case CTL_SETUP:
	case CTL_ENTRY:
	case CTL_MORE:
	case CTL_END:
	case CTL_OK:
	case CTL_FAIL:
		ask_answer(iev, imsg);
		break;
	default:
		child_common(iev, imsg);
	}
}

void
control_main(int foreground)
{
	co.fd = co.uapi_fd = -1;
	child_init(PROC_CONTROL, foreground, &co.pipe[PROC_PARENT],
	    parent_msg);
	ask_init(co.pipe);
	/* the user who started the daemon, and not the one it runs as */
	client_init(getuid(), watch);
	child_drop(foreground);
	child_ready(&co.pipe[PROC_PARENT], SANDBOX_CONTROL);
	event_base_dispatch(evbase);
	fatalx("event loop ended");
}
