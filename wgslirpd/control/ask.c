/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "merge.h"

/* Who sends more at once wants this process's memory. */
#define MAX_RECORDS	(4 * CTL_PORTION)

struct question {
	TAILQ_ENTRY(question)	 entry;
	uint32_t		 id;
	uint32_t		 type;
	int			 step;		/* of its route */
	uint32_t		 worker;	/* who is asked in it */
	int			 records;	/* of this portion */
	int			 done;		/* so many have done it */
	uint64_t		 more;		/* the first one's, of all */
	int			 has_more;
	struct merge		*merge;		/* or NULL */
	struct ctl_request	 req;
	struct ctl_edit		*edit;		/* instead of that, or NULL */
	ask_fn			*fn;
	void			*arg;
};

/* Which workers are asked, and what has to become of it. */
enum whom {
	ALL,			/* each does it, or it has failed */
	ANY,			/* one knows what is meant */
	FIRST			/* the first knows as much as any */
};

/* Who answers a request, in order; PROC_MAX ends the list. */
struct route {
	uint32_t	 type;
	int		 shows;		/* records, to CTL_END; or CTL_OK */
	enum whom	 whom;
	enum proc_id	 to[4];
	uint32_t	 as[3];
};

/* First slirp, which says CTL_END, and then crypto. */
#define TWO(type, whom) \
	{ type, 0, whom, { PROC_SLIRP, PROC_CRYPTO, PROC_MAX }, { type, type } }
#define ONE(type, whom, to) \
	{ type, 0, whom, { to, PROC_MAX, PROC_MAX }, { type, 0 } }
#define SHOW(type, whom, to) \
	{ type, 1, whom, { to, PROC_MAX, PROC_MAX }, { type, 0 } }

