/* SPDX-License-Identifier: ISC */

/*
 * The sockets that the parent opens: WireGuard's and the control socket.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "sockopt.h"
#include "steer.h"

#define ACTIVATED_FD	3	/* first descriptor, by sd_listen_fds(3) */

#define BACKLOG		128

/* A socket of the type (SOCK_DGRAM, SOCK_STREAM), bound; a stream listens. */
static int
bind_socket(int type, const struct ipaddr *addr, uint16_t port)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd, on = 1, save_errno;

	len = sa_make(&ss, addr, port);
	fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	if (addr->af == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
	    sizeof(on)) == -1)
		goto fail;
	/* connections of the one before may still be in TIME-WAIT */
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR,
	    &on, sizeof(on)) == -1)
		goto fail;
	if (bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) == -1))
		goto fail;
	return (fd);
 fail:
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}

int
listen_port_open(int proto, const struct ipaddr *any, uint16_t port)
{
	return (bind_socket(proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM,
	    any, port));
}

/* The same address in an earlier set, whose sockets can be kept; or -1. */
static int
find_old(const struct listen_set *old, const struct ipaddr *addr,
    uint16_t port)
{
	int	 i;

	for (i = 0; old != NULL && i < old->n; i++)
		if (old->port[i] == port &&
		    ipaddr_cmp(&old->addr[i], addr) == 0)
			return (i);
	return (-1);
}

/* The port that the system chose, so that both families have the same. */
static uint16_t
chosen_port(int fd)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return (0);
	return (sa_port((struct sockaddr *)&ss));
}

/* The i-th socket of a set has none beside it. */
void
listen_no_sides(struct listen_set *set, int i)
{
	uint32_t	 w, k;

	for (w = 0; w < MAX_WORKERS; w++)
		for (k = 0; k < STEER_SIDES; k++)
			set->side[i][w][k] = -1;
}

/* The sockets beside a WireGuard socket; what they are for is in steer.h. */
static void
add_sides(struct listen_set *set, int i, const struct conf_global *g)
{
	listen_no_sides(set, i);
	if (steer_open(set->fd[i], &set->addr[i], set->port[i] != 0 ?
	    set->port[i] : chosen_port(set->fd[i]), g->offload, g->workers,
	    set->side[i]) == 0)
		return;
	if (g->workers > 1)
		log_warnx("one socket for all workers, the first reads it: "
		    "%s", strerror(errno));
	else
		log_debug("one socket for handshakes and data: %s",
		    strerror(errno));
}

static int
add_socket(struct listen_set *set, const struct listen_set *old,
    const struct ipaddr *addr, uint16_t port, const struct conf_global *g)
{
	int	 i = set->n, k;

	if (i == MAX_LISTEN) {
		errno = E2BIG;
		return (-1);
	}
	set->addr[i] = *addr;
	set->port[i] = port;
	if ((k = find_old(old, addr, port)) != -1) {
		set->fd[i] = old->fd[k];
		memcpy(set->side[i], old->side[k], sizeof(set->side[i]));
	} else {
		if ((set->fd[i] = bind_socket(SOCK_DGRAM, addr, port)) == -1)
			return (-1);
		sockopt_wireguard(set->fd[i], addr->af == 4 ? AF_INET :
		    AF_INET6, g->offload);
		add_sides(set, i, g);
	}
	set->n++;
	return (0);
}

/*
 * Bind everything that the configuration listens on; sockets of the old
 * set that stay the same are taken over.  On failure (-1, with a reason
 * and errno) only new sockets are closed.
 */
