/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "client.h"
#include "sibling.h"

#define MAX_ASKED	64	/* questions under way, of both */
#define MAX_EVENTS	256	/* messages that may wait before an event */

struct asked {
	TAILQ_ENTRY(asked)	 entry;
	struct imsgev		*iev;
	uint32_t		 id;		/* the sibling's */
	struct question		*q;
	int			 more;		/* it has to ask for the rest */
};

static TAILQ_HEAD(, asked)	 all = TAILQ_HEAD_INITIALIZER(all);
static int			 nall;
static uint32_t			 lost;

static void
say(struct imsgev *iev, uint32_t id, uint32_t type, const void *data,
    size_t len)
{
	imsgev_must(iev, type, id, -1, data, len);
}

static void
refuse(struct imsgev *iev, uint32_t id)
{
	char	 text[CTL_TEXT_LEN] = "not answering";

	say(iev, id, CTL_FAIL, text, sizeof(text));
}

static void
forget(struct asked *a)
{
	TAILQ_REMOVE(&all, a, entry);
	nall--;
	free(a);
}

/* A record of the answer, or its end, on its way to the sibling. */
static void
record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct asked		*a = arg;
	struct ctl_more		 more = { 0 };

	if (type == CTL_MORE) {
		a->more = 1;
		say(a->iev, a->id, type, &more, sizeof(more));
		return;
	}
	say(a->iev, a->id, type, data, len);
	if (type != CTL_END && type != CTL_OK && type != CTL_FAIL)
		return;
	forget(a);
}

static void
show_processes(struct imsgev *iev, uint32_t id)
{
	const struct ctl_process	*p;
	int				 i;

	for (i = 0; (p = client_process_at(i)) != NULL; i++)
		say(iev, id, CTL_PROCESS, p, sizeof(*p));
	say(iev, id, CTL_END, NULL, 0);
}

static struct asked *
find(const struct imsgev *iev, uint32_t id)
{
	struct asked	*a;

	TAILQ_FOREACH(a, &all, entry)
		if (a->iev == iev && a->id == id)
			return (a);
	return (NULL);
}

static void
question(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_request	 req;
	struct ctl_edit		 edit;
	struct asked		*a;
	uint32_t		 type = imsg_get_type(imsg);
	uint32_t		 id = imsg_get_id(imsg);

	if (find(iev, id) != NULL)
		bad_imsg(proc_title(iev->slot), type);
	if (nall == MAX_ASKED || (a = calloc(1, sizeof(*a))) == NULL) {
		refuse(iev, id);
		return;
	}
	a->iev = iev;
	a->id = id;
	if (type == CTL_EDIT) {
		imsg_is(imsg, &edit, sizeof(edit));
		if (edit.what > EDIT_DELETE)
			bad_imsg(proc_title(iev->slot), type);
		a->q = ask_edit(&edit, record, a);
	} else {
		imsg_is(imsg, &req, sizeof(req));
		req.name[sizeof(req.name) - 1] = '\0';
		a->q = ask(type, &req, record, a);
	}
	if (a->q == NULL) {
		free(a);
		refuse(iev, id);
		return;
	}
	TAILQ_INSERT_TAIL(&all, a, entry);
	nall++;
}

/* It has taken a portion. */
static void
next(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_request	 req;
	struct asked		*a;

	imsg_is(imsg, &req, sizeof(req));
	/* its question may have ended meanwhile */
	if ((a = find(iev, imsg_get_id(imsg))) == NULL)
		return;
	if (!a->more)
		bad_imsg(proc_title(iev->slot), CTL_NEXT);
	a->more = 0;
	if (req.arg == 0) {
		ask_next(a->q);
		return;
	}
	ask_cancel(a->q);
	forget(a);
}

void
sibling_msg(struct imsgev *iev, struct imsg *imsg)
{
	switch (imsg_get_type(imsg)) {
	case CTL_NEXT:
		next(iev, imsg);
		break;
	case CTL_SHOW_PROCESSES:
		show_processes(iev, imsg_get_id(imsg));
		break;
	default:
		question(iev, imsg);
	}
}

void
sibling_event(struct imsgev *iev, const struct ctl_event *e)
{
	struct ctl_event	 copy = *e;

	if (iev->ev == NULL)
		return;
	if (imsgbuf_queuelen(&iev->ibuf) >= MAX_EVENTS) {
		lost += 1 + e->lost;
		return;
	}
	copy.lost += lost;
	lost = 0;
	say(iev, 0, CTL_EVENT, &copy, sizeof(copy));
}
