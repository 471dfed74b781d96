/* SPDX-License-Identifier: ISC */

#ifndef PROC_H
#define PROC_H

#include <sys/types.h>
#include <sys/queue.h>

#include <event2/event.h>

#include <imsg.h>
#include <stdint.h>

#include "msg.h"
#include "sandbox.h"

/*
 * What every process needs to be one.
 */
#define WGSLIRPD_USER		"_wgslirpd"
#define WGSLIRPD_FALLBACK_USER	"nobody"
#define PROC_PARENT_FD		3	/* a child's pipe to the parent */
#define PROC_BACKLOG		1024	/* answers that wait for a sibling */

/* A pipe with its event. */
struct imsgev;
typedef void	imsgev_fn(struct imsgev *, struct imsg *);

struct imsgev {
	struct imsgbuf		 ibuf;
	struct event		*ev;
	imsgev_fn		*fn;	/* NULL message: it closed */
	enum proc_id		 peer;
	int			 slot;	/* that one's */
	void			*arg;
	short			 events;
	uint32_t		 bound;	/* messages queued, 0: any */
};

extern struct event_base	*evbase;

const char	*proc_title(int);
int		 proc_by_title(const char *);
void		 proc_is(enum proc_id);
void		 proc_set_worker(uint32_t);
uint32_t	 proc_worker(void);
int		 imsgev_init(struct imsgev *, int, int, imsgev_fn *, void *);
void		 imsgev_clear(struct imsgev *);
void		 imsgev_arm(struct imsgev *);
void		 imsgev_bound(struct imsgev *, uint32_t);
int		 imsgev_over(struct imsgev *);
int		 imsgev_send(struct imsgev *, uint32_t, uint32_t, int,
		    const void *, size_t);
void		 imsgev_must(struct imsgev *, uint32_t, uint32_t, int,
		    const void *, size_t);
int		 imsg_is(struct imsg *, void *, size_t);
int		 imsg_take_fd(struct imsg *);
void		 bad_imsg(const char *, uint32_t)
		    __attribute__((__noreturn__));
const char	*missing_user(int);
void		 proc_raise_nofile(void);
void		 child_init(enum proc_id, int, struct imsgev *, imsgev_fn *);
void		 child_drop(int);
void		 child_ready(struct imsgev *, enum sandbox_role);

/*
 * A pipe to a sibling, or to all workers' (an array of MAX_WORKERS): who it is,
 * and what becomes of what it says.
 */
struct sibling {
	enum proc_id		 who;
	int			 all;
	struct imsgev		*iev;
	imsgev_fn		*fn;
	uint32_t		 bound;	/* imsgev_bound() */
};
void		 child_pipe(struct imsg *, const struct sibling *, size_t);
int		 accept_or_pause(int, struct event *, struct event *);
void		 child_common(struct imsgev *, struct imsg *);

/* The children's main functions, which do not return. */
void		 crypto_main(int) __attribute__((noreturn));
void		 slirp_main(int) __attribute__((noreturn));
void		 control_main(int) __attribute__((noreturn));
void		 derp_main(int) __attribute__((noreturn));
void		 web_main(int) __attribute__((noreturn));
void		 files_main(int) __attribute__((noreturn));

#endif
