/* SPDX-License-Identifier: ISC */

#ifndef CONTROL_H
#define CONTROL_H

#include "proc.h"

/*
 * Ask the engines as a client of the control socket would: fn gets each
 * record of the answer, and CTL_END or CTL_FAIL at its end.  -1 if that
 * cannot be asked.
 */
typedef void	control_record_fn(void *, uint32_t, const void *, size_t);
int	 control_ask(uint32_t, control_record_fn *, void *);

/* control_http.c */
void	 http_stage(int);
void	 http_commit(void);

/* control_uapi.c */
void	 uapi_start(int, struct imsgev *, struct imsgev *, uint32_t *);
int	 uapi_answer(struct imsg *);
void	 uapi_set_done(int);

#endif
