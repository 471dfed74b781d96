/* SPDX-License-Identifier: ISC */

#ifndef SELF_H
#define SELF_H

/*
 * This program, to be executed again.  Platform.
 *
 * self_bind:	execute it again with all of its symbols bound, where the
 *		dynamic linker would do that later; returns where it need not,
 *		or cannot; the argument is main()'s
 * self_path:	where it is; the argument is its name as it was started with.
 *		In static memory, or the argument
 */
void		 self_bind(char *[]);
const char	*self_path(const char *);

#endif
