/* SPDX-License-Identifier: ISC */

#ifndef WEBCONF_H
#define WEBCONF_H

#include <stdint.h>

/*
 * Who may use the page.  The hash of a password is what libsodium's
 * crypto_pwhash_str(3) makes; one without is somebody of whom a proxy says that
 * it is him.
 */
#define MAX_WEB_USERS	64
#define WEB_USER_LEN	64
#define WEB_HASH_LEN	128
#define WEB_HEADER_LEN	32

enum web_role {
	WEB_VIEW,
	WEB_ADMIN
};

struct web_user {
	char		 name[WEB_USER_LEN];
	char		 hash[WEB_HASH_LEN];	/* "": no password */
	uint32_t	 role;			/* enum web_role */
};

/* A header with a user's name, from a proxy that has asked who it is. */
struct web_trust {
	char		 header[WEB_HEADER_LEN];
	int32_t		 role;	/* of who is no user here; -1: nobody is */
};

#endif
