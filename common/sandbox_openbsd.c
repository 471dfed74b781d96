/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define EMPTY_DIR	"/var/empty"

/*
 * stdio: memory, pipes, events.  parent: rpath to read the configuration
 * again, cpath to remove the control socket, inet and unix to bind, route
 * to list interfaces, sendfd to hand sockets out, proc to stop children.
 * crypto and slirp: recvfd to take sockets and queues; inet to use them.
 * control: unix and inet to accept clients, recvfd for the sockets.
 * derp: inet to connect to relays, recvfd for the files of certificates.
 * web: inet and unix to accept clients, recvfd for the sockets.
 * files: rpath, wpath and cpath in the one folder that it has.
 */
static const char *promises[] = {
	[SANDBOX_PARENT] = "stdio rpath cpath inet unix route sendfd proc",
	[SANDBOX_CRYPTO] = "stdio inet recvfd",
	[SANDBOX_SLIRP] = "stdio inet recvfd",
	[SANDBOX_CONTROL] = "stdio unix inet recvfd",
	[SANDBOX_DERP] = "stdio inet recvfd",
	[SANDBOX_WEB] = "stdio inet unix recvfd",
	[SANDBOX_FILES] = "stdio rpath wpath cpath"
};

int
sandbox_hide(void)
{
	struct rlimit	 rl;

	memset(&rl, 0, sizeof(rl));
	return (setrlimit(RLIMIT_CORE, &rl));
}

int
sandbox_early(char *err, size_t errlen)
{
	if (sandbox_hide() == -1) {
		snprintf(err, errlen, "sandbox: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

/* Swap is encrypted here, and a limit cannot be known to suffice. */
void
sandbox_lock_memory(void)
{
}

int
sandbox_drop(const char *user, char *err, size_t errlen)
{
	struct passwd	*pw;

	if (geteuid() != 0)
		return (0);
	if ((pw = getpwnam(user)) == NULL) {
		snprintf(err, errlen, "user %s does not exist", user);
		return (-1);
	}
	if (chroot(EMPTY_DIR) == -1 || chdir("/") == -1 ||
	    setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		snprintf(err, errlen, "cannot become %s: %s", user,
		    strerror(errno));
		return (-1);
	}
	return (0);
}

/* The folder where it stands becomes all that there is. */
int
sandbox_drop_here(char *err, size_t errlen)
{
	struct stat	 st;

	if (geteuid() != 0)
		return (0);
	if (stat(".", &st) == -1 || chroot(".") == -1 ||
	    setgroups(1, &st.st_gid) == -1 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) == -1 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) == -1) {
		snprintf(err, errlen, "cannot lock itself in the folder of "
		    "the peers' files: %s", strerror(errno));
		return (-1);
	}
	return (0);
}

int
sandbox_enter(enum sandbox_role role, const struct sandbox_path *paths,
    size_t npaths, struct sandbox_level *level, char *err, size_t errlen)
{
	size_t	 i;

	memset(level, 0, sizeof(*level));
	for (i = 0; i < npaths; i++) {
		if (unveil(paths[i].path, paths[i].how == SANDBOX_READ ? "r" :
		    "rwc") ==
		    -1 && errno != ENOENT) {
			snprintf(err, errlen, "unveil %s: %s",
			    paths[i].path, strerror(errno));
			return (-1);
		}
	}
	if (pledge(promises[role], NULL) == -1) {
		snprintf(err, errlen, "pledge: %s", strerror(errno));
		return (-1);
	}
	level->seccomp = 1;
	return (0);
}
