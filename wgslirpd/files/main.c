/* SPDX-License-Identifier: ISC */

/*
 * The files engine: changes the files of peers for whoever uses the page.  It
 * has their folder and nothing else; what it needs to know it asks the control
 * engine, like wgslirpctl(8) does, and one change is made after the other.  It
 * makes the keys of a new peer, which nobody else has before the daemon reads
 * its file, and nobody but the new client afterwards.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "keypair.h"
#include "log.h"
#include "peerdir.h"
#include "proc.h"

#define MAX_WAITING	8	/* changes */
#define ANSWER_TIME	MONO_SEC(60)	/* of the daemon, to a question */

struct job {
	STAILQ_ENTRY(job)	 entry;
	uint32_t		 id;		/* the control engine's */
	uint32_t		 type;
	uint64_t		 cursor;	/* of a list */
	struct ctl_edit		 edit;
};

static STAILQ_HEAD(, job)	 jobs = STAILQ_HEAD_INITIALIZER(jobs);
static int			 njobs;
static struct imsgev		 parent, control;
static struct peerdir		*folder;
static struct event		*tick;		/* ends waits */

/* The question that is under way. */
static struct {
	uint32_t	 id;
	int		 done;
	int		 failed;
	char		 text[CTL_TEXT_LEN];
} asked;

static void
fail(uint32_t id, const char *why)
{
	char	 text[CTL_TEXT_LEN];

	memset(text, 0, sizeof(text));
	strlcpy(text, why, sizeof(text));
	imsgev_must(&control, CTL_FAIL, id, -1, text, sizeof(text));
}

static void
take_job(struct imsg *imsg)
{
	struct ctl_request	 req;
	struct job		*j;

	if ((njobs >= MAX_WAITING && imsg_get_type(imsg) == CTL_EDIT) ||
	    (j = calloc(1, sizeof(*j))) == NULL) {
		fail(imsg_get_id(imsg), "too many changes at once");
		return;
	}
	memset(&req, 0, sizeof(req));
	j->id = imsg_get_id(imsg);
	j->type = imsg_get_type(imsg);
	if (j->type == CTL_EDIT)
		imsg_is(imsg, &j->edit, sizeof(j->edit));
	else
		imsg_is(imsg, &req, sizeof(req));
	j->cursor = j->type == CTL_EDIT ? 0 : req.cursor;
	STAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs += j->type == CTL_EDIT;
}

/* A part of the answer to what was asked here. */
static void
take_answer(struct imsg *imsg)
{
	struct ctl_request	 req;
	struct ibuf		 buf;
	uint32_t		 type = imsg_get_type(imsg);

	if (asked.done || imsg_get_id(imsg) != asked.id) {
		/* it came too late, and nothing more is wanted */
		if (type == CTL_MORE) {
			memset(&req, 0, sizeof(req));
			req.arg = 1;
			imsgev_must(&control, CTL_NEXT, imsg_get_id(imsg), -1,
			    &req, sizeof(req));
		}
		return;
	}
	switch (type) {
	case CTL_MORE:
		memset(&req, 0, sizeof(req));
		imsgev_must(&control, CTL_NEXT, asked.id, -1, &req,
		    sizeof(req));
		break;
	case CTL_FAIL:
		imsg_is(imsg, asked.text, sizeof(asked.text));
		asked.text[sizeof(asked.text) - 1] = '\0';
		asked.failed = asked.done = 1;
		break;
	case CTL_END:
	case CTL_OK:
		asked.done = 1;
		break;
	default:
		if (imsg_get_ibuf(imsg, &buf) == 0)
			peerdir_record(folder, type, ibuf_data(&buf),
			    ibuf_size(&buf));
	}
}

static void
control_msg(struct imsgev *iev, struct imsg *imsg)
{
	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	switch (imsg_get_type(imsg)) {
	case CTL_EDIT:
	case CTL_SHOW_FILES:
		take_job(imsg);
		break;
	default:
		take_answer(imsg);
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
		break;
	case IMSG_CONF_BEGIN:
		imsg_is(imsg, &g, sizeof(g));
		break;
	case IMSG_CONF_COMMIT:
		imsgev_must(iev, IMSG_COMMITTED, 0, -1, NULL, 0);
		break;
	case IMSG_START:
		break;
	default:
		child_common(iev, imsg);
	}
}

/* ---- what the folder asks */

