/* SPDX-License-Identifier: ISC */

#ifndef RESTART_H
#define RESTART_H

/*
 * Have the program that the daemon was started from, or what has replaced it,
 * take the daemon's place, with the same options; or exit with why not.
 */
void	 restart(const char *);

#endif
