/* SPDX-License-Identifier: ISC */

#ifndef STATE_H
#define STATE_H

#include <sys/un.h>

#include "config.h"
#include "listen.h"
#include "proc.h"

/*
 * What the parent knows: its children, the configuration in force and the
 * one that is being staged, what it has opened, and a change by wg(8).
 */
struct child {
	struct imsgev		 iev;
	struct sandbox_level	 level;
	pid_t			 pid;
	int			 on;		/* it was started */
	int			 ready;
	int			 staged;
	int			 committed;
	int			 alive;		/* it has answered */
	int			 changed;	/* it has made a change */
};

struct conf_set;

struct parent_state {
	struct child		 child[PROC_SLOTS];
	struct config		*conf;
	struct config		*staged;
	struct listen_set	 listens;
	struct listen_set	 staged_listens;
	struct steer_msg	 steer[MAX_WORKERS];	/* who has what */
	uint32_t		 workers;
	struct service_set	 services;
	struct service_set	 staged_services;
	struct event		*poll_ev;
	int			 pcap_fd[PCAP_FILES];	/* until handed over */
	struct sandbox_level	 level;
	const char		*path;
	char			 cwd[1024];	/* where it was started */
	const char		*argv0;
	char			 socket[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];
	char			 uapi_path[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];
	int			 socket_made;
	int			 uapi_made;
	int			 control_fd;	/* until it is handed out */
	int			 uapi_fd;
	int			 control_kept;	/* for who takes over */
	int			 uapi_kept;
	char			 door[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];
	int			 door_fd;	/* where that one comes */
	int			 door_made;
	char			 web_path[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];	/* of the page, or "" */
	int			 web_made;
	char			 files_dir[CTL_PATH_LEN];	/* of peers */
	int			 files_fd;	/* until it is given */
	int			 replace;	/* the one that runs */
	int			 activated_udp;
	int			 from_env;
	int			 foreground;
	int			 verbose_flag;
	int			 started;
	int			 committing;	/* until every child has said so */
	int			 quitting;
	int			 again;		/* reload once more */
	int			 reload_id;	/* control client, 0: none */
	struct conf_set		*set;		/* by wg(8) */
	int			 set_ended;	/* it is complete */
	uint32_t		 set_sent;	/* crypto engines that make it */
	int			 set_failed;	/* too much of it */
	uint32_t		 naips;		/* allowed IPs, at most */
};

extern struct parent_state	 env;

/* The pipes to the engines of a worker, and to the one that shows things. */
#define CRYPTO(w)	(&env.child[proc_slot(PROC_CRYPTO, w)].iev)
#define SLIRP(w)	(&env.child[proc_slot(PROC_SLIRP, w)].iev)
#define CONTROL		(&env.child[PROC_CONTROL].iev)

#endif
