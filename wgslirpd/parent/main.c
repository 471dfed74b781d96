/* SPDX-License-Identifier: ISC */

/*
 * The parent: reads the configuration, opens and binds what the others
 * use, starts them, and ends the daemon when one of them dies.  It never
 * sees a packet.
 *
 * Start: every child locks itself in and says READY; then they get their
 * descriptors and the configuration and say STAGED; then all at once they
 * get COMMIT and START, and only then does anyone read the network.  A
 * reload takes the same way from STAGED on.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "config.h"
#include "env.h"
#include "grammar.h"
#include "listen.h"
#include "log.h"
#include "pktq.h"
#include "print.h"
#include "proc.h"
#include "rules.h"
#include "shm.h"
#include "wgset.h"

#define QUEUE_SLOTS_IN	8192	/* guest -> host: 16 MiB of slots */
#define QUEUE_SLOTS_OUT	16384	/* host -> guest: 32 MiB of slots */
#define STOP_TIMEOUT	5	/* seconds for the children to end */
#define HOSTADDR_POLL	30	/* seconds between looks at interfaces */

struct child {
	struct imsgev		 iev;
	struct sandbox_level	 level;
	pid_t			 pid;
	int			 ready;
	int			 staged;
};

static struct {
	struct child		 child[PROC_MAX];
	struct config		*conf;
	struct config		*staged;
	struct listen_set	 listens;
	struct listen_set	 staged_listens;
	struct service_set	 services;
	struct service_set	 staged_services;
	struct event		*poll_ev;
	struct sandbox_level	 level;
	const char		*path;
	const char		*argv0;
	char			 socket[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];
	char			 uapi_path[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];
	int			 socket_made;
	int			 uapi_made;
	int			 control_fd;
	int			 uapi_fd;
	int			 activated_udp;
	int			 from_env;
	int			 foreground;
	int			 verbose_flag;
	int			 started;
	int			 quitting;
	int			 again;		/* reload once more */
	int			 reload_id;	/* control client, 0: none */
	struct conf_set		*set;		/* by wg(8) */
	int			 set_ended;	/* it is complete */
	int			 set_sent;	/* it is with the crypto engine */
	int			 set_failed;	/* too much of it */
	uint32_t		 naips;		/* allowed IPs, at most */
} env;

static void	 parent_dispatch(struct imsgev *, struct imsg *);
static void	 reload(void);
static void	 reload_next(void);
static void	 change(void);

static void
usage(void)
{
	fprintf(stderr, "usage: wgslirpd [-dehnv] [-D macro=value] "
	    "[-f file] [-s socket]\n");
}

/* Remove what was made outside, once. */
static void
cleanup(void)
{
	if (env.socket_made)
		unlink(env.socket);
	if (env.uapi_made)
		unlink(env.uapi_path);
	env.socket_made = env.uapi_made = 0;
}

/* End every child that is left and go, without waiting for ever. */
static void
stop_all(int status)
{
	struct child	*c;
	pid_t		 pid;
	int		 i, tries;

	env.quitting = 1;
	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		imsgev_clear(&env.child[i].iev);
	for (tries = 0; tries < STOP_TIMEOUT * 100; tries++) {
		for (i = PROC_CRYPTO; i < PROC_MAX; i++) {
			c = &env.child[i];
			if (c->pid > 0) {
				pid = waitpid(c->pid, NULL, WNOHANG);
				if (pid == c->pid ||
				    (pid == -1 && errno == ECHILD))
					c->pid = 0;
			}
		}
		for (i = PROC_CRYPTO; i < PROC_MAX; i++)
			if (env.child[i].pid > 0)
				break;
		if (i == PROC_MAX)
			break;
		poll(NULL, 0, 10);
	}
	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		if (env.child[i].pid > 0)
			kill(env.child[i].pid, SIGKILL);
	cleanup();
	if (status == 0)
		log_info("stopped");
	exit(status);
}

static enum proc_id
child_by_pid(pid_t pid)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		if (env.child[i].pid == pid)
			return ((enum proc_id)i);
	return (PROC_MAX);
}

