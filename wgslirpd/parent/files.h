/* SPDX-License-Identifier: ISC */

#ifndef FILES_H
#define FILES_H

#include "config.h"

/*
 * Each of these returns 0, or -1 after telling what is wrong, which never shows
 * a secret; set_key() leaves that to its caller.
 *
 * set_key:	a key as text, which is wiped and freed
 * set_secret:	the same of one that nobody else may see
 * read_key:	one in a file
 * read_table:	a file of prefixes
 * read_users:	a file of users and passwords
 * read_user:	the same of one user alone
 */
int	 set_key(char *, uint8_t [KEY_LEN]);
int	 set_secret(char *, uint8_t [KEY_LEN], const char *);
int	 read_key(const char *, uint8_t [KEY_LEN]);
int	 read_table(struct conf_table *, const char *);
int	 read_users(struct conf_service *, const char *);
int	 read_user(const char *, struct service_user *);

#endif
