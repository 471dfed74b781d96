/* SPDX-License-Identifier: ISC */

#ifndef TOP_H
#define TOP_H

/* Show peers and what they do now, until q; the terminal is left as it was. */
void	 top(void);

#endif