static void
sig_child(evutil_socket_t sig, short what, void *arg)
{
	enum proc_id	 id;
	pid_t		 pid;
	int		 status;

	(void)sig;
	(void)what;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if ((id = child_by_pid(pid)) == PROC_MAX)
			continue;
		env.child[id].pid = 0;
		if (env.quitting)
			continue;
		if (WIFSIGNALED(status))
			log_warnx("%s engine terminated by signal %d (%s)%s",
			    proc_title(id), WTERMSIG(status),
			    strsignal(WTERMSIG(status)),
			    WTERMSIG(status) == SIGSYS ?
			    ": it made a system call that it may not" : "");
		else
			log_warnx("%s engine exited with status %d",
			    proc_title(id), WEXITSTATUS(status));
		stop_all(1);
	}
}

static void
sig_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	stop_all(0);
}

/* Path of this program, to execute it again. */
static const char *
self_path(void)
{
	static char	 path[1024];
	ssize_t		 n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = '\0';
		if (access(path, X_OK) == 0)
			return (path);
	}
	return (env.argv0);
}

/*
 * Execute this program again as one of the children: a fresh address
 * space that never held the configuration.
 */
static void
start_child(enum proc_id id)
{
	static char	*const	 no_env[] = { NULL };
	const char	*args[6];
	const char	*path = self_path();
	int		 fds[2], n = 0;
	pid_t		 pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fds) == -1)
		fatal("socketpair");
	args[n++] = env.argv0;
	args[n++] = "-P";
	args[n++] = proc_title(id);
	if (env.foreground)
		args[n++] = "-d";
	args[n] = NULL;
	switch (pid = fork()) {
	case -1:
		fatal("fork");
	case 0:
		/* the parent's to remove */
		env.socket_made = env.uapi_made = 0;
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
	env.child[id].pid = pid;
	if (imsgev_init(&env.child[id].iev, fds[0], id, parent_dispatch,
	    NULL) == -1)
		fatal("pipe to %s", proc_title(id));
}

/* The two ends of a pipe, to two children. */
static void
connect_children(enum proc_id a, enum proc_id b)
{
	uint32_t	 ida = a, idb = b;
	int		 fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fds) == -1)
		fatal("socketpair");
	imsgev_must(&env.child[a].iev, IMSG_PIPE, 0, fds[0], &idb,
	    sizeof(idb));
	imsgev_must(&env.child[b].iev, IMSG_PIPE, 0, fds[1], &ida,
	    sizeof(ida));
}

static int
dup_fd(int fd)
{
	int	 n;

	if ((n = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		fatal("dup");
	return (n);
}

/* Packet queues and doorbells between the two engines. */
static void
connect_queues(void)
{
	struct imsgev		*c = &env.child[PROC_CRYPTO].iev;
	struct imsgev		*s = &env.child[PROC_SLIRP].iev;
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
		imsgev_must(c, IMSG_QUEUE, 0, dup_fd(fd), &q, sizeof(q));
		imsgev_must(s, IMSG_QUEUE, 0, fd, &q, sizeof(q));
	}
}

static void
send_all(uint32_t type, const void *data, size_t len)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		imsgev_must(&env.child[i].iev, type, 0, -1, data, len);
}

/* Send a configuration for staging, with the sockets to listen on. */
static void
stage(struct config *conf, struct listen_set *set,
    const struct service_set *services)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		env.child[i].staged = 0;
	config_send(conf, &env.child[PROC_CRYPTO].iev,
	    &env.child[PROC_SLIRP].iev, &env.child[PROC_CONTROL].iev);
	for (i = 0; i < set->n; i++)
		imsgev_must(&env.child[PROC_CRYPTO].iev, IMSG_SOCKET, 0,
		    dup_fd(set->fd[i]), NULL, 0);
	for (i = 0; i < services->n; i++)
		config_service_send(services->v[i].s, &services->v[i].addr,
		    dup_fd(services->v[i].fd), &env.child[
		    services->v[i].s->s.kind == SERVICE_METRICS ?
		    PROC_CONTROL : PROC_SLIRP].iev);
	config_send_hostaddrs(&env.child[PROC_SLIRP].iev);
	send_all(IMSG_CONF_END, NULL, 0);
	/* the keys are with the crypto engine now */
	config_wipe(conf);
}