int
listen_open(const struct config *conf, struct listen_set *set,
    const struct listen_set *old, int activated, char *err, size_t errlen)
{
	const struct conf_listen	*l;
	struct listen_set		 copy;
	struct ipaddr			 any4 = { .af = 4 }, any6 = { .af = 6 };
	char				 buf[ADDR_STRLEN];
	int				 r, save_errno;

	if (activated && old != NULL) {
		*set = *old;
		return (0);
	}
	memset(set, 0, sizeof(*set));
	TAILQ_FOREACH(l, &conf->listens, entry) {
		if (l->addr.af != 0)
			r = add_socket(set, old, &l->addr, l->port, &conf->g);
		else {
			r = add_socket(set, old, &any4, l->port, &conf->g);
			/* a host without IPv6 is no error for "*" */
			if (r == 0 && add_socket(set, old, &any6,
			    l->port != 0 ? l->port : chosen_port(
			    set->fd[set->n - 1]), &conf->g) == -1 &&
			    errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
				r = -1;
		}
		if (r == -1) {
			snprintf(err, errlen, "listen on %s: %s",
			    ipport_str(l->addr.af != 0 ? &l->addr : &any4,
			    l->port, buf, sizeof(buf)), strerror(errno));
			save_errno = errno;
			memset(&copy, 0, sizeof(copy));
			if (old != NULL)
				copy = *old;
			listen_close(set, &copy);
			errno = save_errno;
			return (-1);
		}
	}
	return (0);
}

/* The port that the first socket of a set has. */
uint16_t
listen_port(const struct listen_set *set)
{
	return (set->n > 0 ? chosen_port(set->fd[0]) : 0);
}

/* Close the sockets of a set that the other one does not have. */
void
listen_close(struct listen_set *set, const struct listen_set *keep)
{
	int	 i, j, fd;

	for (i = 0; i < set->n; i++) {
		for (j = 0; j < keep->n; j++)
			if (set->fd[i] == keep->fd[j])
				break;
		if (j < keep->n)
			continue;
		close(set->fd[i]);
		/* the last one first: the others keep their places */
		for (j = MAX_WORKERS * STEER_SIDES - 1; j >= 0; j--) {
			fd = set->side[i][j / STEER_SIDES][j % STEER_SIDES];
			if (fd != -1)
				close(fd);
		}
	}
	set->n = 0;
}

static int
add_service(struct service_set *set, const struct service_set *old,
    const struct conf_service *s, const struct ipaddr *addr)
{
	int	 i, fd = -1;

	for (i = 0; old != NULL && i < old->n; i++)
		if (old->v[i].path[0] == '\0' &&
		    old->v[i].proto == s->s.proto &&
		    old->v[i].port == s->s.port &&
		    ipaddr_cmp(&old->v[i].addr, addr) == 0)
			fd = old->v[i].fd;
	if (fd == -1 && (fd = bind_socket(s->s.proto == IPPROTO_TCP ?
	    SOCK_STREAM : SOCK_DGRAM, addr, s->s.port)) == -1)
		return (-1);
	set->v[set->n].path[0] = '\0';
	set->v[set->n].fd = fd;
	set->v[set->n].addr = *addr;
	set->v[set->n].port = s->s.port;
	set->v[set->n].proto = s->s.proto;
	set->v[set->n++].s = s;
	return (0);
}

/* The same by a path.  -1 with a reason. */
static int
add_path(struct service_set *set, const struct service_set *old,
    const struct conf_service *s, char *err, size_t errlen)
{
	int	 i, fd = -1;

	for (i = 0; old != NULL && i < old->n; i++)
		if (strcmp(old->v[i].path, s->path) == 0)
			fd = old->v[i].fd;
	if (fd == -1 && (fd = listen_web(s->path, err, errlen)) == -1)
		return (-1);
	memset(&set->v[set->n], 0, sizeof(set->v[0]));
	set->v[set->n].fd = fd;
	set->v[set->n].proto = s->s.proto;
	strlcpy(set->v[set->n].path, s->path, sizeof(set->v[0].path));
	set->v[set->n++].s = s;
	return (0);
}

/*
 * Bind what the services of a configuration listen on; sockets of the old
 * set that stay the same are taken over.  On failure (-1, with a reason)
 * only new sockets are closed.
 */
int
service_open(const struct config *conf, struct service_set *set,
    const struct service_set *old, char *err, size_t errlen)
{
	static const struct service_set	 none;
	const struct conf_service	*s;
	struct ipaddr			 any4 = { .af = 4 }, any6 = { .af = 6 };
	char				 buf[ADDR_STRLEN];
	int				 r;

	set->n = 0;
	TAILQ_FOREACH(s, &conf->services, entry) {
		if (s->path != NULL) {
			char	 why[256];

			if (add_path(set, old, s, why, sizeof(why)) == 0)
				continue;
			snprintf(err, errlen, "%s:%d: listen on %s", s->file,
			    s->line, why);
			service_close(set, old != NULL ? old : &none);
			return (-1);
		}
		r = add_service(set, old, s, s->s.addr.af != 0 ? &s->s.addr :
		    &any4);
		/* a host without IPv6 is no error for "*" */
		if (r == 0 && s->s.addr.af == 0 && add_service(set, old, s,
		    &any6) == -1 && errno != EAFNOSUPPORT &&
		    errno != EADDRNOTAVAIL)
			r = -1;
		if (r == -1) {
			snprintf(err, errlen, "%s:%d: listen on %s: %s",
			    s->file, s->line, ipport_str(s->s.addr.af != 0 ?
			    &s->s.addr : &any4, s->s.port, buf, sizeof(buf)),
			    strerror(errno));
			service_close(set, old != NULL ? old : &none);
			return (-1);
		}
	}
	return (0);
}

/* Close the sockets of a set that the other one does not have. */
void
service_close(struct service_set *set, const struct service_set *keep)
{
	int	 i, j;

	for (i = 0; i < set->n; i++) {
		for (j = 0; j < keep->n; j++)
			if (set->v[i].fd == keep->v[j].fd)
				break;
		if (j == keep->n)
			close(set->v[i].fd);
	}
	set->n = 0;
}

/*
 * Set the options of sockets that somebody else opened.  Those beside them are
 * taken from old, if that is not NULL and has some.
 */
void
listen_tune(struct listen_set *set, struct listen_set *old,
    const struct conf_global *g)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 i, k, fl;

	for (i = 0; i < set->n; i++) {
		len = sizeof(ss);
		if (getsockname(set->fd[i], (struct sockaddr *)&ss,
		    &len) == -1 || ipaddr_from_sa(&set->addr[i],
		    (struct sockaddr *)&ss) == -1)
			fatalx("a socket that was passed is not usable");
		set->port[i] = sa_port((struct sockaddr *)&ss);
		if ((fl = fcntl(set->fd[i], F_GETFL)) == -1 ||
		    fcntl(set->fd[i], F_SETFL, fl | O_NONBLOCK) == -1)
			fatal("fcntl");
		sockopt_wireguard(set->fd[i], ss.ss_family, g->offload);
		if (old == NULL) {
			if (set->side[i][0][0] == -1)
				add_sides(set, i, g);
			continue;
		}
		k = find_old(old, &set->addr[i], set->port[i]);
		if (k == -1) {
			add_sides(set, i, g);
			continue;
		}
		memcpy(set->side[i], old->side[k], sizeof(set->side[i]));
		listen_no_sides(old, k);
	}
}

