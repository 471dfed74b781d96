/* SPDX-License-Identifier: ISC */

/* The connection to the daemon's control socket. */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"

static struct imsgbuf	 ibuf;
static int		 patience;

/* -1 with errno */
static int
try(const char *path)
{
	struct sockaddr_un	 sun;
	int			 fd, save_errno;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}

void
conn_open(const char *path)
{
	char	 buf[1024], user[64];
	int	 fd = -1, asked = path != NULL;

	if (path == NULL && (path = ctl_default_path(buf, sizeof(buf))) ==
	    NULL)
		path = CTL_SYSTEM_PATH;
	if ((fd = try(path)) == -1 && !asked &&
	    getenv("WGSLIRPD_SOCKET") == NULL && geteuid() != 0) {
		/* its own daemon, and then the system's */
		snprintf(user, sizeof(user), "/run/user/%u/wgslirpd.sock",
		    (unsigned int)geteuid());
		if ((fd = try(user)) == -1)
			fd = try(CTL_SYSTEM_PATH);
	}
	if (fd == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			errx(1, "%s: no daemon answers there: is wgslirpd "
			    "running?", path);
		err(1, "%s", path);
	}
	if (imsgbuf_init(&ibuf, fd) == -1)
		err(1, NULL);
}

void
conn_patience(int seconds)
{
	struct timeval	 tv = { seconds, 0 };

	patience = seconds;
	(void)setsockopt(ibuf.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(ibuf.fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

uid_t
conn_owner(void)
{
	uid_t	 uid;
	gid_t	 gid;

	if (getpeereid(ibuf.fd, &uid, &gid) == -1)
		err(1, "control socket");
	return (uid);
}

void
conn_get(struct imsg *imsg, void *data, size_t len)
{
	if (imsg_get_data(imsg, data, len) == -1)
		errx(1, "the daemon is of another version");
}

static void
next(struct imsg *imsg)
{
	struct timespec	 begin, now;
	int		 n;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		if ((n = imsgbuf_get(&ibuf, imsg)) == -1)
			err(1, "control socket");
		if (n > 0)
			return;
		/* a read that was given up looks like one without news */
		n = imsgbuf_read(&ibuf);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (patience > 0 && now.tv_sec - begin.tv_sec >= patience)
			errx(1, "no answer within %d seconds", patience);
		if (n == -1)
			err(1, "control socket");
		if (n == 0)
			errx(1, "the daemon closed the connection");
	}
}

const char *
conn_ask(uint32_t type, uint64_t arg, const char *name, conn_fn *fn,
    void *data)
{
	static char		 text[CTL_TEXT_LEN];
	struct ctl_request	 req;
	struct imsg		 imsg;
	uint32_t		 what;
	int			 done = 0;

	memset(&req, 0, sizeof(req));
	req.arg = arg;
	if (name != NULL && strlcpy(req.name, name, sizeof(req.name)) >=
	    sizeof(req.name)) {
		snprintf(text, sizeof(text), "no peer \"%.64s...\"", name);
		return (text);
	}
	if (imsg_compose(&ibuf, type, 0, 0, -1, &req, sizeof(req)) == -1 ||
	    imsgbuf_flush(&ibuf) == -1)
		err(1, "control socket");
	while (!done) {
		next(&imsg);
		what = imsg_get_type(&imsg);
		if (what == CTL_FAIL) {
			conn_get(&imsg, text, sizeof(text));
			text[sizeof(text) - 1] = '\0';
			imsg_free(&imsg);
			return (text);
		}
		if (fn != NULL)
			done = fn(what, &imsg, data);
		if (what == CTL_END || what == CTL_OK)
			done = 1;
		imsg_free(&imsg);
	}
	return (NULL);
}

void
conn_must(uint32_t type, uint64_t arg, const char *name, conn_fn *fn,
    void *data)
{
	const char	*e;

	if ((e = conn_ask(type, arg, name, fn, data)) != NULL)
		errx(1, "%s", e);
}
