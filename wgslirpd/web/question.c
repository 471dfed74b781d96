/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "question.h"

#define MAX_QUESTIONS	48	/* under way */

struct question {
	TAILQ_ENTRY(question)	 entry;
	uint32_t		 id;
	question_fn		*fn;		/* NULL: nobody listens */
	void			*arg;
};

static TAILQ_HEAD(, question)	 all = TAILQ_HEAD_INITIALIZER(all);
static int			 nall;
static struct imsgev		*control;
static uint32_t			 last_id;

void
question_init(struct imsgev *iev)
{
	control = iev;
}

static uint32_t
begin(uint32_t type, const void *data, size_t len, question_fn *fn, void *arg)
{
	struct question	*q;

	if (nall == MAX_QUESTIONS || (q = calloc(1, sizeof(*q))) == NULL)
		return (0);
	if (++last_id == 0)
		last_id = 1;
	q->id = last_id;
	q->fn = fn;
	q->arg = arg;
	if (imsgev_send(control, type, q->id, -1, data, len) == -1) {
		free(q);
		return (0);
	}
	TAILQ_INSERT_TAIL(&all, q, entry);
	nall++;
	return (q->id);
}

uint32_t
question(uint32_t type, uint64_t v, const char *name, question_fn *fn,
    void *arg)
{
	struct ctl_request	 req;

	memset(&req, 0, sizeof(req));
	req.arg = v;
	if (name != NULL && strlcpy(req.name, name, sizeof(req.name)) >=
	    sizeof(req.name))
		return (0);
	return (begin(type, &req, sizeof(req), fn, arg));
}

uint32_t
question_edit(const struct ctl_edit *e, question_fn *fn, void *arg)
{
	return (begin(CTL_EDIT, e, sizeof(*e), fn, arg));
}

void
question_cancel(uint32_t id)
{
	struct question	*q;

	TAILQ_FOREACH(q, &all, entry)
		if (q->id == id)
			q->fn = NULL;
}

static void
forget(struct question *q)
{
	TAILQ_REMOVE(&all, q, entry);
	nall--;
	free(q);
}

void
question_answer(struct imsg *imsg)
{
	struct ctl_request	 req;
	struct question	*q;
	struct ibuf	 buf;
	question_fn	*fn;
	void		*arg;
	const void	*data = NULL;
	uint32_t	 type = imsg_get_type(imsg);
	size_t		 len = imsg_get_len(imsg);

	TAILQ_FOREACH(q, &all, entry)
		if (q->id == imsg_get_id(imsg))
			break;
	if (q == NULL)
		bad_imsg("control", type);
	if (type == CTL_MORE) {
		memset(&req, 0, sizeof(req));
		req.arg = q->fn == NULL;
		imsgev_must(control, CTL_NEXT, q->id, -1, &req, sizeof(req));
		if (q->fn == NULL)
			forget(q);
		return;
	}
	if (len > 0) {
		if (imsg_get_ibuf(imsg, &buf) == -1)
			return;
		data = ibuf_data(&buf);
	}
	if (type != CTL_END && type != CTL_OK && type != CTL_FAIL) {
		if (q->fn != NULL)
			q->fn(q->arg, type, data, len);
		return;
	}
	/* its place is free for the next one */
	fn = q->fn;
	arg = q->arg;
	forget(q);
	if (fn != NULL)
		fn(arg, type, data, len);
}
