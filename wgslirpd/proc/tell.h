/* SPDX-License-Identifier: ISC */

#ifndef TELL_H
#define TELL_H

#include "proc.h"

/*
 * Events, for who watches: wgslirpctl monitor.  Nothing is made while nobody
 * does.  What the control engine cannot take is counted, and dropped.
 */

/* Somebody watches, by this pipe to the control engine; NULL: nobody. */
void	 tell_to(struct imsgev *);
int	 tell_wanted(void);

/* An event of a kind, about a peer ("" for none). */
void	 tell(const char *, const char *, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));

#endif