/* Every child is locked in: hand out sockets and configuration. */
static void
all_ready(void)
{
	struct ctl_process	 m;
	int			 i;

	for (i = PROC_PARENT; i < PROC_MAX; i++) {
		memset(&m, 0, sizeof(m));
		strlcpy(m.title, proc_title((enum proc_id)i),
		    sizeof(m.title));
		m.pid = i == PROC_PARENT ? getpid() : env.child[i].pid;
		m.seccomp = i == PROC_PARENT ? env.level.seccomp :
		    env.child[i].level.seccomp;
		m.landlock = i == PROC_PARENT ? env.level.landlock :
		    env.child[i].level.landlock;
		imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_PROCESS, 0,
		    -1, &m, sizeof(m));
	}
	imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_SOCKET, 0,
	    env.control_fd, NULL, 0);
	env.control_fd = -1;
	if (env.uapi_fd != -1)
		imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_UAPI_SOCKET,
		    0, env.uapi_fd, NULL, 0);
	env.uapi_fd = -1;
	send_all(IMSG_VERBOSE, &env.conf->verbose,
	    sizeof(env.conf->verbose));
	env.naips = config_count_aips(env.conf);
	stage(env.conf, &env.listens, &env.services);
}

static void
reload_answer(const char *error)
{
	char	 text[CTL_TEXT_LEN];

	if (env.reload_id == 0)
		return;
	if (error == NULL)
		imsgev_must(&env.child[PROC_CONTROL].iev, CTL_OK,
		    (uint32_t)env.reload_id, -1, NULL, 0);
	else {
		memset(text, 0, sizeof(text));
		strlcpy(text, error, sizeof(text));
		imsgev_must(&env.child[PROC_CONTROL].iev, CTL_FAIL,
		    (uint32_t)env.reload_id, -1, text, sizeof(text));
	}
	env.reload_id = 0;
}

/* Every child understood the configuration: it takes effect. */
static void
all_staged(void)
{
	send_all(IMSG_CONF_COMMIT, NULL, 0);
	if (!env.started) {
		send_all(IMSG_START, NULL, 0);
		env.started = 1;
		log_info("started, %u peers", env.conf->npeers);
		return;
	}
	config_free(env.conf);
	env.conf = env.staged;
	env.staged = NULL;
	listen_close(&env.listens, &env.staged_listens);
	env.listens = env.staged_listens;
	memset(&env.staged_listens, 0, sizeof(env.staged_listens));
	service_close(&env.services, &env.staged_services);
	env.services = env.staged_services;
	env.staged_services.n = 0;
	log_setverbose(env.conf->verbose);
	send_all(IMSG_VERBOSE, &env.conf->verbose,
	    sizeof(env.conf->verbose));
	log_info("configuration reloaded, %u peers", env.conf->npeers);
	reload_next();
}

/* What had to wait for the reload. */
static void
reload_next(void)
{
	if (env.again) {
		env.again = 0;
		reload();
		if (env.staged != NULL)
			return;
	} else
		reload_answer(NULL);
	if (env.set_ended && !env.set_sent)
		change();
}

/* Give up the reload that was asked for. */
static void
reload_fail(struct config *conf, const char *error)
{
	log_warnx("configuration not reloaded: %s", error);
	reload_answer(error);
	config_wipe(conf);
	config_free(conf);
}

static void
change_done(int error)
{
	struct set_done	 r = { error, env.naips };

	set_free(env.set);
	env.set = NULL;
	env.set_ended = env.set_sent = env.set_failed = 0;
	imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_SET_DONE, 0, -1, &r,
	    sizeof(r));
	if (env.again) {
		env.again = 0;
		reload();
	}
}

static void
free_listens(struct conf_listens *list)
{
	struct conf_listen	*l;

	while ((l = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, l, entry);
		free(l);
	}
}

/*
 * Bind another port for wg(8), in the place of the first one; an empty
 * set is no change.  Returns 0, or an errno and nothing has changed.
 */
