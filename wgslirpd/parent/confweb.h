/* SPDX-License-Identifier: ISC */

#ifndef CONFWEB_H
#define CONFWEB_H

#include <sys/types.h>
#include <sys/queue.h>

#include "addr.h"
#include "webconf.h"

struct conf_prefix {
	TAILQ_ENTRY(conf_prefix)	 entry;
	struct ipprefix			 prefix;
};
TAILQ_HEAD(conf_prefixes, conf_prefix);

/* Who may use the page, as the parent has it. */
struct conf_web_user {
	TAILQ_ENTRY(conf_web_user)	 entry;
	struct web_user			 u;
	int				 redacted;
};
TAILQ_HEAD(conf_web_users, conf_web_user);

struct conf_web {
	struct conf_web_users		 users;
	struct web_trust		 trust;		/* no header: none */
	struct conf_prefixes		 from;
};

#endif
