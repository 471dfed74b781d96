/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "handover.h"
#include "log.h"
#include "mono.h"
#include "state.h"

#define SUFFIX		".next"
#define PATIENCE	60		/* seconds for the next one to start */
#define ANSWER		5		/* for the one before to answer */

/* What is said: a socket each, that they were all, that it may end, it does. */
enum {
	NEXT_UDP = 1,
	NEXT_SERVICE,
	NEXT_CONTROL,
	NEXT_UAPI,
	NEXT_DOOR,		/* where this is asked for */
	NEXT_END,
	NEXT_GO,
	NEXT_BYE,
	NEXT_SIDE		/* the first worker's first of enum */
				/* steer_side, of the UDP socket before; the */
				/* others follow */
};
#define NEXT_SIDES	(MAX_WORKERS * STEER_SIDES)

static struct imsgbuf	 ibuf;		/* to the next one, or the one before */
static struct event	*conn_ev;
static int		 connected;
static int		 taken;		/* this one got its sockets that way */
static void		(*ended)(void);

static int
path_of(struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (env.socket[0] == '\0' ||
	    (size_t)snprintf(sun->sun_path, sizeof(sun->sun_path), "%s%s",
	    env.socket, SUFFIX) >= sizeof(sun->sun_path))
		return (-1);
	return (0);
}

static void
hang_up(void)
{
	if (conn_ev != NULL)
		event_free(conn_ev);
	conn_ev = NULL;
	if (connected) {
		close(ibuf.fd);
		imsgbuf_clear(&ibuf);
	}
	connected = 0;
}

/* ---- the one that is there */

/* All of it now, without waiting for who does not read. */
static int
write_all(void)
{
	uint32_t	 left;

	while ((left = imsgbuf_queuelen(&ibuf)) > 0)
		if (imsgbuf_write(&ibuf) == -1 ||
		    imsgbuf_queuelen(&ibuf) == left)
			return (-1);
	return (0);
}

static void
give(uint32_t type, int fd)
{
	if (fd != -1 && imsg_compose(&ibuf, type, 0, 0, children_dup(fd),
	    NULL, 0) == -1)
		fatal("imsg");
}

/* The next one has said something, or is gone. */
static void
next_said(evutil_socket_t fd, short what, void *arg)
{
	struct imsg	 imsg;
	uint32_t	 type;
	int		 n;

	(void)fd;
	(void)arg;
	if (what & EV_TIMEOUT || imsgbuf_read(&ibuf) != 1 ||
	    (n = imsgbuf_get(&ibuf, &imsg)) == -1) {
		hang_up();
		return;
	}
	if (n == 0)
		return;
	type = imsg_get_type(&imsg);
	imsg_free(&imsg);
	if (type != NEXT_GO) {
		hang_up();
		return;
	}
	log_info("another one takes this one's place");
	/* what was made outside is that one's now */
	env.socket_made = env.uapi_made = env.door_made = env.web_made = 0;
	event_del(conn_ev);
	if (imsg_compose(&ibuf, NEXT_BYE, 0, 0, -1, NULL, 0) == -1 ||
	    write_all() == -1)
		log_warnx("the other one does not read");
	children_stop(0);
}

static void
next_came(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 patience = { PATIENCE, 0 };
	uid_t				 uid;
	gid_t				 gid;
	int				 s, i, k;

	(void)what;
	(void)arg;
	s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s == -1)
		return;
	if (connected || !env.started || env.quitting ||
	    getpeereid(s, &uid, &gid) == -1 ||
	    (uid != 0 && uid != geteuid()) || imsgbuf_init(&ibuf, s) == -1) {
		close(s);
		return;
	}
	imsgbuf_allow_fdpass(&ibuf);
	connected = 1;
	for (i = 0; i < env.listens.n; i++) {
		give(NEXT_UDP, env.listens.fd[i]);
		for (k = 0; k < NEXT_SIDES; k++)
			give(NEXT_SIDE + (uint32_t)k, env.listens.side[i]
			    [k / STEER_SIDES][k % STEER_SIDES]);
	}
	for (i = 0; i < env.services.n; i++)
		give(NEXT_SERVICE, env.services.v[i].fd);
	give(NEXT_CONTROL, env.control_kept);
	give(NEXT_UAPI, env.uapi_kept);
	give(NEXT_DOOR, env.door_fd);
	conn_ev = event_new(evbase, s, EV_READ | EV_PERSIST, next_said, NULL);
	/* it all fits, or who asks does not read */
	if (imsg_compose(&ibuf, NEXT_END, 0, 0, -1, NULL, 0) == -1 ||
	    write_all() == -1 || conn_ev == NULL ||
	    event_add(conn_ev, &patience) == -1)
		hang_up();
}