static int
change_port(uint16_t port, struct listen_set *set)
{
	struct conf_listen	*l;
	struct config		 tmp;
	uint16_t		 old;
	char			 err[CTL_TEXT_LEN];
	int			 error;

	if (port != 0 && port == listen_port(&env.listens))
		return (0);
	if (env.activated_udp)
		return (EOPNOTSUPP);	/* the service manager's */
	memset(&tmp, 0, sizeof(tmp));
	tmp.offload = env.conf->offload;
	TAILQ_INIT(&tmp.listens);
	old = TAILQ_FIRST(&env.conf->listens)->port;
	TAILQ_FOREACH(l, &env.conf->listens, entry)
		config_add_listen(&tmp, l->addr.af != 0 ? &l->addr : NULL,
		    l->port == old ? port : l->port);
	if (config_twice_listen(&tmp)) {
		free_listens(&tmp.listens);
		return (EADDRINUSE);
	}
	if (listen_open(&tmp, set, &env.listens, 0, err, sizeof(err)) ==
	    -1) {
		error = errno;
		log_warnx("wg: %s", err);
		free_listens(&tmp.listens);
		return (error);
	}
	free_listens(&env.conf->listens);
	TAILQ_CONCAT(&env.conf->listens, &tmp.listens, entry);
	listen_close(&env.listens, set);
	env.listens = *set;
	return (0);
}

/* Make the change of wg(8) that is complete, all of it or nothing. */
static void
change(void)
{
	struct set_device	*d = set_device(env.set);
	struct listen_set	 set;
	int			 error, i;

	memset(&set, 0, sizeof(set));
	error = env.set_failed ? ENOSPC : set_check(env.set, env.conf,
	    env.naips);
	if (error == 0 && d->flags & SET_LISTEN_PORT)
		error = change_port(d->listen_port, &set);
	if (error != 0) {
		change_done(error);
		return;
	}
	imsgev_must(&env.child[PROC_CRYPTO].iev, IMSG_SET_BEGIN, 0, -1, d,
	    sizeof(*d));
	for (i = 0; i < set.n; i++)
		imsgev_must(&env.child[PROC_CRYPTO].iev, IMSG_SOCKET, 0,
		    dup_fd(set.fd[i]), NULL, 0);
	set_commit(env.set, env.conf, &env.child[PROC_CRYPTO].iev,
	    &env.child[PROC_SLIRP].iev);
	env.set_sent = 1;
}

/* The change comes in from the control engine. */
static void
change_msg(struct imsg *imsg)
{
	struct set_device	 d;
	struct set_peer		 p;
	struct set_aip		 a;
	uint32_t		 type = imsg_get_type(imsg);

	if ((type == IMSG_SET_BEGIN) != (env.set == NULL) || env.set_ended)
		bad_imsg("control", type);
	switch (type) {
	case IMSG_SET_BEGIN:
		imsg_is(imsg, &d, sizeof(d));
		env.set = set_new(&d);
		explicit_bzero(&d, sizeof(d));
		break;
	case IMSG_SET_PEER:
		imsg_is(imsg, &p, sizeof(p));
		if (set_add(env.set, &p) == -1)
			env.set_failed = 1;
		explicit_bzero(&p, sizeof(p));
		break;
	case IMSG_SET_AIP:
		imsg_is(imsg, &a, sizeof(a));
		if (set_add_aip(env.set, &a) == -1)
			env.set_failed = 1;
		break;
	case IMSG_SET_END:
		env.set_ended = 1;
		/* a reload under way comes first */
		if (env.staged == NULL)
			change();
		break;
	}
}

/*
 * Read the configuration again.  Nothing changes unless all of it is
 * right and everything that it needs can be bound.
 */