static const struct route	 routes[] = {
	SHOW(CTL_SHOW_SUMMARY, ALL, PROC_CRYPTO),
	{ CTL_SHOW_PEERS, 1, ALL, { PROC_SLIRP, PROC_CRYPTO, PROC_MAX },
	    { CTL_SHOW_PEERFLOWS, CTL_SHOW_PEERS } },
	SHOW(CTL_SHOW_FLOWS, ALL, PROC_SLIRP),
	{ CTL_SHOW_COUNTERS, 1, ALL, { PROC_CRYPTO, PROC_SLIRP, PROC_DERP,
	    PROC_MAX }, { CTL_SHOW_COUNTERS, CTL_SHOW_COUNTERS,
	    CTL_SHOW_COUNTERS } },
	SHOW(CTL_SHOW_DERP, FIRST, PROC_DERP),
	ONE(CTL_LOG, FIRST, PROC_PARENT),
	ONE(CTL_RELOAD, FIRST, PROC_PARENT),
	ONE(CTL_KILL_FLOW, ANY, PROC_SLIRP),
	ONE(CTL_PAUSE, ALL, PROC_CRYPTO),
	TWO(CTL_RESUME, ALL),
	TWO(CTL_DRAIN, ALL),
	TWO(CTL_HEALTH, ALL),
	TWO(CTL_KILL_PEER, ANY),
	SHOW(CTL_SHOW_SETUP, FIRST, PROC_PARENT),
	SHOW(CTL_SHOW_INTERFACES, FIRST, PROC_PARENT),
	SHOW(CTL_SHOW_NAMES, FIRST, PROC_SLIRP),
	SHOW(CTL_SHOW_FORWARDS, ALL, PROC_SLIRP),
	ONE(CTL_REFRESH, ALL, PROC_SLIRP),
	SHOW(CTL_SHOW_RULES, ALL, PROC_SLIRP),
	ONE(CTL_FLUSH, ALL, PROC_SLIRP),
	SHOW(CTL_SHOW_FILES, FIRST, PROC_FILES),
	ONE(CTL_EDIT, FIRST, PROC_FILES),
	SHOW(IMSG_UAPI_GET, ALL, PROC_CRYPTO)
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

/* The pipe to who is asked in this step, or to a worker after him. */
static struct imsgev *
asked(const struct question *q, uint32_t after)
{
	const struct route	*r = find_route(q->type);

	return (&pipes[proc_slot(r->to[q->step], q->worker + after)]);
}

/* Is another worker asked after this one? */
static int
worker_follows(const struct question *q)
{
	const struct route	*r = find_route(q->type);
	enum proc_id		 to = r->to[q->step];

	return (r->whom != FIRST && (to == PROC_CRYPTO || to == PROC_SLIRP) &&
	    q->worker + 1 < MAX_WORKERS && asked(q, 1)->ev != NULL);
}

/* Send the question to whoever is next.  -1 if that cannot be done. */
static int
send_question(struct question *q)
{
	const struct route	*r = find_route(q->type);

	q->records = 0;
	if (q->edit != NULL)
		return (imsgev_send(asked(q, 0), r->as[q->step], q->id, -1,
		    q->edit, sizeof(*q->edit)));
	return (imsgev_send(asked(q, 0), r->as[q->step], q->id, -1, &q->req,
	    sizeof(q->req)));
}

static void
question_free(struct question *q)
{
	free(q->merge);
	free(q->edit);
	free(q);
}

/* The last that the asker hears. */
static void
end(struct question *q, uint32_t type, const void *data, size_t len)
{
	TAILQ_REMOVE(&questions, q, entry);
	q->fn(q->arg, type, data, len);
	question_free(q);
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
		question_free(q);
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
	question_free(q);
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

/* What was added up is one record. */
static void
merged(struct question *q)
{
	if (q->merge != NULL)
		merge_end(q->merge, q->fn, q->arg);
}

/*
 * The next worker is asked for the same portion.  Rules go portion by portion
 * through all of them, everything else worker by worker.
 */
static void
next_worker(struct question *q, uint64_t cursor)
{
	const struct route	*r = find_route(q->type);

	q->worker++;
	q->req.cursor = cursor;
	if (q->merge != NULL)
		merge_begin(q->merge);
	/* what it has got already is for the asker to take first */
	if (r->shows && q->merge == NULL && q->records > 0)
		q->fn(q->arg, CTL_MORE, NULL, 0);
	else
		ask_next(q);
}

static void	 part_over(struct question *, uint32_t);

/* A portion is over, but not the answer. */
static void
portion_over(struct question *q, uint64_t more)
{
	if (q->type != CTL_SHOW_RULES || q->merge == NULL) {
		q->req.cursor = more;
		q->fn(q->arg, CTL_MORE, NULL, 0);
		return;
	}
	if (q->worker == 0) {
		q->more = more;
		q->has_more = 1;
	} else if (!q->has_more) {
		/* it has more rules than the first, who has shown all of them */
		part_over(q, CTL_END);
		return;
	}
	if (worker_follows(q)) {
		next_worker(q, q->req.cursor);
		return;
	}
	q->worker = 0;
	q->req.cursor = q->more;
	q->has_more = 0;
	merged(q);
	merge_begin(q->merge);
	q->fn(q->arg, CTL_MORE, NULL, 0);
}

/* One has answered all of it, or done it. */
static void
part_over(struct question *q, uint32_t type)
{
	if (type != CTL_FAIL)
		q->done++;
	if (q->has_more) {
		portion_over(q, q->more);
		return;
	}
	if (worker_follows(q)) {
		next_worker(q, q->merge != NULL && q->type ==
		    CTL_SHOW_RULES ? q->req.cursor : 0);
		return;
	}
	merged(q);
	q->req.cursor = 0;
	q->worker = 0;
	q->done = 0;
	q->step++;
	if (next_step(q))
		ask_next(q);
	else
		end(q, type == CTL_FAIL ? CTL_OK : type, NULL, 0);
}

/* A record, which may be one of several that are shown as one. */
static void
record(struct question *q, uint32_t type, const void *data, size_t len)
{
	if (++q->records > MAX_RECORDS)
		bad_imsg("an engine", type);
	if (!merge_wanted(type) || (q->worker == 0 && !worker_follows(q))) {
		q->fn(q->arg, type, data, len);
		return;
	}
	/* without memory for it the parts are shown */
	if (q->merge == NULL &&
	    (q->merge = calloc(1, sizeof(*q->merge))) == NULL) {
		q->fn(q->arg, type, data, len);
		return;
	}
	merge_add(q->merge, type, data, len);
}

void
ask_answer(const struct imsgev *iev, struct imsg *imsg)
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
	/* whoever else answers it is not who was asked */
	if (iev != asked(q, 0) || !expected(q, type))
		bad_imsg(proc_title(iev->slot), type);
	if (type == CTL_MORE) {
		imsg_is(imsg, &more, sizeof(more));
		portion_over(q, more.cursor);
		return;
	}
	if (len > 0) {
		if (imsg_get_ibuf(imsg, &buf) == -1)
			return;
		data = ibuf_data(&buf);
	}
	switch (type) {
	case CTL_END:
	case CTL_OK:
		part_over(q, type);
		break;
	case CTL_FAIL:
		/* another one may know what is meant */
		if (find_route(q->type)->whom == ANY && (q->done > 0 ||
		    worker_follows(q)))
			part_over(q, type);
		else
			end(q, type, data, len);
		break;
	default:
		record(q, type, data, len);
		break;
	}
}
