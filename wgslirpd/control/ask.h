/* SPDX-License-Identifier: ISC */

#ifndef ASK_H
#define ASK_H

#include <stddef.h>
#include <stdint.h>

#include "proc.h"

/*
 * Questions to the other processes, whoever in this engine has them: a
 * client of the control socket, a scrape of the metrics, wg(8).
 *
 * fn gets each record of the answer, and at the end CTL_END, CTL_OK or
 * CTL_FAIL with a line of text, after which the question is gone.  On
 * CTL_MORE a portion is over, and the next one comes after ask_next(),
 * which the asker calls when there is room for it.
 */
struct question;
typedef void	 ask_fn(void *, uint32_t, const void *, size_t);

/* The pipes to ask through, by enum proc_id; they belong to the caller. */
void		 ask_init(struct imsgev *);

/* Is this something that can be asked? */
int		 ask_known(uint32_t);

/*
 * Ask; req may be NULL.  NULL if nobody can be asked now, and then fn was
 * not called and will not be.
 */
struct question	*ask(uint32_t, const struct ctl_request *, ask_fn *, void *);
void		 ask_next(struct question *);

/* The same for a change of a peer's file: CTL_CLIENT, perhaps, and CTL_OK. */
struct question	*ask_edit(const struct ctl_edit *, ask_fn *, void *);

/* The asker is gone: fn is not called again. */
void		 ask_cancel(struct question *);

/* An answer of another process. */
void		 ask_answer(const struct imsgev *, struct imsg *);

#endif