static void
reload(void)
{
	struct config	*conf;
	char		 err[CTL_TEXT_LEN];

	if (env.staged != NULL || env.set_sent) {
		env.again = 1;	/* this one read what was there before */
		return;
	}
	if (env.from_env) {
		log_warnx("not reloaded: the configuration is from the "
		    "environment");
		reload_answer("the configuration is from the environment");
		return;
	}
	if ((conf = parse_config(env.path, 0)) == NULL) {
		log_warnx("configuration not reloaded");
		reload_answer(parse_error());
		return;
	}
	if (env.verbose_flag)
		conf->verbose = 1;
	if ((conf->uapi != UAPI_OFF) != (env.conf->uapi != UAPI_OFF) ||
	    strcmp(conf->uapi_name, env.conf->uapi_name) != 0) {
		reload_fail(conf, "uapi interface: takes a restart to "
		    "change");
		return;
	}
	if (config_merge(conf, env.conf) == -1) {
		reload_fail(conf, "too many peers, with those of wg(8)");
		return;
	}
	if (listen_open(conf, &env.staged_listens, &env.listens,
	    env.activated_udp, err, sizeof(err)) == -1) {
		reload_fail(conf, err);
		return;
	}
	if (service_open(conf, &env.staged_services, &env.services, err,
	    sizeof(err)) == -1) {
		listen_close(&env.staged_listens, &env.listens);
		reload_fail(conf, err);
		return;
	}
	env.staged = conf;
	env.naips += config_count_aips(conf);
	stage(conf, &env.staged_listens, &env.staged_services);
}

static void
sig_hup(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	if (env.started)
		reload();
}

static void
poll_hostaddrs(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (env.started)
		config_send_hostaddrs(&env.child[PROC_SLIRP].iev);
}

static void
count_child(int *flag, void (*all)(void), size_t off)
{
	int	 i;

	*flag = 1;
	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		if (*(int *)((char *)&env.child[i] + off) == 0)
			return;
	all();
}

static void
parent_control(struct imsg *imsg)
{
	struct ctl_request	 req;
	int			 v;

	imsg_is(imsg, &req, sizeof(req));
	switch (imsg_get_type(imsg)) {
	case CTL_RELOAD:
		if (env.reload_id != 0 || !env.started) {
			char	 busy[CTL_TEXT_LEN] = "a reload is under way";

			imsgev_must(&env.child[PROC_CONTROL].iev, CTL_FAIL,
			    imsg_get_id(imsg), -1, busy, sizeof(busy));
			break;
		}
		env.reload_id = (int)imsg_get_id(imsg);
		reload();
		break;
	case CTL_LOG:
		v = req.arg != 0;
		log_setverbose(v);
		send_all(IMSG_VERBOSE, &v, sizeof(v));
		imsgev_must(&env.child[PROC_CONTROL].iev, CTL_OK,
		    imsg_get_id(imsg), -1, NULL, 0);
		break;
	}
}

static void
parent_dispatch(struct imsgev *iev, struct imsg *imsg)
{
	struct child	*c = &env.child[iev->peer];
	struct imsg_log	 m;
	struct set_done	 done;

	if (imsg == NULL) {
		/* it died: SIGCHLD tells why */
		event_del(iev->ev);
		return;
	}
	switch (imsg_get_type(imsg)) {
	case IMSG_READY:
		if (c->ready)
			bad_imsg(proc_title(iev->peer), IMSG_READY);
		imsg_is(imsg, &c->level, sizeof(c->level));
		count_child(&c->ready, all_ready,
		    offsetof(struct child, ready));
		break;
	case IMSG_STAGED:
		if (c->staged || !c->ready)
			bad_imsg(proc_title(iev->peer), IMSG_STAGED);
		count_child(&c->staged, all_staged,
		    offsetof(struct child, staged));
		break;
	case IMSG_LOG:
		imsg_is(imsg, &m, sizeof(m));
		m.line[sizeof(m.line) - 1] = '\0';
		log_write(m.pri & LOG_PRIMASK, m.line);
		break;
	case CTL_RELOAD:
	case CTL_LOG:
		parent_control(imsg);
		break;
	case IMSG_SET_BEGIN:
	case IMSG_SET_PEER:
	case IMSG_SET_AIP:
	case IMSG_SET_END:
		if (!env.started || env.uapi_path[0] == '\0')
			bad_imsg(proc_title(iev->peer), imsg_get_type(imsg));
		change_msg(imsg);
		break;
	case IMSG_SET_DONE:
		if (!env.set_sent)
			bad_imsg(proc_title(iev->peer), imsg_get_type(imsg));
		imsg_is(imsg, &done, sizeof(done));
		env.naips = done.naips;
		change_done(done.error);
		break;
	default:
		bad_imsg(proc_title(iev->peer), imsg_get_type(imsg));
	}
}

