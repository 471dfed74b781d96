/* SPDX-License-Identifier: ISC */

/*
 * What every process needs: pipes with events, and the steps that a child
 * takes before it reads anything.
 */

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "proc.h"

struct event_base		*evbase;

static enum proc_id		 self = PROC_PARENT;
static uint32_t			 worker;
static struct imsgev		*log_pipe;
static int			 log_busy;

/* By slot; workers are numbered from 1 where people see it. */
#define WORKER(n)	"crypto " n, "slirp " n
static const char *const	 titles[PROC_SLOTS] = {
	"parent", "crypto", "slirp", "control", "derp", "web", "files",
	WORKER("2"), WORKER("3"), WORKER("4"), WORKER("5"), WORKER("6"),
	WORKER("7"), WORKER("8")
};

const char *
proc_title(int slot)
{
	return (slot >= 0 && slot < PROC_SLOTS ? titles[slot] : "?");
}

/* The slot of a process, or -1. */
int
proc_by_title(const char *title)
{
	int	 i;

	for (i = 0; i < PROC_SLOTS; i++)
		if (strcmp(title, titles[i]) == 0)
			return (i);
	return (-1);
}

/* What this process is, where child_init() does not say it. */
void
proc_is(enum proc_id id)
{
	self = id;
}

/* Which worker this process is of, before child_init(). */
void
proc_set_worker(uint32_t n)
{
	worker = n;
}

uint32_t
proc_worker(void)
{
	return (worker);
}

/* What a sibling sends fits its line in the list, or it ends this process. */
static void
check_imsg(const struct imsgev *iev, struct imsg *imsg)
{
	const char	*wrong;
	uint32_t	 type = imsg_get_type(imsg);

	wrong = msg_wrong(iev->peer, self, type, imsg_get_len(imsg),
	    ibuf_fd_avail(imsg->buf));
	if (wrong != NULL)
		fatalx("%s sent message %u (%s), %s", proc_title(iev->slot),
		    type, msg_name(type), wrong);
}

static void
imsgev_dispatch(evutil_socket_t fd, short what, void *arg)
{
	struct imsgev	*iev = arg;
	struct imsg	 imsg;
	int		 n = 1, r;

	(void)fd;
	if (what & EV_WRITE) {
		if (imsgbuf_write(&iev->ibuf) == -1) {
			iev->fn(iev, NULL);
			return;
		}
	}
	if (what & EV_READ && !imsgev_over(iev)) {
		n = imsgbuf_read(&iev->ibuf);
		if (n == -1 && errno == EBADMSG)
			fatalx("%s sent bad descriptors",
			    proc_title(iev->slot));
	}
	/* some may have been left when the bound was reached */
	while (iev->ev != NULL && !imsgev_over(iev)) {
		if ((r = imsgbuf_get(&iev->ibuf, &imsg)) == -1)
			fatalx("%s sent a malformed message",
			    proc_title(iev->slot));
		if (r == 0)
			break;
		check_imsg(iev, &imsg);
		iev->fn(iev, &imsg);
		imsg_free(&imsg);
	}
	if (n <= 0 && iev->ev != NULL) {
		iev->fn(iev, NULL);
		return;
	}
	imsgev_arm(iev);
}

/*
 * Is so much queued for the other side that nothing more is taken from it?
 * What it asks for would have to be kept here.
 */
int
imsgev_over(struct imsgev *iev)
{
	return (iev->bound != 0 &&
	    imsgbuf_queuelen(&iev->ibuf) >= iev->bound);
}

/*
 * Take nothing from a pipe while so many messages are queued for it.  Never
 * on both ends of one pipe: both would wait for the other for good.
 */
void
imsgev_bound(struct imsgev *iev, uint32_t bound)
{
	iev->bound = bound;
}

/* Watch a pipe; fn gets each message, and NULL when the pipe closed. */
int
imsgev_init(struct imsgev *iev, int fd, int slot, imsgev_fn *fn, void *arg)
{
	memset(iev, 0, sizeof(*iev));
	if (imsgbuf_init(&iev->ibuf, fd) == -1)
		return (-1);
	imsgbuf_allow_fdpass(&iev->ibuf);
	iev->fn = fn;
	iev->peer = slot_proc(slot);
	iev->slot = slot;
	iev->arg = arg;
	iev->ev = event_new(evbase, fd, EV_READ | EV_PERSIST,
	    imsgev_dispatch, iev);
	if (iev->ev == NULL) {
		imsgbuf_clear(&iev->ibuf);
		return (-1);
	}
	iev->events = EV_READ;
	return (event_add(iev->ev, NULL));
}