static void
ticked(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Let other messages come, for a moment at most. */
static void
wait_a_moment(void *arg)
{
	static const struct timeval	 tv = { 0, 100000 };

	(void)arg;
	event_add(tick, &tv);
	if (event_base_loop(evbase, EVLOOP_ONCE) == -1)
		fatalx("event loop ended");
	event_del(tick);
}

/* The parent's questions are answered meanwhile; this one is waited for. */
static const char *
ask(void *arg, uint32_t type, struct peerdir *p)
{
	struct ctl_request	 req;
	mono_t			 end = mono_now() + ANSWER_TIME;

	(void)arg;
	(void)p;
	memset(&req, 0, sizeof(req));
	if (++asked.id == 0)
		asked.id = 1;
	asked.done = asked.failed = 0;
	if (imsgev_send(&control, type, asked.id, -1, &req, sizeof(req)) ==
	    -1)
		return ("not answering");
	while (!asked.done && mono_now() < end && control.ev != NULL)
		wait_a_moment(NULL);
	if (!asked.done) {
		asked.done = 1;
		return ("not answering");
	}
	return (asked.failed ? asked.text : NULL);
}

static void
pause_ask(void *arg)
{
	mono_t	 end = mono_now() + MONO_MS(100);

	while (mono_now() < end)
		wait_a_moment(arg);
}

static void
warn_of(void *arg, const char *text)
{
	(void)arg;
	log_warnx("%s", text);
}

/* ---- changes */

/* What comes from the page ends where its member does; "" is nothing. */
static const char *
text_of(char *s, size_t len)
{
	s[len - 1] = '\0';
	return (*s != '\0' ? s : NULL);
}
#define TEXT(member)	text_of(member, sizeof(member))

static int
new_peer(uint32_t id, const struct peer_wish *w)
{
	struct ctl_client	 m;
	char			*text;
	size_t			 len;

	if (peerdir_add(folder, w, NULL, NULL, &text, &len) == -1)
		return (-1);
	memset(&m, 0, sizeof(m));
	(void)strlcpy(m.text, text, sizeof(m.text));
	imsgev_must(&control, CTL_CLIENT, id, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
	freezero(text, len);
	return (0);
}

static void
edit(struct job *j)
{
	struct ctl_edit		*e = &j->edit;
	struct peer_wish	 w;
	const char		*to = TEXT(e->to);
	int			 r = -1;

	memset(&w, 0, sizeof(w));
	if ((w.name = TEXT(e->name)) == NULL) {
		fail(j->id, "which peer?");
		return;
	}
	w.expires = TEXT(e->expires);
	w.quota = TEXT(e->quota);
	w.rate_in = TEXT(e->rate_in);
	w.rate_out = TEXT(e->rate_out);
	w.host = TEXT(e->host);
	switch (e->what) {
	case EDIT_NEW:
		r = new_peer(j->id, &w);
		break;
	case EDIT_SET:
		r = peerdir_set(folder, &w);
		break;
	case EDIT_ENABLE:
	case EDIT_DISABLE:
		r = peerdir_state(folder, w.name, e->what == EDIT_ENABLE);
		break;
	case EDIT_RENAME:
		if (to == NULL) {
			fail(j->id, "what is its next name?");
			return;
		}
		r = peerdir_rename(folder, w.name, to);
		break;
	case EDIT_DELETE:
		r = peerdir_delete(folder, w.name);
		break;
	default:
		bad_imsg("control", CTL_EDIT);
	}
	if (r == -1)
		fail(j->id, peerdir_error(folder));
	else
		imsgev_must(&control, CTL_OK, j->id, -1, NULL, 0);
}

/* A portion of the list. */
struct listing {
	uint32_t	 id;
	uint64_t	 first;
	uint64_t	 n;		/* files so far */
};

static void
list_one(void *arg, const struct peer_listed *p)
{
	struct listing		*l = arg;
	struct ctl_entry	 m;

	if (l->n++ < l->first || l->n > l->first + CTL_PORTION)
		return;
	memset(&m, 0, sizeof(m));
	strlcpy(m.kind, p->enabled ? "on" : "off", sizeof(m.kind));
	strlcpy(m.name, p->name, sizeof(m.name));
	imsgev_must(&control, CTL_ENTRY, l->id, -1, &m, sizeof(m));
}

static void
list(const struct job *j)
{
	struct listing	 l = { j->id, j->cursor, 0 };
	struct ctl_more	 more = { l.first + CTL_PORTION };

	if (peerdir_files(folder, list_one, &l) == -1)
		fail(j->id, peerdir_error(folder));
	else if (l.n > more.cursor)
		imsgev_must(&control, CTL_MORE, j->id, -1, &more,
		    sizeof(more));
	else
		imsgev_must(&control, CTL_END, j->id, -1, NULL, 0);
}

void
files_main(int foreground)
{
	static const struct peerdir_daemon	 d = { ask, pause_ask, warn_of,
						    NULL };
	char					 err[256];
	uint8_t					 a[KEY_LEN], b[KEY_LEN];
	struct job				*j;
	int					 fd;

	child_init(PROC_FILES, foreground, &parent, parent_msg);
	/* libcrypto looks for its configuration when it is first used */
	key_make(a, 0);
	if (key_derive(b, a) == -1)
		fatalx("X25519 is not available");
	explicit_bzero(a, sizeof(a));
	if ((fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		fatal("the folder of the peers' files");
	if (sandbox_drop_here(err, sizeof(err)) == -1)
		fatalx("%s", err);
	if ((folder = peerdir_new(&d, fd)) == NULL ||
	    (tick = event_new(evbase, -1, EV_PERSIST, ticked, NULL)) == NULL)
		fatal(NULL);
	child_ready(&parent, SANDBOX_FILES);
	for (;;) {
		if ((j = STAILQ_FIRST(&jobs)) == NULL) {
			if (event_base_loop(evbase, EVLOOP_ONCE) == -1)
				fatalx("event loop ended");
			continue;
		}
		STAILQ_REMOVE_HEAD(&jobs, entry);
		njobs -= j->type == CTL_EDIT;
		if (j->type == CTL_EDIT)
			edit(j);
		else
			list(j);
		freezero(j, sizeof(*j));
	}
}
