/* SPDX-License-Identifier: ISC */

#ifndef CONVERT_H
#define CONVERT_H

/* Print a wg-quick file as a configuration of wgslirpd; exits if it is none. */

void	 convert(const char *);

#endif
