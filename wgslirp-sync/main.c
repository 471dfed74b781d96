/* SPDX-License-Identifier: ISC */

/*
 * Peers of a gateway from PostgreSQL, and what they use back to it.  Knows no
 * private key; has the daemon read what was written, and takes it back if the
 * daemon does not like it.
 */

#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "db.h"
#include "file.h"
#include "log.h"
#include "mono.h"

#define FILE_NAME	"wgslirp-sync.conf"
#define RETRY		MONO_SEC(1)	/* without a database, at first */
#define RETRY_MAX	MONO_SEC(30)
#define AGAIN		MONO_SEC(10)	/* what was refused is tried */

static struct {
	const char	*info;		/* libpq's, or NULL */
	const char	*path;		/* of the file, or NULL */
	char		 gateway[HOST_NAME_MAX + 1];
	mono_t		 interval;
	struct daemon	 daemon;
} sy;

/* The file's path, or NULL: the daemon has no folder for it. */
static const char *
file_path(void)
{
	static char	 path[CTL_PATH_LEN];
	static int	 told;

	if (sy.path != NULL)
		return (sy.path);
	if (sy.daemon.peers_dir[0] == '\0' || (size_t)snprintf(path,
	    sizeof(path), "%s/%s", sy.daemon.peers_dir, FILE_NAME) >=
	    sizeof(path)) {
		if (!told++)
			log_warnx("the daemon includes no folder: it needs "
			    "include \"peers.d/*.conf\", or this -f");
		return (NULL);
	}
	return (path);
}

/* What the daemon did not like, and when that was. */
static struct {
	char	*text;
	size_t	 len;
	mono_t	 when;
} refused;

/* A text is written, but nobody knows whether the daemon has read it. */
static int	 pending;

/*
 * Write the text and have the daemon read it.  One that it refuses is taken
 * back, for with it the daemon would not start again.  -1 if it is to be tried
 * again.
 */
static int
put(const char *path, const char *text, size_t len)
{
	char	*old;
	size_t	 oldlen = 0;
	int	 r;

	old = file_read(path, &oldlen);
	if ((r = file_write(path, text, len)) == 1 || (r == 0 && pending)) {
		pending = 1;
		if ((r = daemon_reload()) != -1)
			pending = 0;
		if (r == 1) {
			if (refused.text == NULL)
				log_warnx("peers are as before; those that were "
				    "taken away are still there");
			if (old != NULL ? file_write(path, old, oldlen) ==
			    -1 : unlink(path) == -1)
				log_warn("%s", path);
		}
	}
	if (old != NULL)
		freezero(old, oldlen + 1);
	return (r);
}

/* Put the peers in place.  -1 if that is to be tried again. */
static int
update(void)
{
	struct db_rows	*rows;
	sigset_t	 set, before;
	const char	*path;
	char		*text;
	size_t		 len;
	int		 r;

	/* the quotas need what the daemon has counted */
	if (daemon_ask(&sy.daemon) == -1 || (path = file_path()) == NULL)
		return (-1);
	if (db_usage(sy.gateway, &sy.daemon) == -1 ||
	    (rows = db_peers()) == NULL)
		return (-1);
	db_well();
	text = file_text(rows, &sy.daemon, &len);
	db_rows_free(rows);
	if (refused.text != NULL && len == refused.len &&
	    memcmp(text, refused.text, len) == 0 &&
	    mono_now() - refused.when < AGAIN) {
		freezero(text, len);
		return (0);
	}
	/* not half of it */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &before);
	r = put(path, text, len);
	if (r == 1) {
		if (refused.text != NULL)
			freezero(refused.text, refused.len);
		refused.text = text;
		refused.len = len;
		refused.when = mono_now();
	} else {
		if (r == 0 && refused.text != NULL) {
			log_info("the daemon takes the peers again");
			freezero(refused.text, refused.len);
			refused.text = NULL;
		}
		freezero(text, len);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return (r == -1 ? -1 : 0);
}

/* Wait for a change, but no longer than until then. */
static void
await(mono_t until)
{
	struct pollfd	 pfd;
	mono_t		 now;
	int		 r;

	while ((now = mono_now()) < until) {
		pfd.fd = db_fd();
		pfd.events = POLLIN;
		r = poll(&pfd, 1, (int)MONO_TO_MS(until - now) + 1);
		if (r == -1 && errno != EINTR)
			fatal("poll");
		/* a connection that is lost is made again when it is time */
		if (r > 0 && db_changed() == 1)
			return;
	}
}

static __attribute__((noreturn)) void
run(void)
{
	mono_t	 retry = RETRY;

	for (;;) {
		if (db_fd() == -1)
			(void)db_open(sy.info, sy.gateway);
		if (db_fd() != -1 && update() == 0)
			retry = RETRY;
		if (db_fd() != -1) {
			await(mono_now() + sy.interval);
			continue;
		}
		await(mono_now() + retry);
		retry = retry * 2 > RETRY_MAX ? RETRY_MAX : retry * 2;
	}
}

static __attribute__((noreturn)) void
usage(void)
{
	fprintf(stderr, "usage: wgslirp-sync [-v] [-c conninfo] [-f file] "
	    "[-g gateway] [-i seconds]\n\t[-s socket]\n");
	exit(1);
}

int
main(int argc, char *argv[])
{
	const char	*sock = NULL, *errstr;
	int		 ch, seconds = 5, verbose = 0;

	if (gethostname(sy.gateway, sizeof(sy.gateway) - 1) == -1)
		err(1, "gethostname");
	while ((ch = getopt(argc, argv, "c:f:g:i:s:v")) != -1) {
		switch (ch) {
		case 'c':
			sy.info = optarg;
			break;
		case 'f':
			sy.path = optarg;
			break;
		case 'g':
			if (*optarg == '\0' || strlcpy(sy.gateway, optarg,
			    sizeof(sy.gateway)) >= sizeof(sy.gateway))
				errx(1, "-g: not a name");
			break;
		case 'i':
			seconds = (int)strtonum(optarg, 1, 3600, &errstr);
			if (errstr != NULL)
				errx(1, "-i %s: %s", optarg, errstr);
			break;
		case 's':
			sock = optarg;
			break;
		case 'v':
			verbose = 1;
			break;
		default:
			usage();
		}
	}
	if (argc > optind)
		usage();
	umask(077);
	log_init(1);
	log_procname("sync");
	log_setverbose(verbose);
	sy.interval = MONO_SEC(seconds);
	daemon_init(sock);
	signal(SIGPIPE, SIG_IGN);
	log_info("for gateway \"%s\", every %d seconds", sy.gateway, seconds);
	run();
}