void
handover_listen(void)
{
	struct sockaddr_un	 sun;
	struct event		*ev;
	char			 why[256];

	if (env.door_fd == -1) {
		/* without a control socket of its own nobody takes over */
		if (!env.socket_made || path_of(&sun) == -1)
			return;
		env.door_fd = listen_control(sun.sun_path, why, sizeof(why));
		if (env.door_fd == -1) {
			log_warnx("%s", why);
			return;
		}
		env.door_made = 1;
		strlcpy(env.door, sun.sun_path, sizeof(env.door));
	}
	ev = event_new(evbase, env.door_fd, EV_READ | EV_PERSIST, next_came,
	    NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("cannot wait for another one");
}

/* ---- the one that comes */

/* Where a socket that was given is bound, and what it is. */
static void
add_service(struct service_set *set, int fd)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_un	*sun = (struct sockaddr_un *)&ss;
	socklen_t		 len = sizeof(ss), tlen = sizeof(int);
	int			 type;

	memset(&ss, 0, sizeof(ss));
	if (set->n < 2 * MAX_SERVICES && getsockname(fd,
	    (struct sockaddr *)&ss, &len) == 0 && ss.ss_family == AF_UNIX) {
		set->v[set->n].fd = fd;
		strlcpy(set->v[set->n].path, sun->sun_path,
		    sizeof(set->v[0].path));
		set->n++;
		return;
	}
	len = sizeof(ss);
	if (set->n == 2 * MAX_SERVICES || getsockname(fd,
	    (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(&set->v[set->n].addr, (struct sockaddr *)&ss) ==
	    -1 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &tlen) == -1)
		errx(1, "-R: a socket that was passed is not usable");
	set->v[set->n].fd = fd;
	set->v[set->n].port = sa_port((struct sockaddr *)&ss);
	set->v[set->n].proto = type == SOCK_DGRAM ? IPPROTO_UDP :
	    IPPROTO_TCP;
	set->n++;
}

/* One socket.  1 at the end of them. */
static int
take(struct imsg *imsg, struct listen_set *udp, struct service_set *services)
{
	uint32_t	 type = imsg_get_type(imsg), k;
	int		 fd = imsg_get_fd(imsg);

	if (type == NEXT_END)
		return (1);
	if (fd == -1)
		errx(1, "-R: the daemon that runs is of another version");
	if (type >= NEXT_SIDE && type < NEXT_SIDE + NEXT_SIDES) {
		if (udp->n == 0)
			errx(1, "-R: a socket beside none");
		k = type - NEXT_SIDE;
		udp->side[udp->n - 1][k / STEER_SIDES][k % STEER_SIDES] = fd;
		return (0);
	}
	switch (type) {
	case NEXT_UDP:
		if (udp->n == MAX_LISTEN)
			errx(1, "-R: too many sockets");
		listen_no_sides(udp, udp->n);
		udp->fd[udp->n++] = fd;
		break;
	case NEXT_SERVICE:
		add_service(services, fd);
		break;
	case NEXT_CONTROL:
		env.control_fd = fd;
		break;
	case NEXT_UAPI:
		env.uapi_fd = fd;
		break;
	case NEXT_DOOR:
		env.door_fd = fd;
		break;
	default:
		close(fd);
	}
	return (0);
}

/*
 * The sockets of a group have places, by which the kernel finds them: others
 * would be elsewhere.
 */
static void
same_workers(const struct listen_set *udp, const struct conf_global *g)
{
	uint32_t	 n;
	int		 i;

	for (i = 0; i < udp->n; i++) {
		if (udp->side[i][0][0] == -1)
			continue;
		for (n = 1; n < MAX_WORKERS && udp->side[i][n][0] != -1; n++)
			continue;
		if (n != g->workers)
			errx(1, "-R: workers: takes a stop and a start to "
			    "change");
	}
}

void
handover_take(struct listen_set *udp, struct service_set *services,
    const struct conf_global *g)
{
	struct timeval		 tv = { ANSWER, 0 };
	mono_t			 until = mono_now() + MONO_SEC(ANSWER);
	struct sockaddr_un	 sun;
	struct imsg		 imsg;
	uid_t			 uid;
	gid_t			 gid;
	int			 fd, n, done = 0;

	memset(udp, 0, sizeof(*udp));
	memset(services, 0, sizeof(*services));
	if (path_of(&sun) == -1)
		errx(1, "-R: there is no control socket to meet at");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) ==
	    -1)
		err(1, "-R: %s", sun.sun_path);
	/* it gives what keys and guests depend on */
	if (getpeereid(fd, &uid, &gid) == -1 ||
	    (uid != 0 && uid != geteuid()))
		errx(1, "-R: %s is another user's", sun.sun_path);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (imsgbuf_init(&ibuf, fd) == -1)
		err(1, NULL);
	imsgbuf_allow_fdpass(&ibuf);
	connected = taken = 1;
	while (!done) {
		if ((n = imsgbuf_get(&ibuf, &imsg)) == -1)
			err(1, "-R: %s", sun.sun_path);
		if (n > 0) {
			done = take(&imsg, udp, services);
			imsg_free(&imsg);
		} else if (imsgbuf_read(&ibuf) != 1 || mono_now() > until)
			errx(1, "-R: %s: the daemon that runs does not give "
			    "its place", sun.sun_path);
	}
	strlcpy(env.door, sun.sun_path, sizeof(env.door));
	same_workers(udp, g);
	listen_tune(udp, NULL, g);
}