static int
is_listening(int fd)
{
	socklen_t	 len = sizeof(int);
	int		 on = 0;

	return (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	    on);
}

/*
 * Take the sockets of a service manager (LISTEN_FDS, LISTEN_PID): a
 * datagram socket is WireGuard's, a stream UNIX socket that listens the
 * control socket.  Returns whether there were WireGuard sockets.
 */
int
listen_activated(struct listen_given *g)
{
	struct sockaddr_storage	 ss;
	const char		*pid, *num, *errstr;
	socklen_t		 len;
	int			 i, n, type;

	memset(g, 0, sizeof(*g));
	g->control = -1;
	pid = getenv("LISTEN_PID");
	num = getenv("LISTEN_FDS");
	if (pid == NULL || num == NULL)
		return (0);
	if (strtonum(pid, 1, INT32_MAX, &errstr) != getpid() ||
	    errstr != NULL)
		return (0);
	n = (int)strtonum(num, 1, MAX_LISTEN, &errstr);
	if (errstr != NULL)
		fatalx("LISTEN_FDS: %s is %s", num, errstr);
	for (i = ACTIVATED_FD; i < ACTIVATED_FD + n; i++) {
		len = sizeof(type);
		if (getsockopt(i, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
			fatal("LISTEN_FDS: descriptor %d", i);
		len = sizeof(ss);
		if (getsockname(i, (struct sockaddr *)&ss, &len) == -1)
			fatal("LISTEN_FDS: descriptor %d", i);
		if (fcntl(i, F_SETFD, FD_CLOEXEC) == -1)
			fatal("LISTEN_FDS: descriptor %d", i);
		if (type == SOCK_DGRAM && (ss.ss_family == AF_INET ||
		    ss.ss_family == AF_INET6))
			g->udp[g->nudp++] = i;
		else if (type == SOCK_STREAM && ss.ss_family == AF_UNIX &&
		    g->control == -1 && is_listening(i)) {
			int	 fl = fcntl(i, F_GETFL);

			if (fl == -1 ||
			    fcntl(i, F_SETFL, fl | O_NONBLOCK) == -1)
				fatal("LISTEN_FDS: descriptor %d", i);
			g->control = i;
		} else
			fatalx("LISTEN_FDS: descriptor %d is neither a UDP "
			    "socket nor a UNIX one that listens", i);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return (g->nudp > 0);
}

/*
 * A UNIX socket, whose mode lacks these bits.  A stale one is replaced; one
 * that answers means that a daemon runs already.
 */
static int
listen_unix(const char *path, mode_t mask, char *err, size_t errlen)
{
	struct sockaddr_un	 sun;
	struct stat		 st;
	mode_t			 old;
	int			 fd, r;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		snprintf(err, errlen, "%s: path too long", path);
		return (-1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		snprintf(err, errlen, "socket: %s", strerror(errno));
		return (-1);
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	    errno == EAGAIN) {
		snprintf(err, errlen, "%s: already in use, is wgslirpd "
		    "running?", path);
		close(fd);
		return (-1);
	}
	/* only a socket is stale; a file is somebody's */
	if (errno == ECONNREFUSED && lstat(path, &st) == 0 &&
	    S_ISSOCK(st.st_mode) && unlink(path) == -1 &&
	    errno != ENOENT) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		close(fd);
		return (-1);
	}
	old = umask(mask);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (r == -1 || listen(fd, 128) == -1) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		close(fd);
		return (-1);
	}
	return (fd);
}

int
listen_control(const char *path, char *err, size_t errlen)
{
	return (listen_unix(path, S_IXUSR | S_IRWXG | S_IRWXO, err, errlen));
}

int
listen_web(const char *path, char *err, size_t errlen)
{
	return (listen_unix(path, S_IXUSR | S_IXGRP | S_IRWXO, err, errlen));
}