static void
watch_signal(int sig, event_callback_fn fn)
{
	struct event	*ev;

	ev = evsignal_new(evbase, sig, fn, NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("cannot watch for signals");
}

/* Directories that the parent has to reach after it locked itself in. */
static struct sandbox_path	 paths[64];
static size_t			 npaths;

static void
add_path(const char *file, int write)
{
	char	*dir, *slash;
	size_t	 i;

	if (file[0] != '/' || (dir = strdup(file)) == NULL)
		return;
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	for (i = 0; i < npaths; i++)
		if (strcmp(paths[i].path, dir) == 0 &&
		    paths[i].write == write)
			break;
	if (i < npaths || npaths == sizeof(paths) / sizeof(paths[0])) {
		free(dir);
		return;
	}
	paths[npaths].path = dir;
	paths[npaths++].write = write;
}

static void
add_read_path(const char *file, void *arg)
{
	char	 full[4096];

	(void)arg;
	if (realpath(file, full) != NULL)
		add_path(full, 0);
}

static void
parent_sandbox(void)
{
	char	 err[256];

	if (!env.from_env)
		parse_paths(add_read_path, NULL);
	if (env.socket_made)
		add_path(env.socket, 1);
	if (env.uapi_made)
		add_path(env.uapi_path, 1);
	if (sandbox_early(err, sizeof(err)) == -1 ||
	    sandbox_enter(SANDBOX_PARENT, paths, npaths, &env.level, err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	if (env.level.landlock == 0)
		log_warnx("this system has no Landlock: "
		    "file access is limited by seccomp alone");
}

static void __attribute__((noreturn))
run_child(const char *title, int foreground)
{
	log_init(1);
	if (!foreground)
		log_setsink(NULL);
	if (strcmp(title, proc_title(PROC_CRYPTO)) == 0)
		crypto_main(foreground);
	if (strcmp(title, proc_title(PROC_SLIRP)) == 0)
		slirp_main(foreground);
	if (strcmp(title, proc_title(PROC_CONTROL)) == 0)
		control_main(foreground);
	errx(1, "unknown process %s", title);
}

static void
set_socket_path(const char *arg)
{
	char		 buf[sizeof(env.socket) + 1];
	const char	*path = arg;

	if (path == NULL)
		path = ctl_default_path(buf, sizeof(buf));
	if (path == NULL)
		errx(1, "control socket: XDG_RUNTIME_DIR is not set, use -s");
	if (path[0] != '/') {
		char	 cwd[sizeof(env.socket)];

		/* a daemon changes its directory */
		if (getcwd(cwd, sizeof(cwd)) == NULL ||
		    (size_t)snprintf(env.socket, sizeof(env.socket), "%s/%s",
		    cwd, path) >= sizeof(env.socket))
			errx(1, "%s: path too long", path);
	} else if (strlcpy(env.socket, path, sizeof(env.socket)) >=
	    sizeof(env.socket))
		errx(1, "%s: path too long", path);
}

/* Configuration from wherever the options say, or exit. */
static struct config *
read_config(int check_only)
{
	struct config	*conf;
	char		 err[512];

	if (env.from_env) {
		if ((conf = config_env(check_only, err, sizeof(err))) == NULL)
			errx(1, "%s", err);
		return (conf);
	}
	if ((conf = parse_config(env.path, check_only)) == NULL)
		exit(1);
	return (conf);
}

static void
open_sockets(void)
{
	struct listen_given	 given;
	char			 err[512];

	env.control_fd = -1;
	env.activated_udp = listen_activated(&given);
	if (given.nudp > 0) {
		env.listens.n = given.nudp;
		memcpy(env.listens.fd, given.udp, sizeof(given.udp));
		listen_tune(&env.listens, env.conf->offload);
	} else if (listen_open(env.conf, &env.listens, NULL, 0, err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	if (service_open(env.conf, &env.services, NULL, err, sizeof(err)) ==
	    -1)
		fatalx("%s", err);
	if (given.control != -1)
		env.control_fd = given.control;
	else {
		env.control_fd = listen_control(env.socket, err, sizeof(err));
		if (env.control_fd == -1)
			fatalx("%s", err);
		env.socket_made = 1;
	}
	env.uapi_fd = -1;
	if (env.conf->uapi == UAPI_OFF)
		return;
	snprintf(env.uapi_path, sizeof(env.uapi_path), "%s/%s.sock",
	    UAPI_DIR, env.conf->uapi_name);
	if (mkdir(UAPI_DIR, 0755) == -1 && errno != EEXIST) {
		cleanup();
		fatal("uapi interface: %s", UAPI_DIR);
	}
	env.uapi_fd = listen_control(env.uapi_path, err, sizeof(err));
	if (env.uapi_fd == -1) {
		cleanup();
		fatalx("uapi interface: %s", err);
	}
	env.uapi_made = 1;
}

int
main(int argc, char *argv[])
{
	struct timeval	 tv = { HOSTADDR_POLL, 0 };
	const char	*title = NULL, *sock = NULL, *user;
	static const char	 dflt[] = WGSLIRPD_CONF;
	int		 ch, noaction = 0, i;

	env.path = dflt;
	env.argv0 = argv[0];
	while ((ch = getopt(argc, argv, "D:P:def:hns:v")) != -1) {
		switch (ch) {
		case 'D':
			if (cmdline_symset(optarg) == -1)
				errx(1, "-D %s: not macro=value", optarg);
			break;
		case 'P':
			title = optarg;
			break;
		case 'd':
			env.foreground = 1;
			break;
		case 'e':
			env.from_env = 1;
			break;
		case 'f':
			env.path = optarg;
			break;
		case 'h':
			usage();
			return (0);
		case 'n':
			noaction = 1;
			break;
		case 's':
			sock = optarg;
			break;
		case 'v':
			env.verbose_flag++;
			break;
		default:
			usage();
			return (1);
		}
	}
	if (argc != optind) {
		usage();
		return (1);
	}
	if (env.from_env && env.path != dflt) {
		fprintf(stderr, "wgslirpd: -e and -f exclude each other\n");
		return (1);
	}
	if (title != NULL)
		run_child(title, env.foreground);
	log_init(1);
	env.conf = read_config(noaction);
	if (noaction) {
		if (env.verbose_flag)
			print_config(env.conf);
		else
			fprintf(stderr, "configuration OK\n");
		config_wipe(env.conf);
		return (0);
	}
	if (env.verbose_flag)
		env.conf->verbose = 1;
	if ((user = missing_user(env.foreground)) != NULL)
		errx(1, "user %s does not exist", user);
	set_socket_path(sock);
	signal(SIGPIPE, SIG_IGN);
	open_sockets();
	if (!env.foreground) {
		log_init(0);
		/* relative names of key files stay what they are */
		if (daemon(1, 0) == -1)
			fatal("daemon");
	}
	log_procname(proc_title(PROC_PARENT));
	log_setverbose(env.conf->verbose);
	if ((evbase = event_base_new()) == NULL)
		fatalx("event_base_new failed");
	watch_signal(SIGCHLD, sig_child);
	watch_signal(SIGTERM, sig_stop);
	watch_signal(SIGINT, sig_stop);
	watch_signal(SIGHUP, sig_hup);
	atexit(cleanup);
	for (i = PROC_CRYPTO; i < PROC_MAX; i++)
		start_child((enum proc_id)i);
	/* they read none of it before they are locked in */
	connect_children(PROC_CONTROL, PROC_CRYPTO);
	connect_children(PROC_CONTROL, PROC_SLIRP);
	connect_children(PROC_CRYPTO, PROC_SLIRP);
	connect_queues();
	env.poll_ev = event_new(evbase, -1, EV_PERSIST, poll_hostaddrs, NULL);
	if (env.poll_ev == NULL || event_add(env.poll_ev, &tv) == -1)
		fatalx("cannot start a timer");
	parent_sandbox();
	event_base_dispatch(evbase);
	fatalx("event loop ended");
}