void
imsgev_clear(struct imsgev *iev)
{
	if (iev->ev == NULL)
		return;
	event_free(iev->ev);
	iev->ev = NULL;
	close(iev->ibuf.fd);
	imsgbuf_clear(&iev->ibuf);
}

/* Watch for room in the pipe as long as something is queued. */
void
imsgev_arm(struct imsgev *iev)
{
	short	 want = imsgev_over(iev) ? 0 : EV_READ;

	if (iev->ev == NULL)
		return;
	if (imsgbuf_queuelen(&iev->ibuf) > 0)
		want |= EV_WRITE;
	if (want == iev->events)
		return;
	event_del(iev->ev);
	event_assign(iev->ev, evbase, iev->ibuf.fd, want | EV_PERSIST,
	    imsgev_dispatch, iev);
	event_add(iev->ev, NULL);
	iev->events = want;
}

/* Queue a message; fd is closed once it was sent.  -1 if it cannot be. */
int
imsgev_send(struct imsgev *iev, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (iev->ev == NULL)
		return (-1);
	if (imsg_compose(&iev->ibuf, type, id, 0, fd, data, len) == -1)
		return (-1);
	imsgev_arm(iev);
	return (0);
}

/* The same for messages without which the daemon cannot go on. */
void
imsgev_must(struct imsgev *iev, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (imsgev_send(iev, type, id, fd, data, len) == -1)
		fatal("cannot send to %s", proc_title(iev->slot));
}

/* Take a payload of exactly this length; a sibling's other is fatal. */
int
imsg_is(struct imsg *imsg, void *data, size_t len)
{
	if (imsg_get_data(imsg, data, len) == -1)
		fatalx("message %u has a wrong length", imsg_get_type(imsg));
	return (1);
}

int
imsg_take_fd(struct imsg *imsg)
{
	int	 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		fatalx("message %u lacks its descriptor",
		    imsg_get_type(imsg));
	return (fd);
}

/* A message that the sender may send, but not now, or not like this. */
void
bad_imsg(const char *from, uint32_t type)
{
	fatalx("%s sent message %u (%s) at a wrong time or with a wrong "
	    "content", from, type, msg_name(type));
}

/* A daemon's child logs through the parent. */
static void
log_to_parent(int pri, const char *line)
{
	struct imsg_log	 m;

	if (log_busy || log_pipe == NULL)
		return;
	/* a flood of lines does not take the memory */
	if (imsgbuf_queuelen(&log_pipe->ibuf) >= PROC_BACKLOG &&
	    pri > LOG_CRIT)
		return;
	log_busy = 1;
	memset(&m, 0, sizeof(m));
	m.pri = pri;
	strlcpy(m.line, line, sizeof(m.line));
	imsgev_send(log_pipe, IMSG_LOG, 0, -1, &m, sizeof(m));
	if (pri <= LOG_CRIT)
		imsgbuf_flush(&log_pipe->ibuf);
	log_busy = 0;
}

/* Whom root becomes; the fallback is for trying things out. */
static const char *
drop_user(int foreground)
{
	if (getpwnam(WGSLIRPD_USER) != NULL || !foreground)
		return (WGSLIRPD_USER);
	return (WGSLIRPD_FALLBACK_USER);
}

/* Returns the user that is missing, or NULL. */
const char *
missing_user(int foreground)
{
	const char	*user = drop_user(foreground);

	return (geteuid() == 0 && getpwnam(user) == NULL ? user : NULL);
}

/* What libevent has to say; some of it depends on the network. */
static void
log_libevent(int severity, const char *msg)
{
	static struct log_limit	 limit;

	if (severity < EVENT_LOG_WARN)
		log_debug("libevent: %s", msg);
	else if (log_allow(&limit, mono_now()))
		log_warnx("libevent: %s", msg);
}

void
proc_raise_nofile(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("setrlimit");
}

/*
 * Whatever makes a child keep things, it does not take the host's memory;
 * the packet queues and what the kernel keeps are not in this.
 */
