/* SPDX-License-Identifier: ISC */

#ifndef CONVERT_H
#define CONVERT_H

/* Print a wg-quick file as a configuration of wgslirpd; exits if it is none. */

void	 convert(const char *, const char *);

/*
 * Print a configuration of wgslirpd as a wg-quick file: the server's, or that
 * of one peer by name; exits if it cannot be one.
 */
void	 convert_back(const char *, const char *);

#endif
