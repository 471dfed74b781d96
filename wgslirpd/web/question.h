/* SPDX-License-Identifier: ISC */

#ifndef QUESTION_H
#define QUESTION_H

#include "ctl.h"
#include "proc.h"

/*
 * Questions to the control engine, by the control protocol.  fn gets each
 * record of the answer, and at the end CTL_END, CTL_OK or CTL_FAIL with a line
 * of text; after that the question is gone, and its id may be another's.
 */
typedef void	 question_fn(void *, uint32_t, const void *, size_t);

/* The pipe to the control engine, which belongs to the caller. */
void		 question_init(struct imsgev *);

/* Ask: a name, or NULL.  0: it cannot be asked now, and fn was not called. */
uint32_t	 question(uint32_t, uint64_t, const char *, question_fn *,
		    void *);
uint32_t	 question_edit(const struct ctl_edit *, question_fn *, void *);

/*
 * Whoever asked is gone, or has enough: fn is not called again, and no other
 * portion is asked for.
 */
void		 question_cancel(uint32_t);

/* A part of an answer. */
void		 question_answer(struct imsg *);

#endif
