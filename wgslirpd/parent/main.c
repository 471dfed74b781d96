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

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "check.h"
#include "children.h"
#include "derp.h"
#include "env.h"
#include "grammar.h"
#include "handover.h"
#include "lex.h"
#include "listen.h"
#include "localaddrs.h"
#include "log.h"
#include "notify.h"
#include "place.h"
#include "ports.h"
#include "print.h"
#include "proc.h"
#include "reload.h"
#include "self.h"
#include "send.h"
#include "show.h"
#include "state.h"
#include "watch.h"
#include "watchdog.h"
#include "web.h"
#include "wgset.h"

#define HOSTADDR_RETRY	30	/* seconds, whoever tells of changes */
#define HOSTADDR_AGAIN	100000	/* microseconds between two looks */

static void
usage(void)
{
	fprintf(stderr, "usage: wgslirpd [-dehnRv] [-D macro=value] "
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
	if (env.door_made)
		unlink(env.door);
	if (env.web_made)
		unlink(env.web_path);
	env.socket_made = env.uapi_made = env.door_made = env.web_made = 0;
	children_kill();
}

static void
sig_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	children_stop(0);
}

static void
sig_hup(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	if (env.started || env.committing)
		reload();
}

static void
poll_hostaddrs(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { HOSTADDR_RETRY, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	/* before that they are sent with the configuration */
	if (!env.started || children_busy() ||
	    config_send_hostaddrs() == -1)
		tv.tv_sec = 1;
	event_add(env.poll_ev, &tv);
}

/* Addresses may have changed: look at once, but not all the time. */
static void
hostaddrs_changed(evutil_socket_t fd, short what, void *arg)
{
	static mono_t	 looked;
	struct timeval	 tv = { 0, HOSTADDR_AGAIN };
	mono_t		 now = mono_now();

	(void)what;
	(void)arg;
	localaddrs_drain(fd);
	if (now - looked >= MONO_US(HOSTADDR_AGAIN)) {
		looked = now;
		poll_hostaddrs(-1, 0, NULL);
	}
	/* and once more when it has become quiet */
	event_add(env.poll_ev, &tv);
}

static void
watch_hostaddrs(void)
{
	struct timeval	 tv = { HOSTADDR_RETRY, 0 };
	struct event	*ev;
	int		 fd = localaddrs_open();

	env.poll_ev = evtimer_new(evbase, poll_hostaddrs, NULL);
	if (env.poll_ev == NULL || event_add(env.poll_ev, &tv) == -1)
		fatalx("cannot start a timer");
	if (fd == -1)
		return;
	ev = event_new(evbase, fd, EV_READ | EV_PERSIST, hostaddrs_changed,
	    NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("cannot watch for addresses");
}

static void
count_child(int *flag, void (*all)(void), size_t off)
{
	int	 i;

	*flag = 1;
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		if (env.child[i].on &&
		    *(int *)((char *)&env.child[i] + off) == 0)
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
		if (env.reload_id != 0 ||
		    (!env.started && !env.committing)) {
			char	 busy[CTL_TEXT_LEN] = "a reload is under way";

			imsgev_must(&env.child[PROC_CONTROL].iev, CTL_FAIL,
			    imsg_get_id(imsg), -1, busy, sizeof(busy));
			break;
		}
		env.reload_id = (int)imsg_get_id(imsg);
		reload();
		break;
	case CTL_SHOW_INTERFACES:
		show_interfaces(imsg_get_id(imsg), &req);
		break;
	case CTL_SHOW_SETUP:
		show_setup(imsg_get_id(imsg));
		break;
	case CTL_LOG:
		v = req.arg != 0;
		if (children_busy()) {
			char	 busy[CTL_TEXT_LEN] = "a process does not "
				    "listen";

			imsgev_must(&env.child[PROC_CONTROL].iev, CTL_FAIL,
			    imsg_get_id(imsg), -1, busy, sizeof(busy));
			break;
		}
		log_setverbose(v);
		children_send(IMSG_VERBOSE, &v, sizeof(v));
		imsgev_must(&env.child[PROC_CONTROL].iev, CTL_OK,
		    imsg_get_id(imsg), -1, NULL, 0);
		break;
	}
}

static void
parent_dispatch(struct imsgev *iev, struct imsg *imsg)
{
	struct child	*c = &env.child[iev->slot];
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
			bad_imsg(proc_title(iev->slot), IMSG_READY);
		imsg_is(imsg, &c->level, sizeof(c->level));
		count_child(&c->ready, reload_ready,
		    offsetof(struct child, ready));
		break;
	case IMSG_STAGED:
		if (c->staged || !c->ready)
			bad_imsg(proc_title(iev->slot), IMSG_STAGED);
		count_child(&c->staged, reload_staged,
		    offsetof(struct child, staged));
		break;
	case IMSG_COMMITTED:
		if (c->committed || !env.committing)
			bad_imsg(proc_title(iev->slot), IMSG_COMMITTED);
		count_child(&c->committed, reload_committed,
		    offsetof(struct child, committed));
		break;
	case IMSG_PONG:
		if (c->alive)
			bad_imsg(proc_title(iev->slot), IMSG_PONG);
		count_child(&c->alive, watchdog_alive,
		    offsetof(struct child, alive));
		break;
	case IMSG_PORT_ASK:
		ports_ask(iev, imsg);
		break;
	case IMSG_PORT_GIVE:
		ports_give(iev, imsg);
		break;
	case IMSG_STEER:
		reload_steer(imsg, slot_worker(iev->slot));
		break;
	case IMSG_LOG:
		imsg_is(imsg, &m, sizeof(m));
		m.line[sizeof(m.line) - 1] = '\0';
		log_clean(m.line);
		log_write(m.pri & LOG_PRIMASK, m.line);
		break;
	case CTL_RELOAD:
	case CTL_LOG:
	case CTL_SHOW_INTERFACES:
	case CTL_SHOW_SETUP:
		parent_control(imsg);
		break;
	case IMSG_SET_BEGIN:
	case IMSG_SET_PEER:
	case IMSG_SET_AIP:
	case IMSG_SET_END:
		if ((!env.started && !env.committing) ||
		    env.uapi_path[0] == '\0')
			bad_imsg(proc_title(iev->slot), imsg_get_type(imsg));
		change_msg(imsg);
		break;
	case IMSG_SET_DONE:
		if (env.set_sent == 0 || c->changed)
			bad_imsg(proc_title(iev->slot), imsg_get_type(imsg));
		imsg_is(imsg, &done, sizeof(done));
		if (done.naips > env.naips || env.set_sent == env.workers)
			env.naips = done.naips;
		c->changed = 1;
		if (--env.set_sent == 0)
			change_done(done.error);
		break;
	default:
		bad_imsg(proc_title(iev->slot), imsg_get_type(imsg));
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
add_path(const char *file, int how)
{
	char	*dir, *slash;
	size_t	 i;

	if (file[0] != '/' || (dir = strdup(file)) == NULL)
		return;
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	for (i = 0; i < npaths; i++)
		if (strcmp(paths[i].path, dir) == 0 &&
		    (int)paths[i].how == how)
			break;
	if (i < npaths || npaths == sizeof(paths) / sizeof(paths[0])) {
		free(dir);
		return;
	}
	paths[npaths].path = dir;
	paths[npaths++].how = how;
}

static void
add_read_path(const char *file, void *arg)
{
	char	 full[4096];

	(void)arg;
	if (realpath(file, full) != NULL)
		add_path(full, SANDBOX_READ);
	/* a link may lead elsewhere tomorrow: it is read where it is */
	add_path(file, SANDBOX_READ);
}

static void
parent_sandbox(void)
{
	char	 err[256];

	notify_open();
	watchdog_open();
	if (!env.from_env)
		lex_paths(add_read_path, NULL);
	if (env.socket_made || env.replace)
		add_path(env.socket, SANDBOX_SOCKET);
	if (env.uapi_made || (env.replace && env.uapi_path[0] != '\0'))
		add_path(env.uapi_path, SANDBOX_SOCKET);
	if (env.web_path[0] != '\0')
		add_path(env.web_path, SANDBOX_SOCKET);
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
	int	 slot;

	log_init(1);
	if (!foreground)
		log_setsink(NULL);
	if ((slot = proc_by_title(title)) == -1)
		errx(1, "unknown process %s", title);
	proc_set_worker(slot_worker(slot));
	switch (slot_proc(slot)) {
	case PROC_CRYPTO:
		crypto_main(foreground);
	case PROC_SLIRP:
		slirp_main(foreground);
	case PROC_CONTROL:
		control_main(foreground);
	case PROC_DERP:
		derp_main(foreground);
	case PROC_WEB:
		web_main(foreground);
	case PROC_FILES:
		files_main(foreground);
	default:
		break;
	}
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
		return;		/* a service manager may have one for us */
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
	static struct service_set	 old_services;
	static struct listen_set	 old;
	struct listen_given	 given;
	char			 err[512];
	int			 i;

	env.control_fd = env.uapi_fd = env.door_fd = -1;
	env.control_kept = env.uapi_kept = -1;
	if (env.replace)
		handover_take(&old, &old_services, &env.conf->g);
	env.activated_udp = listen_activated(&given);
	if (given.nudp > 0) {
		env.listens.n = given.nudp;
		memcpy(env.listens.fd, given.udp, sizeof(given.udp));
		listen_tune(&env.listens, &old, &env.conf->g);
	} else if (listen_open(env.conf, &env.listens, &old, 0, err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	if (service_open(env.conf, &env.services, &old_services, err,
	    sizeof(err)) == -1)
		fatalx("%s", err);
	listen_close(&old, &env.listens);
	service_close(&old_services, &env.services);
	for (i = 0; i < env.services.n; i++)
		if (env.services.v[i].path[0] != '\0')
			strlcpy(env.web_path, env.services.v[i].path,
			    sizeof(env.web_path));
	env.web_made = env.web_path[0] != '\0' && !env.replace;
	if (given.control != -1)
		env.control_fd = given.control;
	else if (env.control_fd == -1) {
		if (env.socket[0] == '\0')
			fatalx("control socket: XDG_RUNTIME_DIR is not set, "
			    "use -s");
		env.control_fd = listen_control(env.socket, err, sizeof(err));
		if (env.control_fd == -1)
			fatalx("%s", err);
		env.socket_made = 1;
	}
	if (env.conf->g.uapi == UAPI_OFF) {
		if (env.uapi_fd != -1)
			errx(1, "-R: uapi interface: takes a stop and a "
			    "start to change");
		return;
	}
	snprintf(env.uapi_path, sizeof(env.uapi_path), "%s/%s.sock",
	    UAPI_DIR, env.conf->uapi_name);
	if (env.uapi_fd != -1) {
		/* that of the one before */
		if (!handover_is_at(env.uapi_fd, env.uapi_path))
			errx(1, "-R: uapi interface: takes a stop and a "
			    "start to change");
		return;
	}
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

/* A file for captures; the control engine empties it when it begins. */
static int
open_capture(const char *path)
{
	struct stat	 st;
	int		 fd;

	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1)
		fatal("pcap file: %s", path);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		fatalx("pcap file: %s: not a file", path);
	return (fd);
}

/* While files can still be written: those that take turns are FILE.1, .2 */
static void
open_pcap(void)
{
	char	 path[PATH_MAX];
	int	 i;

	for (i = 0; i < PCAP_FILES; i++)
		env.pcap_fd[i] = -1;
	if (env.conf->pcap_file == NULL)
		return;
	env.pcap_fd[0] = open_capture(env.conf->pcap_file);
	for (i = 1; i < env.conf->g.pcap_files; i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s.%d",
		    env.conf->pcap_file, i) >= sizeof(path))
			fatalx("pcap file: %s: too long",
			    env.conf->pcap_file);
		env.pcap_fd[i] = open_capture(path);
	}
}

/* What the command line says that is not env's. */
struct options {
	const char	*title;		/* of a child, or NULL */
	const char	*sock;
	int		 noaction;
};

/* Is this child needed?  Those that are not always are none later, either. */
static int
wanted(int slot)
{
	switch (slot) {
	case PROC_DERP:
		return (derp_needed(env.conf));
	case PROC_WEB:
		return (web_needed(env.conf));
	case PROC_FILES:
		return (web_needed(env.conf) && !env.from_env &&
		    env.files_dir[0] != '\0');
	default:
		return (slot_worker(slot) < env.workers);
	}
}

/* Each worker's engines among each other, and to those that are there once. */
static void
connect_workers(void)
{
	uint32_t	 w;

	for (w = 0; w < env.workers; w++) {
		children_connect(PROC_CONTROL, proc_slot(PROC_CRYPTO, w));
		children_connect(PROC_CONTROL, proc_slot(PROC_SLIRP, w));
		children_connect(proc_slot(PROC_CRYPTO, w),
		    proc_slot(PROC_SLIRP, w));
		children_queues(w);
		if (w != 0)
			children_connect(PROC_CRYPTO, proc_slot(PROC_CRYPTO,
			    w));
		if (env.child[PROC_DERP].on)
			children_connect(proc_slot(PROC_SLIRP, w), PROC_DERP);
	}
	children_across(PROC_CRYPTO);
	children_across(PROC_SLIRP);
}

/* Take the command line apart, or exit. */
static void
get_options(int argc, char *argv[], struct options *o)
{
	static const char	 dflt[] = WGSLIRPD_CONF;
	int			 ch;

	memset(o, 0, sizeof(*o));
	env.path = dflt;
	env.argv0 = argv[0];
	while ((ch = getopt(argc, argv, "D:P:Rdef:hns:v")) != -1) {
		switch (ch) {
		case 'D':
			if (lex_cmdline(optarg) == -1)
				errx(1, "-D %s: not macro=value", optarg);
			break;
		case 'P':
			o->title = optarg;
			break;
		case 'R':
			env.replace = 1;
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
			exit(0);
		case 'n':
			o->noaction = 1;
			break;
		case 's':
			o->sock = optarg;
			break;
		case 'v':
			env.verbose_flag++;
			break;
		default:
			usage();
			exit(1);
		}
	}
	if (argc != optind) {
		usage();
		exit(1);
	}
	if (env.from_env && env.path != dflt) {
		fprintf(stderr, "wgslirpd: -e and -f exclude each other\n");
		exit(1);
	}
}

int
main(int argc, char *argv[])
{
	struct options	 o;
	const char	*user;
	int		 i;

	if (sandbox_hide() == -1)
		err(1, "cannot hide this process's memory");
	self_bind(argv);
	get_options(argc, argv, &o);
	if (o.title != NULL)
		run_child(o.title, env.foreground);
	log_init(1);
	if (getcwd(env.cwd, sizeof(env.cwd)) == NULL)
		env.cwd[0] = '\0';
	derp_keys(o.noaction ? DERP_KEYS_LATER : DERP_KEYS_MAKE);
	env.conf = read_config(o.noaction);
	derp_keys(DERP_KEYS_THERE);
	watch_before();
	place_peers(env.conf);
	env.workers = env.conf->g.workers;
	config_warn(env.conf);
	lex_warn_unused();
	if (o.noaction) {
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
	set_socket_path(o.sock);
	(void)self_path(env.argv0);	/* or it says why not, here */
	signal(SIGPIPE, SIG_IGN);
	/* each worker has sockets for each address */
	proc_raise_nofile();
	open_sockets();
	open_pcap();
	if (web_needed(env.conf) && !env.from_env)
		web_folder(env.conf);
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
	watch_signal(SIGCHLD, children_died);
	watch_signal(SIGTERM, sig_stop);
	watch_signal(SIGINT, sig_stop);
	watch_signal(SIGHUP, sig_hup);
	atexit(cleanup);
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		if (wanted(i))
			children_start(i, parent_dispatch);
	/* they read none of it before they are locked in */
	connect_workers();
	if (env.child[PROC_DERP].on) {
		children_connect(PROC_CONTROL, PROC_DERP);
		children_link();
	}
	if (env.child[PROC_WEB].on)
		children_connect(PROC_CONTROL, PROC_WEB);
	if (env.child[PROC_FILES].on)
		children_connect(PROC_CONTROL, PROC_FILES);
	watch_hostaddrs();
	handover_listen();
	parent_sandbox();
	watch_start(reload);
	if (env.conf->watch)
		watch_after(1);
	event_base_dispatch(evbase);
	fatalx("event loop ended");
}
