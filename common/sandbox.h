/* SPDX-License-Identifier: ISC */

#ifndef SANDBOX_H
#define SANDBOX_H

#include <sys/types.h>

enum sandbox_role {
	SANDBOX_PARENT,
	SANDBOX_CRYPTO,
	SANDBOX_SLIRP,
	SANDBOX_CONTROL,
	SANDBOX_DERP,
	SANDBOX_WEB,
	SANDBOX_FILES
};

/* What is in force for a process, for "show processes". */
struct sandbox_level {
	uint8_t		 seccomp;	/* 1: filter installed; pledged */
	uint8_t		 landlock;	/* ABI version in force, 0: none */
};

/* A path that a process may still use, and how. */
struct sandbox_path {
	const char	*path;
	enum {
		SANDBOX_READ,
		SANDBOX_SOCKET,		/* remove it, and make another */
		SANDBOX_EDIT		/* make, write, rename and remove */
	}		 how;
};

int	sandbox_hide(void);
int	sandbox_early(char *, size_t);
void	sandbox_lock_memory(void);
int	sandbox_drop(const char *, char *, size_t);
int	sandbox_drop_here(char *, size_t);
int	sandbox_enter(enum sandbox_role, const struct sandbox_path *, size_t,
	    struct sandbox_level *, char *, size_t);

#endif
