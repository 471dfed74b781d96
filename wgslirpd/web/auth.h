/* SPDX-License-Identifier: ISC */

#ifndef AUTH_H
#define AUTH_H

#include "addr.h"
#include "conf.h"
#include "httpd.h"

/*
 * Who somebody is.  A user with a password gets a session, whose token is in a
 * cookie that scripts cannot read; of others a proxy says who they are, in a
 * header that is believed from its addresses and from a UNIX socket.
 */

/* The headers that are looked at, in the order of auth_wanted[]. */
enum auth_header {
	AUTH_COOKIE,
	AUTH_HOST,
	AUTH_ORIGIN,
	AUTH_SITE,
	AUTH_CSRF,
	AUTH_FORWARDED_FOR,
	AUTH_FORWARDED_PROTO,
	AUTH_USER,		/* the proxy's, if there is one */
	AUTH_HEADERS
};
extern const char	*auth_wanted[AUTH_HEADERS + 1];

#define AUTH_TOKEN	32	/* bytes */
#define AUTH_TEXT	(2 * AUTH_TOKEN + 1)

struct auth_who {
	char		 name[WEB_USER_LEN];
	enum web_role	 role;
	int		 by_proxy;
	uint8_t		 token[AUTH_TOKEN];	/* of the session */
	char		 csrf[AUTH_TEXT];	/* what changes need to have */
};

/* Before anything is read; exits if libsodium cannot be used. */
void	 auth_init(void);

/* A configuration: users and whom to believe, and that it takes effect. */
void	 auth_stage_user(const struct web_user *);
void	 auth_stage_trust(const struct web_trust *);
void	 auth_stage_from(const struct ipprefix *);
void	 auth_commit(void);

/* Who has sent this?  -1: nobody who is known. */
int	 auth_who(const struct httpd_request *, struct auth_who *);

/* Is there a proxy at this address, for many users? */
int	 auth_is_proxy(const struct ipaddr *);

/* Is it still so?  0 when the session is over, or the user is gone. */
int	 auth_still(const struct auth_who *);

/* Was this made by the page, and not by another one in the same browser? */
int	 auth_same_origin(const struct httpd_request *);
int	 auth_csrf_ok(const struct httpd_request *, const struct auth_who *);

enum auth_result {
	AUTH_OK,
	AUTH_WRONG,
	AUTH_WAIT,		/* too many have been wrong */
	AUTH_MEMORY		/* there is too little to tell */
};

/*
 * Log in; who is filled in, and cookie gets a header with its CRLF.  Takes the
 * time that a hash takes, also where there is no such user.
 */
enum auth_result	 auth_login(const struct httpd_request *, const char *,
			    const char *, struct auth_who *, char *, size_t);
void	 auth_logout(const struct auth_who *, char *, size_t);

#endif
