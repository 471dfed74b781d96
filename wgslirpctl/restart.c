/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "procinfo.h"
#include "restart.h"

#define MAX_ARGS	64
#define PATIENCE	150		/* tenths of a second */

static struct {
	pid_t			 parent;
	int			 given;		/* its sockets are a manager's */
	char			 cwd[CTL_PATH_LEN];
	char			 line[16384];	/* as it was started */
	char			*arg[MAX_ARGS];
	int			 n;
} rs;

static int
take(uint32_t type, struct imsg *imsg, void *arg)
{
	struct ctl_process	 p;
	struct ctl_setup	 s;
	struct ctl_entry	 e;

	(void)arg;
	if (type == CTL_PROCESS) {
		conn_get(imsg, &p, sizeof(p));
		p.title[sizeof(p.title) - 1] = '\0';
		if (strcmp(p.title, "parent") == 0)
			rs.parent = p.pid;
	} else if (type == CTL_SETUP) {
		conn_get(imsg, &s, sizeof(s));
		s.cwd[sizeof(s.cwd) - 1] = '\0';
		strlcpy(rs.cwd, s.cwd, sizeof(rs.cwd));
	} else if (type == CTL_ENTRY) {
		conn_get(imsg, &e, sizeof(e));
		e.kind[sizeof(e.kind) - 1] = '\0';
		if (strcmp(e.kind, "control") == 0 && e.value[0] != '\0')
			rs.given = 1;
	}
	return (0);
}

/*
 * What the daemon says comes from its control engine, which nobody has to
 * trust: only the number of the parent is taken from it, and that has to be a
 * daemon of this user.
 */
static void
check_parent(void)
{
	uid_t	 uid;

	if (procinfo_owner(rs.parent, &uid) == -1)
		err(1, "process %d", (int)rs.parent);
	if (uid != geteuid() || conn_owner() != geteuid())
		errx(1, "the daemon is another user's");
	/* as the kernel has it, where that may be read */
	if (procinfo_cwd(rs.parent, rs.cwd, sizeof(rs.cwd)) == -1 &&
	    geteuid() == 0)
		err(1, "folder of process %d", (int)rs.parent);
}

static void
add(char *s)
{
	if (rs.n == MAX_ARGS - 1)
		errx(1, "the daemon was started with too many options");
	rs.arg[rs.n++] = s;
}

/* The words that it was started with, and -R. */
static void
make_args(void)
{
	static char	 r[] = "-R", d[] = "-D", f[] = "-f", s[] = "-s",
			 v[] = "-v";
	const char	*base;
	char		*old[MAX_ARGS], *p;
	ssize_t		 len;
	int		 ch, n = 0;

	len = procinfo_args(rs.parent, rs.line, sizeof(rs.line));
	if (len == -1)
		err(1, "words of process %d", (int)rs.parent);
	for (p = rs.line; p < rs.line + len && n < MAX_ARGS - 1;
	    p += strlen(p) + 1)
		old[n++] = p;
	old[n] = NULL;
	base = n == 0 ? "" : strrchr(old[0], '/') != NULL ?
	    strrchr(old[0], '/') + 1 : old[0];
	if (strcmp(base, "wgslirpd") != 0)
		errx(1, "process %d is no wgslirpd", (int)rs.parent);
	add(old[0]);
	add(r);
	optind = 1;
	while ((ch = getopt(n, old, "D:P:Rdef:hns:v")) != -1) {
		switch (ch) {
		case 'D':
			add(d);
			add(optarg);
			break;
		case 'd':
			errx(1, "the daemon is in the foreground of a service "
			    "manager or a terminal: start the next one there, "
			    "with -R");
		case 'e':
			errx(1, "the daemon's configuration is its "
			    "environment: start the next one there, with -R");
		case 'f':
			add(f);
			add(optarg);
			break;
		case 's':
			add(s);
			add(optarg);
			break;
		case 'v':
			add(v);
			break;
		default:
			break;
		}
	}
	rs.arg[rs.n] = NULL;
}

void
restart(const char *socket)
{
	static const struct timespec	 tenth = { 0, 100000000 };
	pid_t				 pid, old;
	int				 i, status;

	conn_open(socket);
	conn_must(CTL_SHOW_PROCESSES, 0, NULL, take, NULL);
	conn_must(CTL_SHOW_SETUP, 0, NULL, take, NULL);
	conn_must(CTL_SHOW_INTERFACES, 0, NULL, take, NULL);
	old = rs.parent;
	if (rs.given)
		errx(1, "the daemon's sockets are a service manager's: have "
		    "that one restart it");
	check_parent();
	make_args();
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		/* names in the configuration begin there */
		if (rs.cwd[0] != '\0' && chdir(rs.cwd) == -1)
			err(1, "%s", rs.cwd);
		execvp(rs.arg[0], rs.arg);
		err(1, "%s", rs.arg[0]);
	}
	if (waitpid(pid, &status, 0) == -1)
		err(1, "waitpid");
	/* it has said what is wrong */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		exit(1);
	for (i = 0; i < PATIENCE; i++) {
		if (kill(old, 0) == -1)
			return;
		nanosleep(&tenth, NULL);
	}
	errx(1, "the new one did not take its place: see the log");
}
