/* SPDX-License-Identifier: ISC */

#ifndef JSON_H
#define JSON_H

#include <stdio.h>

/*
 * A text as a JSON string (RFC 8259 7), quotes included.  What would end a
 * script or begin an element of a page is written by its number, and so is what
 * is no UTF-8, each byte as the character of Latin-1.
 */
void	 json_string(FILE *, const char *);

/* The name of a member, with its colon. */
void	 json_key(FILE *, const char *);

#endif
