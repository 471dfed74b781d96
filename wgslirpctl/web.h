/* SPDX-License-Identifier: ISC */

#ifndef WEB_H
#define WEB_H

/*
 * Read a password, twice at a terminal, and print its hash, as "web user" of
 * the configuration has it; exits if that cannot be done.
 */
void	 web_password(void);

#endif
