/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "ask.h"

/* Who sends more at once wants this process's memory. */
#define MAX_RECORDS	(4 * CTL_PORTION)

struct question {
	TAILQ_ENTRY(question)	 entry;
	uint32_t		 id;
	uint32_t		 type;
	int			 step;		/* of its route */
	int			 records;	/* of this portion */
	struct ctl_request	 req;
	struct ctl_edit		*edit;		/* instead of that, or NULL */
	ask_fn			*fn;
	void			*arg;
};

/* Who answers a request, in order; PROC_MAX ends the list. */
struct route {
	uint32_t	 type;
	int		 shows;		/* records, to CTL_END; or CTL_OK */
	enum proc_id	 to[4];
	uint32_t	 as[3];
};

/* First slirp, which says CTL_END, and then crypto. */
#define TWO(type) \
	{ type, 0, { PROC_SLIRP, PROC_CRYPTO, PROC_MAX }, { type, type } }
#define ONE(type, to)	{ type, 0, { to, PROC_MAX, PROC_MAX }, { type, 0 } }
#define SHOW(type, to)	{ type, 1, { to, PROC_MAX, PROC_MAX }, { type, 0 } }

static const struct route	 routes[] = {
	SHOW(CTL_SHOW_SUMMARY, PROC_CRYPTO),
	{ CTL_SHOW_PEERS, 1, { PROC_SLIRP, PROC_CRYPTO, PROC_MAX },
	    { CTL_SHOW_PEERFLOWS, CTL_SHOW_PEERS } },
	SHOW(CTL_SHOW_FLOWS, PROC_SLIRP),
	{ CTL_SHOW_COUNTERS, 1, { PROC_CRYPTO, PROC_SLIRP, PROC_DERP,
	    PROC_MAX }, { CTL_SHOW_COUNTERS, CTL_SHOW_COUNTERS,
	    CTL_SHOW_COUNTERS } },
	SHOW(CTL_SHOW_DERP, PROC_DERP),
	ONE(CTL_LOG, PROC_PARENT),
	ONE(CTL_RELOAD, PROC_PARENT),
	ONE(CTL_KILL_FLOW, PROC_SLIRP),
	ONE(CTL_PAUSE, PROC_CRYPTO),
	TWO(CTL_RESUME),
	TWO(CTL_DRAIN),
	TWO(CTL_HEALTH),
	TWO(CTL_KILL_PEER),
	SHOW(CTL_SHOW_SETUP, PROC_PARENT),
	SHOW(CTL_SHOW_INTERFACES, PROC_PARENT),
	SHOW(CTL_SHOW_NAMES, PROC_SLIRP),
	SHOW(CTL_SHOW_FORWARDS, PROC_SLIRP),
	ONE(CTL_REFRESH, PROC_SLIRP),
	SHOW(CTL_SHOW_RULES, PROC_SLIRP),
	ONE(CTL_FLUSH, PROC_SLIRP),
	SHOW(CTL_SHOW_FILES, PROC_FILES),
	ONE(CTL_EDIT, PROC_FILES),
	SHOW(IMSG_UAPI_GET, PROC_CRYPTO)
};

static struct imsgev			*pipes;
static TAILQ_HEAD(, question)	 questions =
    TAILQ_HEAD_INITIALIZER(questions);
static uint32_t				 last_id;

void
ask_init(struct imsgev *p)
{
	pipes = p;
}

static const struct route *
find_route(uint32_t type)
{
	size_t	 i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (routes[i].type == type)
			return (&routes[i]);
	return (NULL);
}

int
ask_known(uint32_t type)
{
	return (find_route(type) != NULL);
}

/* The next step, past an engine that was not started; 0: there is none. */
static int
next_step(struct question *q)
{
	const struct route	*r = find_route(q->type);

	while ((r->to[q->step] == PROC_DERP ||
	    r->to[q->step] == PROC_FILES) &&
	    pipes[r->to[q->step]].ev == NULL)
		q->step++;
	return (r->to[q->step] != PROC_MAX);
}

/* Send the question to whoever is next.  -1 if that cannot be done. */
static int
send_question(struct question *q)
{
	const struct route	*r = find_route(q->type);

	q->records = 0;
	if (q->edit != NULL)
		return (imsgev_send(&pipes[r->to[q->step]], r->as[q->step],
		    q->id, -1, q->edit, sizeof(*q->edit)));
	return (imsgev_send(&pipes[r->to[q->step]], r->as[q->step], q->id,
	    -1, &q->req, sizeof(q->req)));
}

