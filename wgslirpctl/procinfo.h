/* SPDX-License-Identifier: ISC */

#ifndef PROCINFO_H
#define PROCINFO_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * What the system tells about another process.  Platform.  Each returns -1,
 * with errno, if it does not.
 *
 * procinfo_memory:	bytes that are resident, and how many of them are
 *			shared, as far as that is known
 * procinfo_owner:	whose it is: its real user
 * procinfo_cwd:	where it stands, as a string of at most so many bytes
 * procinfo_args:	the words that it was started with, each ended by a
 *			zero byte, in at most so many bytes; their length
 */
int	 procinfo_memory(pid_t, uint64_t *, uint64_t *);
int	 procinfo_owner(pid_t, uid_t *);
int	 procinfo_cwd(pid_t, char *, size_t);
ssize_t	 procinfo_args(pid_t, char *, size_t);

#endif
