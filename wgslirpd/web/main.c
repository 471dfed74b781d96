/* SPDX-License-Identifier: ISC */

/*
 * The web engine: a page for people, and the same as JSON.  It answers
 * strangers, so it has the narrowest sandbox of all: its own sockets, which it
 * was given, and a pipe to the control engine, of which it is a client.  It has
 * no key but those of a new peer's client, on their way to whoever has made it.
 */

#include <sys/types.h>
#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "auth.h"
#include "conf.h"
#include "events.h"
#include "log.h"
#include "owner.h"
#include "peers.h"
#include "proc.h"
#include "question.h"

#define MAX_CONNS	64
#define MAX_STREAMS	1100		/* see events.h, too */
#define MAX_BODY	8192

static struct imsgev	 parent, control;
static struct httpd	*server;

static void
control_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_event	 e;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	if (imsg_get_type(imsg) == CTL_EVENT) {
		imsg_is(imsg, &e, sizeof(e));
		events_take(&e);
		return;
	}
	question_answer(imsg);
}

/* A part of a configuration. */
static void
stage(struct imsg *imsg)
{
	struct web_user		 user;
	struct web_trust	 trust;
	struct ipprefix		 prefix;
	struct service		 service;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_WEB_USER:
		imsg_is(imsg, &user, sizeof(user));
		auth_stage_user(&user);
		break;
	case IMSG_CONF_WEB_TRUST:
		imsg_is(imsg, &trust, sizeof(trust));
		auth_stage_trust(&trust);
		break;
	case IMSG_CONF_WEB_FROM:
		imsg_is(imsg, &prefix, sizeof(prefix));
		auth_stage_from(&prefix);
		break;
	case IMSG_CONF_SERVICE:
		imsg_is(imsg, &service, sizeof(service));
		if (service.kind != SERVICE_WEB)
			bad_imsg("parent", IMSG_CONF_SERVICE);
		/* a UNIX socket has no port */
		httpd_stage(server, imsg_take_fd(imsg), service.port == 0);
		break;
	case IMSG_CONF_ALLOW:
		imsg_is(imsg, &prefix, sizeof(prefix));
		if (httpd_allow(server, &prefix) == -1)
			bad_imsg("parent", IMSG_CONF_ALLOW);
		break;
	}
}

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	static const struct sibling	 siblings[] = {
		{ PROC_CONTROL, 0, &control, control_msg, 0 }
	};
	struct conf_global		 g;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (imsg_get_type(imsg)) {
	case IMSG_PIPE:
		child_pipe(imsg, siblings, 1);
		question_init(&control);
		break;
	case IMSG_CONF_BEGIN:
		imsg_is(imsg, &g, sizeof(g));
		break;
	case IMSG_CONF_WEB_USER:
	case IMSG_CONF_WEB_TRUST:
	case IMSG_CONF_WEB_FROM:
	case IMSG_CONF_SERVICE:
	case IMSG_CONF_ALLOW:
		stage(imsg);
		break;
	case IMSG_CONF_COMMIT:
		auth_commit();
		httpd_commit(server);
		events_check();
		imsgev_must(iev, IMSG_COMMITTED, 0, -1, NULL, 0);
		break;
	case IMSG_START:
		peers_init(events_tick);
		break;
	default:
		child_common(iev, imsg);
	}
}

void
web_main(int foreground)
{
	struct httpd_ops	 ops = { auth_wanted, api_request,
				    owner_closed, auth_is_proxy, MAX_CONNS,
				    MAX_STREAMS, MAX_BODY };
	struct rlimit		 rl;

	child_init(PROC_WEB, foreground, &parent, parent_msg);
	/* there are descriptors for others, too */
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur <
	    MAX_STREAMS + 4 * MAX_CONNS)
		ops.max_streams = (int)(rl.rlim_cur / 2);
	events_init(ops.max_streams);
	auth_init();
	if ((server = httpd_new(&ops)) == NULL)
		fatal(NULL);
	child_drop(foreground);
	child_ready(&parent, SANDBOX_WEB);
	event_base_dispatch(evbase);
	fatalx("event loop ended");
}
