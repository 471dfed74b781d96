/* SPDX-License-Identifier: ISC */

/*
 * Configurations on their way into force, the first one and those of a
 * reload, and changes by wg(8): each is checked, staged in every child and
 * then committed, one after the other.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "children.h"
#include "derp.h"
#include "grammar.h"
#include "handover.h"
#include "lex.h"
#include "log.h"
#include "notify.h"
#include "place.h"
#include "reload.h"
#include "send.h"
#include "state.h"
#include "steer.h"
#include "watch.h"
#include "watchdog.h"
#include "web.h"
#include "wgset.h"

static void	 reload_next(void);
static void	 change(void);

/*
 * A worker's sockets.  Where the kernel does not steer there is one for all,
 * which the first reads, and the others send with.
 */
static void
send_worker_sockets(const struct listen_set *set, uint32_t w)
{
	const int	(*side)[STEER_SIDES];
	uint32_t	  k, read;
	int		  i, fd;

	for (i = 0; i < set->n; i++) {
		side = set->side[i];
		fd = w == 0 ? set->fd[i] : side[w][STEER_OWN];
		read = fd != -1;
		imsgev_must(CRYPTO(w), IMSG_SOCKET, 0, children_dup(read ?
		    fd : set->fd[i]), &read, sizeof(read));
		for (k = 0; k < STEER_SIDES; k++)
			if (side[w][k] != -1 && (w == 0 || k != STEER_OWN))
				imsgev_must(CRYPTO(w), IMSG_SIDE, 0,
				    children_dup(side[w][k]), &k, sizeof(k));
	}
}

static void
send_sockets(const struct listen_set *set)
{
	uint32_t	 w;

	for (w = 0; w < env.workers; w++)
		send_worker_sockets(set, w);
}

/* Have the kernel steer by the sessions that there are. */
static void
aim(void)
{
	int	 i;

	for (i = 0; i < env.listens.n; i++)
		if (env.listens.side[i][0][0] != -1 &&
		    steer_aim(env.listens.fd[i], env.steer, env.workers,
		    env.conf->g.gateway) == -1)
			log_debug("sessions: %s", strerror(errno));
}

/* A crypto engine tells what sessions there are. */
void
reload_steer(struct imsg *imsg, uint32_t worker)
{
	struct steer_msg	 m;
	uint32_t		 i;

	imsg_is(imsg, &m, sizeof(m));
	if (m.n[STEER_HEAVY] > STEER_MAX ||
	    m.n[STEER_LITTLE] > STEER_MAX - m.n[STEER_HEAVY])
		bad_imsg("crypto", IMSG_STEER);
	/* none draws others' datagrams to itself */
	for (i = 0; i < m.n[STEER_HEAVY] + m.n[STEER_LITTLE]; i++)
		if (index_worker(m.index[i], env.workers) != worker)
			bad_imsg("crypto", IMSG_STEER);
	env.steer[worker] = m;
	aim();
}

/* Who serves it. */
static enum proc_id
service_owner(const struct conf_service *s)
{
	switch (s->s.kind) {
	case SERVICE_METRICS:
		return (PROC_CONTROL);
	case SERVICE_RELAY:
		return (PROC_DERP);
	case SERVICE_WEB:
		return (PROC_WEB);
	default:
		return (PROC_SLIRP);
	}
}

/* Send a configuration for staging, with the sockets to listen on. */
static void
stage(struct config *conf, struct listen_set *set,
    const struct service_set *services)
{
	int	 i;

	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		env.child[i].staged = 0;
	for (i = PROC_DERP; i < PROC_MAX; i++)
		if (env.child[i].on)
			imsgev_must(&env.child[i].iev, IMSG_CONF_BEGIN, 0, -1,
			    &conf->g, sizeof(conf->g));
	config_send(conf);
	config_send_relays(conf);
	web_send(conf, &env.child[PROC_WEB].iev);
	send_sockets(set);
	for (i = 0; i < services->n; i++)
		config_service_send(services->v[i].s, &services->v[i].addr,
		    children_dup(services->v[i].fd),
		    &env.child[service_owner(services->v[i].s)].iev);
	if (config_send_hostaddrs() == -1 &&
	    !env.started)
		fatalx("guests could reach this host's services");
	children_send(IMSG_CONF_END, NULL, 0);
	/* the keys are with the crypto engine now */
	config_wipe(conf);
}