/* The last that the asker hears. */
static void
end(struct question *q, uint32_t type, const void *data, size_t len)
{
	TAILQ_REMOVE(&questions, q, entry);
	q->fn(q->arg, type, data, len);
	free(q->edit);
	free(q);
}

static void
fail(struct question *q)
{
	char	 text[CTL_TEXT_LEN] = "not answering";

	end(q, CTL_FAIL, text, sizeof(text));
}

/* With an id that none before it has, and nobody to answer yet. */
static struct question *
question_new(uint32_t type, ask_fn *fn, void *arg)
{
	struct question	*q;

	if (find_route(type) == NULL || (q = calloc(1, sizeof(*q))) == NULL)
		return (NULL);
	if (++last_id == 0)
		++last_id;
	q->id = last_id;
	q->type = type;
	q->fn = fn;
	q->arg = arg;
	return (q);
}

static struct question *
begin(struct question *q)
{
	if (!next_step(q) || send_question(q) == -1) {
		free(q->edit);
		free(q);
		return (NULL);
	}
	TAILQ_INSERT_TAIL(&questions, q, entry);
	return (q);
}

struct question *
ask(uint32_t type, const struct ctl_request *req, ask_fn *fn, void *arg)
{
	struct question	*q;

	if ((q = question_new(type, fn, arg)) == NULL)
		return (NULL);
	if (req != NULL)
		q->req = *req;
	q->req.cursor = 0;
	return (begin(q));
}

struct question *
ask_edit(const struct ctl_edit *edit, ask_fn *fn, void *arg)
{
	struct question	*q;

	if ((q = question_new(CTL_EDIT, fn, arg)) == NULL)
		return (NULL);
	if ((q->edit = malloc(sizeof(*edit))) == NULL) {
		free(q);
		return (NULL);
	}
	*q->edit = *edit;
	return (begin(q));
}

void
ask_next(struct question *q)
{
	if (send_question(q) == -1)
		fail(q);
}

void
ask_cancel(struct question *q)
{
	TAILQ_REMOVE(&questions, q, entry);
	free(q->edit);
	free(q);
}

/*
 * Does this belong to the answer?  What is shown has records and an end; what
 * is ordered is done by each in turn, and the last one says so.
 */
static int
expected(const struct question *q, uint32_t type)
{
	const struct route	*r = find_route(q->type);
	int			 last = r->to[q->step + 1] == PROC_MAX;

	if (type == CTL_FAIL)
		return (1);
	if (type == CTL_CLIENT)
		return (q->edit != NULL && q->edit->what == EDIT_NEW);
	if (r->shows)
		return (type != CTL_OK);
	return (type == (last ? CTL_OK : CTL_END));
}

void
ask_answer(struct imsg *imsg)
{
	struct question	*q;
	struct ctl_more	 more;
	struct ibuf	 buf;
	const void	*data = NULL;
	uint32_t	 type = imsg_get_type(imsg);
	size_t		 len = imsg_get_len(imsg);

	TAILQ_FOREACH(q, &questions, entry)
		if (q->id == imsg_get_id(imsg))
			break;
	if (q == NULL)
		return;		/* the asker did not wait */
	if (!expected(q, type))
		bad_imsg("a process", type);
	if (type == CTL_MORE) {
		imsg_is(imsg, &more, sizeof(more));
		q->req.cursor = more.cursor;
		q->fn(q->arg, type, NULL, 0);
		return;
	}
	if (len > 0) {
		if (imsg_get_ibuf(imsg, &buf) == -1)
			return;
		data = ibuf_data(&buf);
	}
	switch (type) {
	case CTL_END:
		q->req.cursor = 0;
		q->step++;
		if (!next_step(q))
			end(q, type, NULL, 0);
		else
			ask_next(q);
		break;
	case CTL_OK:
	case CTL_FAIL:
		end(q, type, data, len);
		break;
	default:
		if (++q->records > MAX_RECORDS)
			bad_imsg("an engine", type);
		q->fn(q->arg, type, data, len);
		break;
	}
}