/* It says that it ends, and has when the connection is closed. */
static void
gone(evutil_socket_t fd, short what, void *arg)
{
	static int	 bye;
	struct imsg	 imsg;

	(void)fd;
	(void)what;
	(void)arg;
	if (imsgbuf_read(&ibuf) == 1) {
		while (imsgbuf_get(&ibuf, &imsg) > 0) {
			bye = imsg_get_type(&imsg) == NEXT_BYE;
			imsg_free(&imsg);
		}
		return;
	}
	hang_up();
	/* two may not read the same sockets */
	if (!bye)
		fatalx("-R: the daemon that ran did not give its place");
	taken = 0;
	env.socket_made = env.door_made = 1;
	env.uapi_made = env.uapi_path[0] != '\0';
	env.web_made = env.web_path[0] != '\0';
	log_info("this one has taken its place");
	ended();
}

int
handover_wait(void (*fn)(void))
{
	if (!taken)
		return (0);
	ended = fn;
	conn_ev = event_new(evbase, ibuf.fd, EV_READ | EV_PERSIST, gone,
	    NULL);
	if (conn_ev == NULL || event_add(conn_ev, NULL) == -1 ||
	    imsg_compose(&ibuf, NEXT_GO, 0, 0, -1, NULL, 0) == -1 ||
	    imsgbuf_flush(&ibuf) == -1)
		fatal("the one before");
	return (1);
}

int
handover_is_at(int fd, const char *path)
{
	struct sockaddr_un	 sun;
	socklen_t		 len = sizeof(sun);

	memset(&sun, 0, sizeof(sun));
	return (getsockname(fd, (struct sockaddr *)&sun, &len) == 0 &&
	    strncmp(sun.sun_path, path, sizeof(sun.sun_path)) == 0);
}
