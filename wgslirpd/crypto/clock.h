/* SPDX-License-Identifier: ISC */

#ifndef CLOCK_H
#define CLOCK_H

/* Looks at the time of day while some peer has an end. */

void		 clock_watch(void);
int		 clock_init(void);

#endif
