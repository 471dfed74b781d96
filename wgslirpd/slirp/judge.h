/* SPDX-License-Identifier: ISC */

#ifndef JUDGE_H
#define JUDGE_H

#include "net/slirp.h"

/*
 * judge_next:		the policy is another: of a UDP mapping, each remote is
 *			judged again when it is next talked to
 * judge_all:		end every flow that could not begin any more
 * judge_closed:	end those of them that lead to what is closed to guests
 *			from the start
 */
void	 judge_next(struct slirp *);
void	 judge_all(struct slirp *);
void	 judge_closed(struct slirp *);

#endif