static void
limit_memory(enum proc_id id)
{
	static const rlim_t	 mib[PROC_MAX] = {
		[PROC_CRYPTO] = 1024,
		[PROC_SLIRP] = 4096,
		[PROC_CONTROL] = 256,
		[PROC_DERP] = 512,
		[PROC_WEB] = 512,
		[PROC_FILES] = 256
	};
	struct rlimit		 rl;

	rl.rlim_cur = rl.rlim_max = mib[id] << 20;
	if (mib[id] != 0 && setrlimit(RLIMIT_DATA, &rl) == -1)
		log_warn("setrlimit");
}

/*
 * First steps of a child: not dumpable, no new privileges, its events.
 */
void
child_init(enum proc_id id, int foreground, struct imsgev *parent,
    imsgev_fn *fn)
{
	char	 err[256];

	self = id;
	log_procname(proc_title(proc_slot(id, worker)));
	if (sandbox_early(err, sizeof(err)) == -1)
		fatalx("%s", err);
	if (id == PROC_SLIRP || id == PROC_CONTROL || id == PROC_WEB)
		proc_raise_nofile();
	limit_memory(id);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	event_set_log_callback(log_libevent);
	if ((evbase = event_base_new()) == NULL)
		fatalx("event_base_new failed");
	if (imsgev_init(parent, PROC_PARENT_FD, PROC_PARENT, fn, NULL) == -1)
		fatal("pipe to the parent");
	if (!foreground) {
		log_pipe = parent;
		log_setsink(log_to_parent);
	}
}

/*
 * Started as root: another user and root directory.  What has to be read
 * from the system's files was read before.
 */
void
child_drop(int foreground)
{
	char	 err[256];

	if (sandbox_drop(drop_user(foreground), err, sizeof(err)) == -1)
		fatalx("%s", err);
}

/* Last step: lock the door, then tell the parent. */
void
child_ready(struct imsgev *parent, enum sandbox_role role)
{
	struct sandbox_level	 level;
	char			 err[256];

	static const struct sandbox_path	 here = { ".", SANDBOX_EDIT };

	if (sandbox_enter(role, &here, role == SANDBOX_FILES, &level, err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	imsgev_must(parent, IMSG_READY, 0, -1, &level, sizeof(level));
}

/* The parent has sent one end of a pipe: to one of these n siblings. */
void
child_pipe(struct imsg *imsg, const struct sibling *s, size_t n)
{
	struct imsgev	*iev = NULL;
	uint32_t	 slot;
	size_t		 i;
	int		 fd;

	imsg_is(imsg, &slot, sizeof(slot));
	fd = imsg_take_fd(imsg);
	for (i = 0; slot < PROC_SLOTS && i < n; i++)
		if (s[i].who == slot_proc((int)slot)) {
			iev = s[i].iev;
			if (s[i].all)
				iev += slot_worker((int)slot);
			break;
		}
	if (iev == NULL || iev->ev != NULL ||
	    imsgev_init(iev, fd, (int)slot, s[i].fn, NULL) == -1)
		fatalx("bad pipe");
	imsgev_bound(iev, s[i].bound);
}

/*
 * Accept a client, -1 if there is none.  Out of descriptors, the listening
 * event rests for a second, after which the timer adds it again.
 */
int
accept_or_pause(int fd, struct event *ev, struct event *timer)
{
	struct timeval	 tv = { 1, 0 };
	int		 s;

	s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s == -1 && (errno == EMFILE || errno == ENFILE)) {
		event_del(ev);
		event_add(timer, &tv);
	}
	return (s);
}

/* What every child understands from the parent. */
void
child_common(struct imsgev *parent, struct imsg *imsg)
{
	int	 v;

	switch (imsg_get_type(imsg)) {
	case IMSG_VERBOSE:
		imsg_is(imsg, &v, sizeof(v));
		log_setverbose(v);
		break;
	case IMSG_CONF_END:
		/* whoever has more to do for it, does that itself */
		imsgev_must(parent, IMSG_STAGED, 0, -1, NULL, 0);
		break;
	case IMSG_PING:
		imsgev_must(parent, IMSG_PONG, 0, -1, NULL, 0);
		break;
	default:
		bad_imsg(proc_title(parent->slot), imsg_get_type(imsg));
	}
}
