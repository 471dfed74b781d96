/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include "log.h"
#include "self.h"

/* Registers are kept elsewhere here, and the linker is told by -z now. */
void
self_bind(char *argv[])
{
	(void)argv;
}

/* The kernel does not tell where a program is, so whoever starts it has to. */
const char *
self_path(const char *argv0)
{
	if (argv0[0] != '/')
		fatalx("wgslirpd has to be started by its whole path");
	return (argv0);
}
