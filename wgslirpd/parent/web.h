/* SPDX-License-Identifier: ISC */

#ifndef WEB_H
#define WEB_H

#include "config.h"
#include "proc.h"

/*
 * The page: who may use it, and what its engine needs.  What returns a text
 * returns NULL, or what is wrong.
 *
 * web_listen:	a UNIX socket of this path
 * web_user:	a user; hash is that of a password, or NULL: a proxy says who it
 *		is; role is "admin", "view" or NULL, which is the first
 * web_hash_gone: the last user's hash was redacted, by -nv
 * web_trust:	the header of such a proxy, and the role of who is no user here,
 *		or NULL: none.  The prefixes that it comes from are added after
 *		that, to config.web_from
 * web_check:	all of it
 * web_needed:	is there a page at all?
 * web_path:	the UNIX socket where, or ""
 * web_send:	users and whom to believe, for staging
 * web_folder:	find or make the folder of the peers' files, before this process
 *		is locked in
 */
const char	*web_listen(struct config *, const char *,
		    struct conf_service **);
const char	*web_user(struct config *, const char *, const char *,
		    const char *);
void		 web_hash_gone(struct config *);
const char	*web_trust(struct config *, const char *, const char *);
const char	*web_check(const struct config *);
int		 web_needed(const struct config *);
const char	*web_path(const struct config *);
void		 web_send(const struct config *, struct imsgev *);
void		 web_folder(const struct config *);

#endif
