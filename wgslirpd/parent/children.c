/* SPDX-License-Identifier: ISC */

/*
 * The children: starting them, joining them by pipes and packet queues, and
 * the end of the daemon when one of them dies.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "link.h"
#include "log.h"
#include "mono.h"
#include "pktq.h"
#include "self.h"
#include "shm.h"
#include "state.h"

#define QUEUE_SLOTS_IN	8192	/* guest -> host: 16 MiB of slots */
#define QUEUE_SLOTS_OUT	16384	/* host -> guest: 32 MiB of slots */
#define STOP_TIMEOUT	5	/* seconds for the children to end */

/*
 * At once: whoever has taken one of them over need not notice that its pipes
 * are closed.
 */
void
children_kill(void)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++) {
		/* root without CAP_KILL may not */
		if (env.child[i].pid > 0 &&
		    kill(env.child[i].pid, SIGKILL) == -1 && errno != ESRCH)
			log_warn("cannot end the %s engine, process %d",
			    proc_title(i),
			    (int)env.child[i].pid);
		env.child[i].pid = 0;
	}
}

static void
died_of(int slot, int sig)
{
	log_warnx("%s engine terminated by signal %d (%s)%s", proc_title(slot),
	    sig, strsignal(sig), sig == SIGSYS ?
	    ": it made a system call that it may not" : "");
}

/* End every child that is left and go, without waiting for ever. */
void
children_stop(int status)
{
	struct child	*c;
	pid_t		 pid;
	mono_t		 until = mono_now() + MONO_SEC(STOP_TIMEOUT);
	int		 i, how;

	env.quitting = 1;
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		imsgev_clear(&env.child[i].iev);
	/* by the clock: a busy machine makes each turn longer */
	do {
		for (i = PROC_CRYPTO; i < PROC_SLOTS; i++) {
			c = &env.child[i];
			if (c->pid > 0) {
				pid = waitpid(c->pid, &how, WNOHANG);
				if (pid == c->pid && WIFSIGNALED(how))
					died_of(i,
					    WTERMSIG(how));
				if (pid == c->pid ||
				    (pid == -1 && errno == ECHILD))
					c->pid = 0;
			}
		}
		for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
			if (env.child[i].pid > 0)
				break;
		if (i == PROC_SLOTS)
			break;
		poll(NULL, 0, 10);
	} while (mono_now() < until);
	children_kill();
	if (status == 0)
		log_info("stopped");
	exit(status);
}

static int
child_by_pid(pid_t pid)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		if (env.child[i].pid == pid)
			return (i);
	return (-1);
}

void
children_died(evutil_socket_t sig, short what, void *arg)
{
	pid_t		 pid;
	int		 slot, status;

	(void)sig;
	(void)what;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if ((slot = child_by_pid(pid)) == -1)
			continue;
		env.child[slot].pid = 0;
		if (env.quitting)
			continue;
		if (WIFSIGNALED(status))
			died_of(slot, WTERMSIG(status));
		else
			log_warnx("%s engine exited with status %d",
			    proc_title(slot), WEXITSTATUS(status));
		children_stop(1);
	}
}

/*
 * Execute this program again as one of the children: a fresh address
 * space that never held the configuration.  fn gets what it says.
 */
void
children_start(int slot, imsgev_fn *fn)
{
	static char	*const	 no_env[] = { NULL };
	const char	*args[6];
	const char	*path = self_path(env.argv0);
	int		 fds[2], n = 0, i;
	pid_t		 pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fds) == -1)
		fatal("socketpair");
	args[n++] = env.argv0;
	args[n++] = "-P";
	args[n++] = proc_title(slot);
	if (env.foreground)
		args[n++] = "-d";
	args[n] = NULL;
	switch (pid = fork()) {
	case -1:
		fatal("fork");
	case 0:
		/* the parent's to remove */
		env.socket_made = env.uapi_made = env.web_made = 0;
		for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
			env.child[i].pid = 0;
		if (slot == PROC_FILES && fchdir(env.files_fd) == -1)
			fatal("%s", env.files_dir);
		if (fds[1] == PROC_PARENT_FD) {
			if (fcntl(fds[1], F_SETFD, 0) == -1)
				fatal("fcntl");
		} else if (dup2(fds[1], PROC_PARENT_FD) == -1)
			fatal("dup2");
		closefrom(PROC_PARENT_FD + 1);
		/* nor does it get the environment, which may hold a key */
		execve(path, (char *const *)(uintptr_t)args, no_env);
		fatal("exec %s", path);
	}
	close(fds[1]);
	if (slot == PROC_FILES)
		close(env.files_fd);
	env.child[slot].pid = pid;
	env.child[slot].on = 1;
	if (imsgev_init(&env.child[slot].iev, fds[0], slot, fn, NULL) == -1)
		fatal("pipe to %s", proc_title(slot));
	/* the engines' configuration is longer, and they ask for nothing */
	if (slot == PROC_CONTROL)
		imsgev_bound(&env.child[slot].iev, PROC_BACKLOG);
}

