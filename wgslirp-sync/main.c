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

static struct {
	const char	*info;		/* libpq's, or NULL */
	const char	*path;		/* of the file, or NULL */
	char		 gateway[HOST_NAME_MAX + 1];
	mono_t		 interval;
	struct daemon	 daemon;
} sy;

static volatile sig_atomic_t	 quit;

static void
sig_quit(int sig)
{
	(void)sig;
	quit = 1;
}

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

/* Put the peers in place.  -1 if that is to be tried again. */
static int
update(void)
{
	static char	*refused;	/* what the daemon did not like */
	static size_t	 refused_len;
	struct db_rows	*rows;
	const char	*path;
	char		*text, *old;
	size_t		 len, oldlen = 0;
	int		 r;

	/* the quotas need what the daemon has counted */
	if (daemon_ask(&sy.daemon) == -1 || (path = file_path()) == NULL)
		return (-1);
	if (db_usage(sy.gateway, &sy.daemon) == -1 ||
	    (rows = db_peers()) == NULL)
		return (-1);
	text = file_text(rows, &sy.daemon, &len);
	db_rows_free(rows);
	if (refused != NULL && len == refused_len &&
	    memcmp(text, refused, len) == 0) {
		freezero(text, len);
		return (0);
	}
	old = file_read(path, &oldlen);
	if ((r = file_write(path, text, len)) == 1 &&
	    daemon_reload() == -1) {
		log_warnx("the peers are as before");
		if (old != NULL ? file_write(path, old, oldlen) == -1 :
		    unlink(path) == -1)
			log_warn("%s", path);
		if (refused != NULL)
			freezero(refused, refused_len);
		refused = text;
		refused_len = len;
		text = NULL;
	} else if (r == 1)
		log_debug("%s: written", path);
	if (old != NULL)
		freezero(old, oldlen + 1);
	if (text != NULL)
		freezero(text, len);
	return (r == -1 ? -1 : 0);
}

/* Wait for a change, for so long.  1 if there was one, -1 if the end came. */
static int
await(mono_t until)
{
	struct pollfd	 pfd;
	struct timespec	 ts;
	sigset_t	 none;
	mono_t		 now;
	int		 r;

	sigemptyset(&none);
	for (;;) {
		if (quit)
			return (-1);
		now = mono_now();
		if (now >= until)
			return (0);
		ts.tv_sec = (time_t)MONO_TO_SEC(until - now);
		ts.tv_nsec = (long)((until - now) % MONO_SEC(1));
		pfd.fd = db_fd();
		pfd.events = POLLIN;
		/* a signal comes only here */
		r = ppoll(&pfd, 1, &ts, &none);
		if (r == -1 && errno != EINTR)
			fatal("poll");
		if (r > 0 && pfd.fd != -1)
			return (db_changed() == 0 ? 0 : 1);
	}
}

static void
run(void)
{
	mono_t	 retry = RETRY;

	while (!quit) {
		if (db_fd() == -1 && db_open(sy.info) == -1) {
			if (await(mono_now() + retry) == -1)
				break;
			retry = retry * 2 > RETRY_MAX ? RETRY_MAX : retry * 2;
			continue;
		}
		retry = RETRY;
		(void)update();
		if (db_fd() == -1)
			continue;
		if (await(mono_now() + sy.interval) == -1)
			break;
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
	struct sigaction	 sa;
	sigset_t		 set;
	const char		*sock = NULL, *errstr;
	int			 ch, seconds = 5, verbose = 0;

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
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = sig_quit;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigaction(SIGTERM, &sa, NULL) == -1 ||
	    sigaction(SIGINT, &sa, NULL) == -1 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		err(1, "signals");
	signal(SIGPIPE, SIG_IGN);
	log_info("for gateway \"%s\", every %d seconds", sy.gateway, seconds);
	run();
	db_close();
	return (0);
}