/* Every child is locked in: hand out sockets and configuration. */
void
reload_ready(void)
{
	struct ctl_process	 m;
	uint32_t		 on = 1;
	int			 i;

	for (i = PROC_PARENT; i < PROC_SLOTS; i++) {
		if (i != PROC_PARENT && !env.child[i].on)
			continue;
		memset(&m, 0, sizeof(m));
		strlcpy(m.title, proc_title(i), sizeof(m.title));
		m.pid = i == PROC_PARENT ? getpid() : env.child[i].pid;
		m.seccomp = i == PROC_PARENT ? env.level.seccomp :
		    env.child[i].level.seccomp;
		m.landlock = i == PROC_PARENT ? env.level.landlock :
		    env.child[i].level.landlock;
		imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_PROCESS, 0,
		    -1, &m, sizeof(m));
	}
	imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_SOCKET, 0,
	    children_dup(env.control_fd), &on, sizeof(on));
	env.control_kept = env.control_fd;
	env.control_fd = -1;
	if (env.uapi_fd != -1)
		imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_UAPI_SOCKET,
		    0, children_dup(env.uapi_fd), NULL, 0);
	env.uapi_kept = env.uapi_fd;
	env.uapi_fd = -1;
	for (i = 0; i < PCAP_FILES; i++) {
		if (env.pcap_fd[i] != -1)
			imsgev_must(&env.child[PROC_CONTROL].iev, IMSG_PCAP,
			    0, env.pcap_fd[i], NULL, 0);
		env.pcap_fd[i] = -1;
	}
	children_send(IMSG_VERBOSE, &env.conf->verbose,
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
void
reload_staged(void)
{
	int	 i;

	if (!env.started && handover_wait(reload_staged))
		return;
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		env.child[i].committed = 0;
	env.committing = 1;
	children_send(IMSG_CONF_COMMIT, NULL, 0);
	if (!env.started) {
		children_send(IMSG_START, NULL, 0);
		return;
	}
	config_free(env.conf);
	env.conf = env.staged;
	env.staged = NULL;
	listen_close(&env.listens, &env.staged_listens);
	env.listens = env.staged_listens;
	/* another number of the gateway, or other sockets */
	if (env.workers > 1)
		aim();
	memset(&env.staged_listens, 0, sizeof(env.staged_listens));
	service_close(&env.services, &env.staged_services);
	env.services = env.staged_services;
	env.staged_services.n = 0;
	log_setverbose(env.conf->verbose);
	children_send(IMSG_VERBOSE, &env.conf->verbose,
	    sizeof(env.conf->verbose));
}

/*
 * It has taken effect everywhere: who asked for it sees it, whichever process
 * answers the next question.
 */
void
reload_committed(void)
{
	env.committing = 0;
	if (!env.started) {
		env.started = 1;
		notify("READY=1");
		watchdog_start();
		log_info("started, %u peers", env.conf->npeers);
	} else
		log_info("configuration reloaded, %u peers",
		    env.conf->npeers);
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

void
change_done(int error)
{
	struct set_done	 r = { error, env.naips };

	set_free(env.set);
	env.set = NULL;
	env.set_ended = env.set_failed = 0;
	env.set_sent = 0;
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
	if (TAILQ_EMPTY(&env.conf->listens))
		return (EOPNOTSUPP);
	memset(&tmp, 0, sizeof(tmp));
	tmp.g.offload = env.conf->g.offload;
	tmp.g.workers = env.conf->g.workers;
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
	uint32_t		 w;
	int			 error;

	memset(&set, 0, sizeof(set));
	error = env.set_failed ? ENOSPC : set_check(env.set, env.conf,
	    env.naips);
	if (error == 0 && d->flags & SET_LISTEN_PORT)
		error = change_port(d->listen_port, &set);
	if (error != 0) {
		change_done(error);
		return;
	}
	for (w = 0; w < env.workers; w++)
		imsgev_must(CRYPTO(w), IMSG_SET_BEGIN, 0, -1, d, sizeof(*d));
	send_sockets(&set);
	set_commit(env.set, env.conf);
	env.set_sent = env.workers;
	for (w = 0; w < env.workers; w++)
		env.child[proc_slot(PROC_CRYPTO, w)].changed = 0;
}

/* The change comes in from the control engine. */
void
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
		if (env.staged == NULL && !env.committing)
			change();
		break;
	}
}

/*
 * Read the configuration again.  Nothing changes unless all of it is
 * right and everything that it needs can be bound.
 */
void
reload(void)
{
	struct config	*conf;
	char		 err[CTL_TEXT_LEN];

	if (env.staged != NULL || env.committing || env.set_sent) {
		env.again = 1;	/* this one read what was there before */
		return;
	}
	if (env.from_env) {
		log_warnx("not reloaded: the configuration is from the "
		    "environment");
		reload_answer("the configuration is from the environment");
		return;
	}
	watch_before();
	conf = parse_config(env.path, 0);
	watch_after(conf != NULL ? conf->watch : env.conf->watch);
	if (conf == NULL) {
		log_warnx("configuration not reloaded");
		reload_answer(lex_error());
		return;
	}
	if (env.verbose_flag)
		conf->verbose = 1;
	if ((conf->g.uapi != UAPI_OFF) != (env.conf->g.uapi != UAPI_OFF) ||
	    strcmp(conf->uapi_name, env.conf->uapi_name) != 0) {
		reload_fail(conf, "uapi interface: takes a restart to "
		    "change");
		return;
	}
	if (conf->g.workers != env.workers) {
		reload_fail(conf, "workers: takes a restart to change");
		return;
	}
	if (derp_needed(conf) && !env.child[PROC_DERP].on) {
		reload_fail(conf, "derp: takes a restart to begin with");
		return;
	}
	if (strcmp(web_path(conf), env.web_path) != 0) {
		reload_fail(conf, "web listen: a UNIX socket takes a restart "
		    "to change");
		return;
	}
	if (web_needed(conf) && !env.child[PROC_WEB].on) {
		reload_fail(conf, "web: takes a restart to begin with");
		return;
	}
	if (strcmp(conf->pcap_file != NULL ? conf->pcap_file : "",
	    env.conf->pcap_file != NULL ? env.conf->pcap_file : "") != 0 ||
	    conf->g.pcap_files != env.conf->g.pcap_files) {
		reload_fail(conf, "pcap file: takes a restart to change");
		return;
	}
	if (config_merge(conf, env.conf) == -1) {
		reload_fail(conf, "too many peers, with those of wg(8)");
		return;
	}
	if (place_peers(conf) == -1) {
		reload_fail(conf, "a peer of wg(8) would have to live with "
		    "another worker: takes a restart");
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