/* The two ends of a pipe, to two children. */
void
children_connect(int a, int b)
{
	uint32_t	 ida = (uint32_t)a, idb = (uint32_t)b;
	int		 fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fds) == -1)
		fatal("socketpair");
	imsgev_must(&env.child[a].iev, IMSG_PIPE, 0, fds[0], &idb,
	    sizeof(idb));
	imsgev_must(&env.child[b].iev, IMSG_PIPE, 0, fds[1], &ida,
	    sizeof(ida));
}

/* Another descriptor for the same, for one more receiver. */
int
children_dup(int fd)
{
	int	 n;

	if ((n = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		fatal("dup");
	return (n);
}

/* Packet queues and doorbells between the two engines of a worker. */
void
children_queues(uint32_t worker)
{
	struct imsgev		*c = CRYPTO(worker);
	struct imsgev		*s = SLIRP(worker);
	struct queue_msg	 q;
	struct bell_msg		 mine = { 1 }, theirs = { 0 };
	int			 fd, bell[2], dir;

	for (dir = 0; dir < 2; dir++) {
		/* 0 wakes crypto, 1 wakes slirp */
		if (bell_create(bell) == -1)
			fatal("doorbell");
		imsgev_must(dir == 0 ? c : s, IMSG_BELL, 0, bell[0], &mine,
		    sizeof(mine));
		imsgev_must(dir == 0 ? s : c, IMSG_BELL, 0, bell[1], &theirs,
		    sizeof(theirs));
	}
	for (dir = 0; dir < 2; dir++) {
		memset(&q, 0, sizeof(q));
		q.guest_to_host = dir == 0;
		q.nslots = dir == 0 ? QUEUE_SLOTS_IN : QUEUE_SLOTS_OUT;
		if ((fd = pktq_area_create(q.nslots)) == -1)
			fatal("packet queue");
		imsgev_must(c, IMSG_QUEUE, 0, children_dup(fd), &q, sizeof(q));
		imsgev_must(s, IMSG_QUEUE, 0, fd, &q, sizeof(q));
	}
}

/* A socket whose two ends keep messages apart, with room for so much. */
static void
link_pair(int fds[2])
{
	int	 size = LINK_BUFFER, i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0, fds) == -1)
		fatal("socketpair");
	for (i = 0; i < 2; i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size)) == -1)
			fatal("setsockopt");
}

/* Where datagrams go between the crypto and the derp engine. */
void
children_link(void)
{
	int	 fds[2];

	link_pair(fds);
	imsgev_must(CRYPTO(0), IMSG_LINK, 0, fds[0], NULL, 0);
	imsgev_must(&env.child[PROC_DERP].iev, IMSG_LINK, 0, fds[1], NULL, 0);
}

/* The same between engines of the same kind, each to each. */
void
children_across(enum proc_id kind)
{
	uint32_t	 a, b;
	int		 fds[2];

	for (a = 0; a < env.workers; a++)
		for (b = a + 1; b < env.workers; b++) {
			/* what one slirp engine has of others is the first's */
			if (kind == PROC_SLIRP && a != 0)
				continue;
			link_pair(fds);
			imsgev_must(&env.child[proc_slot(kind, a)].iev,
			    IMSG_ACROSS, 0, fds[0], &b, sizeof(b));
			imsgev_must(&env.child[proc_slot(kind, b)].iev,
			    IMSG_ACROSS, 0, fds[1], &a, sizeof(a));
		}
}

/* Does a child leave unread what it is told? */
int
children_busy(void)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		if (env.child[i].on &&
		    imsgbuf_queuelen(&env.child[i].iev.ibuf) >= PROC_BACKLOG)
			return (1);
	return (0);
}


void
children_send(uint32_t type, const void *data, size_t len)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		if (env.child[i].on)
			imsgev_must(&env.child[i].iev, type, 0, -1, data, len);
}
